//! The started instances of one stage: the one used last is used next, there is a bound on how many are in use, and one more
//! than are needed is kept warm, so that callers rarely wait for a start.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use cardea_chain::{HookFault, HookFaultKind, Origination};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep, timeout_at};

use crate::Isolation;
use crate::instance::{Blueprint, Instance, StartFault};
use crate::lease::Lease;
use crate::stats::{Counter, PoolStats};

/// Memory below which growth is no reason to replace an instance.
const SMALL: usize = 4 << 20;
/// An instance that nobody has used for so long is dropped, unless it is the last.
const IDLE: Duration = Duration::from_secs(600);
/// How often idle instances are looked at.
const LOOK: Duration = Duration::from_secs(60);

/// The started instances of one stage.
pub(crate) struct Pool {
    pub(crate) blueprint: Blueprint,
    isolation: Isolation,
    /// In the order they came back, so the first is the one that has been idle for longest.
    idle: Mutex<Vec<Idle>>,
    most: usize,
    /// Idle instances that are kept, whatever the use.
    kept: AtomicUsize,
    places: Semaphore,
    refilling: AtomicBool,
    counters: Counters,
}

/// An instance nobody uses, and how many calls it is still good for.
pub(crate) struct Idle {
    pub(crate) instance: Box<Instance>,
    pub(crate) calls_left: u32,
    since: Instant,
}

#[derive(Default)]
struct Counters {
    started: Counter,
    started_on_path: Counter,
    waits: Counter,
    abandoned: Counter,
    retired_by_calls: Counter,
    retired_by_growth: Counter,
    retired_by_idleness: Counter,
}

impl Pool {
    pub(crate) fn new(blueprint: Blueprint, isolation: Isolation, concurrency: usize) -> Self {
        Self {
            blueprint,
            isolation,
            idle: Mutex::default(),
            most: concurrency,
            kept: AtomicUsize::new(usize::MAX),
            places: Semaphore::new(concurrency),
            refilling: AtomicBool::new(false),
            counters: Counters::default(),
        }
    }

