//! An instance on loan for the length of one hook. Only a hook that returned gives it back: whatever else happens to the
//! lease, a trap, a budget, a client that went away in the middle, the instance is gone with it.

use std::sync::Arc;
use std::time::Duration;

use cardea_chain::{Effects, HookFault};
use tokio::sync::SemaphorePermit;
use tokio::time::Instant;

use crate::fault::within;
use crate::guest::Visit;
use crate::instance::Instance;
use crate::pool::{Idle, Pool};

/// An instance on loan.
pub(crate) struct Lease<'a> {
    pool: &'a Arc<Pool>,
    idle: Option<Idle>,
    ended: bool,
    _place: SemaphorePermit<'a>,
}

/// What a hook may spend.
#[derive(Clone, Copy)]
pub(crate) struct Budget {
    /// Epoch ticks it may compute.
    pub(crate) ticks: u64,
    /// Time by the clock.
    pub(crate) wall: Duration,
}

/// A hook that did not return, and whether nothing that it did is left of it.
pub(crate) struct Failed {
    pub(crate) fault: HookFault,
    pub(crate) undone: bool,
}

impl<'a> Lease<'a> {
    pub(crate) fn new(pool: &'a Arc<Pool>, place: SemaphorePermit<'a>, idle: Idle) -> Self {
        Self { pool, idle: Some(idle), ended: false, _place: place }
    }

    /// Runs a hook. (Its input is an argument, because the future of a closure that captured it would not be `Send` to the
    /// compiler.) If it does not return, the instance is gone.
    pub(crate) async fn run<I, V>(
        &mut self,
        visit: Visit,
        budget: Budget,
        input: &I,
        hook: impl AsyncFnOnce(&mut Instance, &I) -> wasmtime::Result<V>,
    ) -> Result<V, Failed> {
        let idle = self.idle.as_mut().ok_or_else(Failed::without_instance)?;
        let instance = &mut *idle.instance;
        instance.begin(visit, budget.ticks);
        match within(budget.wall, hook(instance, input)).await {
            Ok(answer) => Ok(answer),
            Err(stopped) => {
                let guest = idle.instance.store.data();
                stopped.log(guest);
                let undone = !guest.has_reached_out();
                self.idle = None;
                Err(Failed { fault: stopped.fault, undone })
            }
        }
    }

    /// Gets a fresh instance in place of the one that is gone.
    pub(crate) async fn renew(&mut self) -> Result<(), HookFault> {
        self.idle = Some(self.pool.start_on_path().await?);
        Ok(())
    }

    /// The hook returned: takes what it left behind and gives the instance back.
    pub(crate) fn end(mut self, now: Instant) -> Effects {
        let Some(mut idle) = self.idle.take() else { return Effects::default() };
        let effects = idle.instance.store.data_mut().end();
        idle.calls_left = idle.calls_left.saturating_sub(1);
        self.pool.take_back(idle, now);
        self.ended = true;
        effects
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if !self.ended {
            let abandoned = self.idle.take().is_some();
            self.pool.lost(abandoned);
        }
    }
}

impl Failed {
    fn without_instance() -> Self {
        Self { fault: HookFault::bad_answer("its instance is gone"), undone: false }
    }
}
