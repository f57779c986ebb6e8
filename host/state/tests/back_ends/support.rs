//! Every back end there is, each behind the same two traits, and time that passes for all of them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cardea_state::{Bounds, File, Keep, Kv, KvLoss, Limiter, LimiterLoss, Memory, Redis, RedisSettings, Store};
use cardea_test_support::RedisServer;
use std::sync::Arc;

/// A back end with what it stands on.
pub(crate) struct House {
    pub(crate) name: &'static str,
    pub(crate) limiter: Arc<dyn Limiter>,
    pub(crate) kv: Arc<dyn Kv>,
    pub(crate) now_ms: u64,
    by_the_clock: bool,
    _redis: Option<RedisServer>,
    _folder: tempfile::TempDir,
}

impl House {
    /// One of each that can be had here, empty.
    pub(crate) async fn all(bounds: Bounds) -> Vec<Self> {
        let mut houses = vec![Self::of("memory", Store::Memory(Arc::new(Memory::new(bounds))), None)];
        let folder = tempfile::tempdir().unwrap();
        let file = File::open(folder.path(), bounds, 0).unwrap();
        houses.push(Self { _folder: folder, ..Self::of("file", Store::File(file), None) });
        let folder = tempfile::tempdir().unwrap();
        if let Some(server) = RedisServer::start(folder.path()).unwrap() {
            let shared = Arc::new(redis(&server, bounds).await);
            let store = Store::Redis { shared, local: Arc::new(Memory::default()) };
            houses.push(Self { _folder: folder, ..Self::of("redis", store, Some(server)) });
        }
        houses
    }

    fn of(name: &'static str, store: Store, redis: Option<RedisServer>) -> Self {
        Self {
            name,
            limiter: store.limiter(LimiterLoss::Refuse),
            kv: store.kv(Keep::Process, KvLoss::Refuse),
            now_ms: now(),
            by_the_clock: redis.is_some(),
            _redis: redis,
            _folder: tempfile::tempdir().unwrap(),
        }
    }

    /// Lets time pass: for who is told the time, at once; for who has a clock, until it says so.
    pub(crate) async fn pass(&mut self, time: Duration) {
        self.now_ms += u64::try_from(time.as_millis()).unwrap();
        if self.by_the_clock {
            tokio::time::sleep(time).await;
        }
    }
}

/// A way to a Redis that is patient, as a busy test machine needs it.
pub(crate) async fn redis(server: &RedisServer, bounds: Bounds) -> Redis {
    let address = server.address();
    let settings = RedisSettings { address, prefix: "test".into(), patience: Duration::from_secs(5), bounds };
    Redis::open(settings).await.unwrap()
}

/// The time, for those who are told it.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis().try_into().unwrap()
}