    /// An instance for one hook: a warm one, else a new one, else, when as many are in use as may be, the next to come free.
    /// The rare and large ways to one are kept out of the future that every call has to carry.
    pub(crate) async fn lease<'a>(self: &'a Arc<Self>, deadline: Instant) -> Result<Lease<'a>, HookFault> {
        let place = match self.places.try_acquire() {
            Ok(place) => place,
            Err(_) => Box::pin(self.wait(deadline)).await?,
        };
        let (warm, left) = {
            let mut idle = self.idle();
            (idle.pop(), idle.len())
        };
        if left == 0 && self.spares() > 0 {
            self.refill();
        }
        let (idle, from) = match warm {
            Some(idle) => (idle, Origination::Warm),
            None => (Box::pin(self.start_on_path()).await?, Origination::Fresh),
        };
        Ok(Lease::new(self, place, idle, from))
    }

    async fn wait(&self, deadline: Instant) -> Result<SemaphorePermit<'_>, HookFault> {
        self.counters.waits.add(1);
        match timeout_at(deadline, self.places.acquire()).await {
            Ok(Ok(place)) => Ok(place),
            _ => Err(HookFault::new(HookFaultKind::Busy, "no instance came free before the call's deadline")),
        }
    }

    /// A new instance, for a caller who waits for it.
    pub(crate) async fn start_on_path(&self) -> Result<Idle, HookFault> {
        self.counters.started_on_path.add(1);
        self.start().await
    }

    async fn start(&self) -> Result<Idle, HookFault> {
        let instance = self.blueprint.start().await.map_err(|fault| self.failed(fault))?;
        self.counters.started.add(1);
        Ok(Idle::new(instance))
    }

    /// Puts an instance back whose hook returned, unless it has served its time. What is dropped is dropped here and now:
    /// done elsewhere, it could fall behind, and the number of instances is bounded for all stages together.
    pub(crate) fn take_back(self: &Arc<Self>, mut idle: Idle, now: Instant) {
        if self.isolation == Isolation::Call {
            drop(idle);
            return;
        }
        let reason = match (idle.calls_left, idle.has_grown()) {
            (0, _) => &self.counters.retired_by_calls,
            (_, true) => &self.counters.retired_by_growth,
            (_, false) => {
                idle.since = now;
                self.put(idle);
                return;
            }
        };
        drop(idle);
        reason.add(1);
        self.refill();
    }

    /// An instance is gone whose hook did not return, because its caller went away if it was `abandoned`. The next caller
    /// should not have to wait for another.
    pub(crate) fn lost(self: &Arc<Self>, abandoned: bool) {
        if abandoned {
            self.counters.abandoned.add(1);
        }
        if self.idle().is_empty() {
            self.refill();
        }
    }

    /// Hooks whose caller went away.
    pub(crate) fn abandoned(&self) -> u64 {
        self.counters.abandoned.value()
    }

    /// Puts the first instance in.
    pub(crate) fn warm(&self, instance: Box<Instance>) {
        self.counters.started.add(1);
        self.put(Idle::new(instance));
    }

    /// Keeps at most so many idle instances from now on.
    pub(crate) fn keep_warm(&self, most: usize) {
        self.kept.store(most, Ordering::Relaxed);
        let surplus = {
            let mut idle = self.idle();
            let surplus = idle.len().saturating_sub(most);
            idle.drain(..surplus).collect::<Vec<_>>()
        };
        drop(surplus);
    }

    pub(crate) fn stats(&self) -> PoolStats {
        let counters = &self.counters;
        PoolStats {
            idle: self.idle().len(),
            in_use: self.in_use(),
            most: self.most,
            started: counters.started.value(),
            started_on_path: counters.started_on_path.value(),
            waits: counters.waits.value(),
            retired_by_calls: counters.retired_by_calls.value(),
            retired_by_growth: counters.retired_by_growth.value(),
            retired_by_idleness: counters.retired_by_idleness.value(),
        }
    }

    /// Starts in the background what callers to come would have to wait for.
    pub(crate) fn refill(self: &Arc<Self>) {
        // Outside a runtime there are no callers to come.
        let Ok(runtime) = Handle::try_current() else { return };
        if !self.refilling.swap(true, Ordering::AcqRel) {
            drop(runtime.spawn(Arc::clone(self).fill()));
        }
    }

    async fn fill(self: Arc<Self>) {
        loop {
            let idle = self.idle().len();
            if idle >= self.spares().max(1).min(self.kept()) {
                break;
            }
            match self.start().await {
                Ok(fresh) => self.put(fresh),
                // A caller that needs one tries for itself, and hears why not.
                Err(_) => break,
            }
        }
        self.refilling.store(false, Ordering::Release);
    }

    /// How many instances should be idle. Where they are thrown away after each hook, as many as are in use; else one more
    /// than are in use at once, once that has been more than one: whose calls come one by one needs no second instance.
    fn spares(&self) -> usize {
        let in_use = self.in_use();
        let spares = match self.isolation {
            Isolation::Call => in_use,
            Isolation::Shared => usize::from((2..self.most).contains(&in_use)),
        };
        spares.min(self.kept())
    }

    fn kept(&self) -> usize {
        self.kept.load(Ordering::Relaxed)
    }

    fn in_use(&self) -> usize {
        self.most.saturating_sub(self.places.available_permits())
    }

    /// Drops what nobody has used for long, all but one, until the pool is gone.
    pub(crate) async fn retire_idle(pool: Weak<Self>) {
        loop {
            sleep(LOOK).await;
            let Some(pool) = pool.upgrade() else { return };
            let retired = {
                let mut idle = pool.idle();
                let now = Instant::now();
                let old = idle.iter().take_while(|idle| now.duration_since(idle.since) >= IDLE).count();
                let retired = old.min(idle.len().saturating_sub(1));
                idle.drain(..retired).collect::<Vec<_>>()
            };
            pool.counters.retired_by_idleness.add(retired.len() as u64);
        }
    }

    /// More warm instances than can be used at a time are not kept: replacements can overlap.
    fn put(&self, fresh: Idle) {
        let mut idle = self.idle();
        if idle.len() < self.most.min(self.kept()) {
            idle.push(fresh);
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, fault: StartFault) -> HookFault {
        let fault = match fault {
            StartFault::Refused(why) => {
                HookFault::new(HookFaultKind::Trap, format!("a further instance did not start: {why}"))
            }
            StartFault::Failed(stopped) => stopped.fault,
        };
        let stage = &self.blueprint.facts.stage;
        tracing::error!(%stage, kind = fault.kind.as_str(), "an instance did not start: {}", fault.inside);
        fault
    }
}

impl Idle {
    fn new(instance: Box<Instance>) -> Self {
        // Spread, so that instances that started together do not end together.
        Self { instance, calls_left: rand::random_range(8_000..=12_000), since: Instant::now() }
    }

    /// Linear memory never shrinks: an instance that holds twice what it started with is replaced by a fresh one.
    fn has_grown(&self) -> bool {
        self.instance.store.data().memory.held > (2 * self.instance.memory_at_start).max(SMALL)
    }
}
