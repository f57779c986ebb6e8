//! Keys and values, the same on every back end.

use std::time::Duration;

use bytes::Bytes;
use cardea_state::{Bounds, Quota, Space, StateFault};

use crate::support::House;

const ANY: Space<'static> = Space { name: "n", quota: Quota { keys: usize::MAX, bytes: usize::MAX } };
const SOON: Option<Duration> = Some(Duration::from_millis(60));

impl House {
    async fn get(&self, key: &str) -> Option<Bytes> {
        self.kv.get(ANY, key, self.now_ms).await.unwrap_or_else(|fault| panic!("{}: {fault}", self.name))
    }

    async fn put(&self, space: Space<'_>, key: &str, value: &[u8], ttl: Option<Duration>) -> Result<(), StateFault> {
        self.kv.put(space, key, Bytes::copy_from_slice(value), ttl, self.now_ms).await
    }

    async fn add(&self, key: &str, delta: i64, ttl: Option<Duration>) -> Result<i64, StateFault> {
        self.kv.add(ANY, key, delta, ttl, self.now_ms).await
    }

    async fn cas(&self, key: &str, expect: Option<&[u8]>, value: &[u8]) -> bool {
        let expect = expect.map(Bytes::copy_from_slice);
        self.kv.cas(ANY, key, expect, Bytes::copy_from_slice(value), None, self.now_ms).await.unwrap()
    }
}

#[tokio::test]
async fn a_value_is_there_until_it_expires_or_is_deleted() {
    for mut house in House::all(Bounds::default()).await {
        let name = house.name;
        let bytes: Vec<u8> = (0..=255).collect();
        house.put(ANY, "brief", &bytes, SOON).await.unwrap();
        house.put(ANY, "k\u{0}/ü {x}", b"", None).await.unwrap();
        assert_eq!(house.get("brief").await.as_deref(), Some(&bytes[..]), "{name}");
        assert_eq!(house.get("k\u{0}/ü {x}").await.as_deref(), Some(&b""[..]), "{name}");
        house.pass(Duration::from_millis(70)).await;
        assert_eq!(house.get("brief").await, None, "{name}");
        house.kv.delete(ANY, "k\u{0}/ü {x}").await.unwrap();
        house.kv.delete(ANY, "never there").await.unwrap();
        assert_eq!(house.get("k\u{0}/ü {x}").await, None, "{name}");
    }
}

#[tokio::test]
async fn namespaces_do_not_see_each_other() {
    for house in House::all(Bounds::default()).await {
        house.put(ANY, "k", b"v", None).await.unwrap();
        let other = house.kv.get(Space { name: "m", ..ANY }, "k", house.now_ms).await;
        assert_eq!(other, Ok(None), "{}", house.name);
    }
}

#[tokio::test]
async fn sums_are_text_and_their_ttl_counts_from_the_first() {
    for mut house in House::all(Bounds::default()).await {
        let name = house.name;
        assert_eq!(house.add("n", 2, SOON).await, Ok(2), "{name}");
        assert_eq!(house.add("n", -5, Some(Duration::from_secs(60))).await, Ok(-3), "{name}");
        assert_eq!(house.get("n").await.as_deref(), Some(&b"-3"[..]), "{name}");
        house.pass(Duration::from_millis(70)).await;
        assert_eq!(house.add("n", i64::MAX, None).await, Ok(i64::MAX), "{name}");
        assert!(matches!(house.add("n", 1, None).await, Err(StateFault::Invalid(_))), "{name}");
        assert_eq!(house.get("n").await, Some(i64::MAX.to_string().into()), "{name}: exact to the last digit");
        house.put(ANY, "text", b"text", None).await.unwrap();
        assert!(matches!(house.add("text", 1, None).await, Err(StateFault::Invalid(_))), "{name}");
    }
}

#[tokio::test]
async fn cas_writes_only_over_what_it_expects() {
    for house in House::all(Bounds::default()).await {
        let name = house.name;
        assert!(!house.cas("k", Some(b"0"), b"1").await, "{name}");
        assert!(house.cas("k", None, b"").await, "{name}");
        assert!(!house.cas("k", None, b"2").await, "{name}: empty is not absent");
        assert!(house.cas("k", Some(b""), b"2").await, "{name}");
        assert_eq!(house.get("k").await.as_deref(), Some(&b"2"[..]), "{name}");
    }
}

#[tokio::test]
async fn a_quota_refuses_more_and_the_expired_make_room() {
    for mut house in House::all(Bounds::default()).await {
        let name = house.name;
        let space = Space { quota: Quota { keys: 2, bytes: 10 }, ..ANY };
        let full = |put: Result<(), StateFault>| matches!(put, Err(StateFault::Full(_)));
        house.put(space, "a", b"1234", SOON).await.unwrap();
        house.put(space, "b", b"1234", SOON).await.unwrap();
        assert!(full(house.put(space, "c", b"", None).await), "{name}");
        assert!(full(house.put(space, "b", b"12345", None).await), "{name}");
        assert_eq!(house.get("b").await.as_deref(), Some(&b"1234"[..]), "{name}: what did not fit changed nothing");
        house.put(space, "b", b"1", SOON).await.unwrap();
        house.put(space, "a", b"1234567", SOON).await.unwrap();
        house.pass(Duration::from_millis(1100)).await;
        house.put(space, "c", b"123456789", None).await.unwrap();
        let less = Space { quota: Quota { keys: 1, bytes: 2 }, ..ANY };
        assert!(full(house.put(less, "d", b"", None).await), "{name}");
        assert!(house.get("c").await.is_some(), "{name}: a smaller quota takes nothing away");
        house.kv.delete(ANY, "c").await.unwrap();
        house.put(less, "d", b"1", None).await.unwrap();
    }
}

#[tokio::test]
async fn the_bounds_of_the_back_end_hold_beside_any_quota() {
    let bounds = Bounds { keys: 2, bytes: 20, ..Bounds::default() };
    for house in House::all(bounds).await {
        let full = |put: Result<(), StateFault>| matches!(put, Err(StateFault::Full(_)));
        house.put(ANY, "a", b"", None).await.unwrap();
        assert!(full(house.put(ANY, "b", &[0; 30], None).await), "{}", house.name);
        house.put(ANY, "b", b"", None).await.unwrap();
        assert!(full(house.put(ANY, "c", b"", None).await), "{}", house.name);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_addition_is_lost() {
    for house in House::all(Bounds::default()).await {
        let additions = (0..8).map(|_| {
            let (kv, now_ms) = (house.kv.clone(), house.now_ms);
            tokio::spawn(async move {
                for _ in 0..25 {
                    kv.add(ANY, "sum", 1, None, now_ms).await.unwrap();
                }
            })
        });
        futures_util::future::try_join_all(additions).await.unwrap();
        assert_eq!(house.get("sum").await.as_deref(), Some(&b"200"[..]), "{}", house.name);
    }
}
