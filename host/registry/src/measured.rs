//! An endpoint with what is counted of it: calls under way, time to the first word, whether it is worth asking.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cardea_chain::{Call, Exchange, Fault, Health, Load, Upstream};
use cardea_message::Notification;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt};

/// How long an endpoint that is down is left alone before a call is let through to see whether it is back.
const REST: Duration = Duration::from_secs(10);

/// An upstream whose calls are counted.
pub(crate) struct Measured {
    inner: Arc<dyn Upstream>,
    in_flight: Arc<AtomicU32>,
    /// Moving average, microseconds; 0 before the first.
    latency: AtomicU64,
    born: Instant,
    /// When it was last asked, in milliseconds since `born`.
    asked: AtomicU64,
}

impl Measured {
    pub(crate) fn new(inner: Arc<dyn Upstream>) -> Self {
        Self {
            inner,
            in_flight: Arc::default(),
            latency: AtomicU64::new(0),
            born: Instant::now(),
            asked: AtomicU64::new(0),
        }
    }

    fn is_healthy(&self) -> bool {
        let rested = self.now().saturating_sub(self.asked.load(Ordering::Relaxed)) >= REST.as_millis() as u64;
        !matches!(self.inner.health(), Health::Down { .. }) || rested
    }

    fn now(&self) -> u64 {
        self.born.elapsed().as_millis() as u64
    }

    fn took(&self, time: Duration) {
        let sample = u64::try_from(time.as_micros()).unwrap_or(u64::MAX).max(1);
        let before = self.latency.load(Ordering::Relaxed);
        // An eighth of what is new; two calls that end at once may lose one of the two, which an average can bear.
        let after = if before == 0 { sample } else { before - before / 8 + sample / 8 };
        self.latency.store(after, Ordering::Relaxed);
    }
}

impl Upstream for Measured {
    fn open<'a>(&'a self, call: &'a Arc<Call>) -> BoxFuture<'a, Result<Exchange, Fault>> {
        async move {
            let under_way = UnderWay::begin(&self.in_flight);
            self.asked.store(self.now(), Ordering::Relaxed);
            let begun = Instant::now();
            let exchange = self.inner.open(call).await?;
            self.took(begun.elapsed());
            Ok(match exchange {
                Exchange::Open(events) => Exchange::Open(
                    events
                        .map(move |event| {
                            let _until_the_end = &under_way;
                            event
                        })
                        .boxed(),
                ),
                ended => ended,
            })
        }
        .boxed()
    }

    fn health(&self) -> Health {
        self.inner.health()
    }

    fn load(&self) -> Load {
        Load {
            in_flight: self.in_flight.load(Ordering::Relaxed),
            latency_us: self.latency.load(Ordering::Relaxed),
            healthy: self.is_healthy(),
        }
    }

    fn revision(&self) -> u64 {
        self.inner.revision()
    }

    fn session_ended(&self, session: &str) {
        self.inner.session_ended(session);
    }

    fn told(&self, session: &str, notification: &Notification) {
        self.inner.told(session, notification);
    }
}

/// One call under way, until it is dropped.
struct UnderWay(Arc<AtomicU32>);

impl UnderWay {
    fn begin(count: &Arc<AtomicU32>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
