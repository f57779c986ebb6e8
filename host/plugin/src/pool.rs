//! The started instances of one stage: the one used last is used next, and there is a bound on how many are in use.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use cardea_chain::{HookFault, HookFaultKind};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use crate::instance::{Blueprint, Instance, StartFault};
use crate::lease::Lease;

/// Memory below which growth is no reason to replace an instance.
const SMALL: usize = 4 << 20;

/// The started instances of one stage.
pub(crate) struct Pool {
    pub(crate) blueprint: Blueprint,
    idle: Mutex<Vec<Idle>>,
    most: usize,
    places: Semaphore,
    counters: Counters,
}

/// An instance nobody uses, and how many calls it is still good for.
pub(crate) struct Idle {
    pub(crate) instance: Box<Instance>,
    pub(crate) calls_left: u32,
}

#[derive(Default)]
struct Counters {
    calls: AtomicU64,
    faults: AtomicU64,
    retired: AtomicU64,
}

/// How a stage has fared since it was loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Hooks that ran.
    pub calls: u64,
    /// Hooks that did not return: traps, budgets, clients that went away.
    pub traps: u64,
    /// Instances that are warm and idle.
    pub idle: usize,
    /// Instances that were replaced for their age or their memory.
    pub retired: u64,
}

impl Pool {
    pub(crate) fn new(blueprint: Blueprint, concurrency: usize) -> Self {
        Self {
            blueprint,
            idle: Mutex::default(),
            most: concurrency,
            places: Semaphore::new(concurrency),
            counters: Counters::default(),
        }
    }

    /// An instance for one hook: a warm one, else a new one, else, when as many are in use as may be, the next to come free.
    pub(crate) async fn lease<'a>(self: &'a Arc<Self>, deadline: Instant) -> Result<Lease<'a>, HookFault> {
        let place = match self.places.try_acquire() {
            Ok(place) => place,
            Err(_) => match timeout_at(deadline, self.places.acquire()).await {
                Ok(Ok(place)) => place,
                _ => return Err(busy()),
            },
        };
        self.counters.calls.fetch_add(1, Ordering::Relaxed);
        let warm = self.idle().pop();
        let idle = match warm {
            Some(idle) => idle,
            None => Idle::new(self.blueprint.start().await.map_err(|fault| self.failed(fault))?),
        };
        Ok(Lease::new(self, place, idle))
    }

    /// Puts an instance back whose hook returned; replaces it if it has served its time.
    pub(crate) fn take_back(self: &Arc<Self>, idle: Idle) {
        if idle.calls_left > 0 && !idle.has_grown() {
            self.put(idle);
            return;
        }
        drop(idle);
        self.counters.retired.fetch_add(1, Ordering::Relaxed);
        // The next caller should not pay for the replacement. Outside a runtime there is no next caller.
        if let Ok(runtime) = Handle::try_current() {
            let pool = Arc::clone(self);
            runtime.spawn(async move {
                match pool.blueprint.start().await {
                    Ok(instance) => pool.put(Idle::new(instance)),
                    Err(fault) => drop(pool.failed(fault)),
                }
            });
        }
    }

    /// Puts the first instance in.
    pub(crate) fn warm(&self, instance: Box<Instance>) {
        self.put(Idle::new(instance));
    }

    /// Counts a hook that did not return.
    pub(crate) fn count_fault(&self) {
        self.counters.faults.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn stats(&self) -> Stats {
        Stats {
            calls: self.counters.calls.load(Ordering::Relaxed),
            traps: self.counters.faults.load(Ordering::Relaxed),
            idle: self.idle().len(),
            retired: self.counters.retired.load(Ordering::Relaxed),
        }
    }

    /// More warm instances than can be used at a time are not kept: replacements can overlap.
    fn put(&self, fresh: Idle) {
        let mut idle = self.idle();
        if idle.len() < self.most {
            idle.push(fresh);
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, fault: StartFault) -> HookFault {
        self.count_fault();
        let stage = &self.blueprint.facts.stage;
        let fault = match fault {
            StartFault::Refused(why) => {
                HookFault { kind: HookFaultKind::Trap, inside: format!("a further instance did not start: {why}") }
            }
            StartFault::Failed(fault) => fault,
        };
        tracing::error!(%stage, kind = fault.kind.as_str(), "an instance did not start: {}", fault.inside);
        fault
    }
}

impl Idle {
    fn new(instance: Box<Instance>) -> Self {
        // Spread, so that instances that started together do not end together.
        Self { instance, calls_left: rand::random_range(8_000..=12_000) }
    }

    /// Linear memory never shrinks: an instance that holds twice what it started with is replaced by a fresh one.
    fn has_grown(&self) -> bool {
        self.instance.store.data().memory.held > (2 * self.instance.memory_at_start).max(SMALL)
    }
}

fn busy() -> HookFault {
    HookFault { kind: HookFaultKind::Busy, inside: "no instance came free before the call's deadline".to_owned() }
}
