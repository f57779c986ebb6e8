//! What only a shared back end promises: gateways that count together, and what is done while it is lost.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cardea_state::{
    Bounds, Bucket, Keep, KvLoss, Limiter, LimiterLoss, Memory, Period, Quota, Rate, Redis, RedisSettings, Rule, Space,
    StateFault, Store, Window,
};
use cardea_test_support::RedisServer;
use futures_util::future::try_join_all;

use crate::support::redis;

const PATIENCE: Duration = Duration::from_millis(4);
const ANY: Space<'static> = Space { name: "n", quota: Quota { keys: usize::MAX, bytes: usize::MAX } };

fn server() -> (tempfile::TempDir, Option<RedisServer>) {
    let folder = tempfile::tempdir().unwrap();
    let server = RedisServer::start(folder.path()).unwrap();
    (folder, server)
}

async fn impatient(server: &RedisServer) -> Redis {
    let (address, bounds) = (server.address(), Bounds::default());
    Redis::open(RedisSettings { address, prefix: "test".into(), patience: PATIENCE, bounds }).await.unwrap()
}

fn bucket(capacity: u32, refill_per_second: f64) -> [Bucket; 1] {
    [Bucket { key: "k".to_owned(), rule: Rule::Rate(Rate { capacity, refill_per_second }), cost: 1 }]
}

