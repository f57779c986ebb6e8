//! What only a file promises: that it is all there afterwards.

use bytes::Bytes;
use cardea_state::{Bounds, Bucket, File, Keep, Kv, Limiter, Period, Quota, Rate, Rule, Space, Window};

use crate::support::now;

const ANY: Space<'static> = Space { name: "n", quota: Quota { keys: usize::MAX, bytes: usize::MAX } };

fn buckets(cost: u32) -> [Bucket; 3] {
    let day = Window { limit: 10, per: Period::Day, utc_offset_minutes: 0 };
    let rules = [Rule::Rate(Rate { capacity: 10, refill_per_second: 0.0001 }), Rule::Window(day), Rule::Concurrent(10)];
    rules.map(|rule| Bucket { key: "k".to_owned(), rule, cost })
}

async fn left(file: &File, now_ms: u64) -> [u64; 3] {
    let mut left = [0; 3];
    for (left, bucket) in left.iter_mut().zip(buckets(0)) {
        *left = file.take("n", &[bucket], now_ms).await.unwrap().remaining;
    }
    left
}

#[tokio::test]
async fn values_and_counters_outlive_the_process_and_slots_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let now_ms = now();
    {
        let file = File::open(folder.path(), Bounds::default(), now_ms).unwrap();
        let durable = file.keeping(Keep::Durable);
        durable.put(ANY, "k", Bytes::from_static(b"v"), None, now_ms).await.unwrap();
        let taken = file.take("n", &buckets(4), now_ms).await.unwrap();
        assert!(taken.allowed);
        file.settle("n", &buckets(0)[1], 3, now_ms).await.unwrap();
        assert_eq!(left(&file, now_ms).await, [6, 3, 6]);
    }
    let file = File::open(folder.path(), Bounds::default(), now_ms).unwrap();
    assert_eq!(left(&file, now_ms).await, [6, 3, 10]);
    assert_eq!(file.get(ANY, "k", now_ms).await.unwrap().as_deref(), Some(&b"v"[..]));
    drop(file);
    let days_later = now_ms + 3 * 86_400_000;
    let file = File::open(folder.path(), Bounds::default(), days_later).unwrap();
    assert_eq!(left(&file, days_later).await, [10, 10, 10], "what ran out is not counted on");
}

#[tokio::test]
async fn one_gateway_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let first = File::open(folder.path(), Bounds::default(), 0).unwrap();
    let second = File::open(folder.path(), Bounds::default(), 0).err().unwrap().to_string();
    assert!(second.contains("another gateway keeps its state there"), "{second}");
    drop(first);
    assert!(File::open(folder.path(), Bounds::default(), 0).is_ok());
}

#[tokio::test]
async fn a_file_that_is_none_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("state.db");
    let text = "this is a diary, and not a database; it is long enough to have a header of a hundred bytes ".repeat(8);
    std::fs::write(&place, &text).unwrap();
    let refused = File::open(folder.path(), Bounds::default(), 0).err().unwrap().to_string();
    assert!(refused.contains("state.db") && refused.contains("not a database"), "{refused}");
    assert_eq!(std::fs::read_to_string(&place).unwrap(), text);
}