fn is_loss<T>(result: &Result<T, StateFault>) -> bool {
    matches!(result, Err(StateFault::Unavailable(_) | StateFault::Timeout(_)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_gateways_admit_what_one_would() {
    let (_folder, Some(server)) = server() else { return };
    let figures = sixty_four_clients(&server, Duration::from_secs(2)).await;
    assert!((figures.admitted - figures.allowed).abs() <= figures.allowed * 0.01, "{figures:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a minute and prints a measurement; run it with --release"]
async fn four_gateways_for_a_minute() {
    let (_folder, Some(server)) = server() else { return };
    println!("{:?}", sixty_four_clients(&server, Duration::from_secs(60)).await);
}

#[derive(Debug)]
#[expect(dead_code, reason = "printed")]
struct Figures {
    admitted: f64,
    allowed: f64,
    takes_per_second: f64,
    p50: Duration,
    p99: Duration,
}

/// What 64 clients of four gateways are admitted together, one take after the other each.
async fn sixty_four_clients(server: &RedisServer, time: Duration) -> Figures {
    let (burst, refill) = (200, 500.0);
    let mut gateways = Vec::new();
    for _ in 0..4 {
        gateways.push(Arc::new(redis(server, Bounds::default()).await));
    }
    let started = Instant::now();
    let clients = (0..64).map(|number| {
        let gateway = Arc::clone(&gateways[number % 4]);
        tokio::spawn(async move {
            let (mut admitted, mut times) = (0u32, Vec::new());
            while started.elapsed() < time {
                let asked = Instant::now();
                admitted += u32::from(gateway.take("n", &bucket(burst, refill), 0).await.unwrap().allowed);
                times.push(asked.elapsed());
            }
            (admitted, times)
        })
    });
    let (admitted, times): (Vec<u32>, Vec<Vec<Duration>>) = try_join_all(clients).await.unwrap().into_iter().unzip();
    let elapsed = started.elapsed().as_secs_f64();
    let mut times = times.concat();
    times.sort();
    Figures {
        admitted: admitted.iter().sum::<u32>().into(),
        allowed: f64::from(burst) + refill * elapsed,
        takes_per_second: times.len() as f64 / elapsed,
        p50: times[times.len() / 2],
        p99: times[times.len() * 99 / 100],
    }
}

#[tokio::test]
async fn slots_are_shared_and_those_of_the_dead_come_free() {
    let (_folder, Some(server)) = server() else { return };
    let (one, other) = (redis(&server, Bounds::default()).await, redis(&server, Bounds::default()).await);
    let slots = [Bucket { key: "k".into(), rule: Rule::Concurrent(2), cost: 2 }];
    let taken = one.take("n", &slots, 0).await.unwrap();
    assert!(taken.allowed);
    assert!(!other.take("n", &slots, 0).await.unwrap().allowed);
    // A gateway that dies gives nothing back: its slots have a time.
    let _dead = std::mem::ManuallyDrop::new(taken);
    let ttl = server.tell("PTTL test:{n}:slots:k").unwrap();
    let ttl: i64 = ttl.trim_start_matches(':').parse().unwrap();
    assert!((1..=61_000).contains(&ttl), "{ttl}");
    // As if that time had passed.
    let aged = "EVAL redis.call('ZADD','test:{n}:slots:k','XX',1,redis.call('ZRANGE','test:{n}:slots:k',0,0)[1]) 0";
    assert!(server.tell(aged).unwrap().starts_with('$'), "a script that returns nothing");
    assert!(other.take("n", &slots, 0).await.unwrap().allowed);
}

/// Every way to lose a Redis: how it is lost, and how it comes back.
type Loss = (&'static str, fn(&mut RedisServer), fn(&mut RedisServer));

const LOSSES: [Loss; 3] = [
    ("killed", |server| server.kill().unwrap(), |server| server.run().unwrap()),
    ("slow", |server| server.freeze().unwrap(), |server| server.thaw().unwrap()),
    ("read-only", |server| server.read_only(true).unwrap(), |server| server.read_only(false).unwrap()),
];

#[tokio::test]
async fn a_lost_redis_is_answered_for_at_once_and_as_each_use_wants_it() {
    for (how, lose, come_back) in LOSSES {
        let (_folder, Some(mut server)) = server() else { return };
        let shared = Arc::new(impatient(&server).await);
        let store = Store::Redis { shared, local: Arc::new(Memory::default()) };
        let [refuse, local, allow] =
            [LimiterLoss::Refuse, LimiterLoss::Local, LimiterLoss::Allow].map(|loss| store.limiter(loss));
        let [closed, empty] = [KvLoss::Refuse, KvLoss::Empty].map(|loss| store.kv(Keep::Process, loss));
        takes_again(&*refuse, how).await;

        lose(&mut server);
        // Whoever asks until the breaker opens, waits no longer than patience lasts.
        while !matches!(refuse.take("n", &bucket(1, 0.001), 0).await, Err(StateFault::Unavailable(_))) {}
        let mut waits = Vec::new();
        for _ in 0..50 {
            let asked = Instant::now();
            assert!(is_loss(&refuse.take("n", &bucket(1, 0.001), 0).await), "{how}");
            waits.push(asked.elapsed());
        }
        waits.sort();
        assert!(waits[25] < Duration::from_millis(5), "{how}: {:?}", waits[25]);

        let alone = bucket(1, 0.001);
        assert!(local.take("local", &alone, 0).await.unwrap().allowed, "{how}");
        assert!(!local.take("local", &alone, 0).await.unwrap().allowed, "{how}: each gateway counts for itself");
        for _ in 0..2 {
            assert!(allow.take("n", &alone, 0).await.unwrap().allowed, "{how}");
        }
        assert!(is_loss(&closed.get(ANY, "k", 0).await) && is_loss(&closed.put(ANY, "k", "v".into(), None, 0).await));
        assert_eq!(empty.get(ANY, "k", 0).await, Ok(None), "{how}");
        assert_eq!(empty.put(ANY, "k", "v".into(), None, 0).await, Ok(()), "{how}");
        assert_eq!(empty.cas(ANY, "k", None, "v".into(), None, 0).await, Ok(true), "{how}");

        come_back(&mut server);
        takes_again(&*refuse, how).await;
    }
}

async fn takes_again(limiter: &dyn Limiter, how: &str) {
    let takes = async {
        while !limiter.take("again", &bucket(1000, 1000.0), 0).await.is_ok_and(|taken| taken.allowed) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(cardea_test_support::DEADLINE, takes)
        .await
        .unwrap_or_else(|_| panic!("{how}: it never came back"));
}

#[tokio::test]
async fn a_gateway_starts_without_its_redis_and_finds_it_later() {
    let (_folder, Some(mut server)) = server() else { return };
    server.kill().unwrap();
    let redis = impatient(&server).await;
    let fault = redis.take("n", &bucket(1, 1.0), 0).await.unwrap_err().to_string();
    assert!(fault.contains("cannot connect"), "{fault}");
    server.run().unwrap();
    takes_again(&redis, "absent").await;
}

#[tokio::test]
async fn what_others_keep_under_a_key_is_not_taken_for_a_counter() {
    let (_folder, Some(server)) = server() else { return };
    let redis = redis(&server, Bounds::default()).await;
    server.tell("LPUSH test:{n}:rate:k nonsense").unwrap();
    assert!(is_loss(&redis.take("n", &bucket(1, 1.0), 0).await));
    let day = Window { limit: 1, per: Period::Day, utc_offset_minutes: 0 };
    let other = [Bucket { key: "k".into(), rule: Rule::Window(day), cost: 1 }];
    assert!(redis.take("n", &other, 0).await.unwrap().allowed, "one strange key takes nobody else down");
}

#[test]
fn an_address_that_is_none_is_refused_without_repeating_its_password() {
    for address in ["localhost:6379", "http://localhost", "redis://:secret@host:port"] {
        let wrong = Redis::check(address).unwrap_err().to_string();
        assert!(wrong.contains("is no address of a Redis") && !wrong.contains("secret"), "{wrong}");
    }
    for address in ["redis://:secret@localhost:6379/1", "rediss://host", "unix:///run/redis.sock"] {
        assert_eq!(Redis::check(address), Ok(()));
    }
}
