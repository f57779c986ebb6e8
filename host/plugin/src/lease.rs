//! An instance on loan for the length of one hook. Only a hook that returned gives it back: whatever else happens to the
//! lease, a trap, a budget, a client that went away in the middle, the instance is gone with it.

use std::sync::Arc;

use cardea_chain::{Cost, Effects, HookFault, Origination};
use tokio::sync::SemaphorePermit;
use tokio::time::Instant;

use crate::fault::Stopped;
use crate::guest::Visit;
use crate::instance::Instance;
use crate::pool::{Idle, Pool};

/// An instance on loan.
pub(crate) struct Lease<'a> {
    pool: &'a Arc<Pool>,
    idle: Option<Idle>,
    ended: bool,
    /// What hooks took that did not return, and where the instance came from.
    spent: Cost,
    _place: SemaphorePermit<'a>,
}

impl<'a> Lease<'a> {
    pub(crate) fn new(pool: &'a Arc<Pool>, place: SemaphorePermit<'a>, idle: Idle, from: Origination) -> Self {
        let spent = Cost { instance: Some(from), ..Cost::default() };
        Self { pool, idle: Some(idle), ended: false, spent, _place: place }
    }

    /// The instance, ready for a hook; none if the last one did not return.
    pub(crate) fn begin(&mut self, visit: Visit, ticks: u64) -> Option<&mut Instance> {
        let instance = &mut *self.idle.as_mut()?.instance;
        instance.begin(visit, ticks);
        Some(instance)
    }

    /// The hook did not return, and the instance is gone. Says whether nothing is left of what the hook did.
    pub(crate) fn fail(&mut self, stopped: &Stopped) -> bool {
        self.idle.take().is_some_and(|idle| {
            let guest = idle.instance.store.data();
            stopped.log(guest);
            self.spent.add(&guest.cost());
            !guest.has_reached_out()
        })
    }

    /// What the hook has taken, all attempts together.
    pub(crate) fn spent(&self) -> Cost {
        self.spent
    }

    /// Gets a fresh instance in place of the one that is gone.
    pub(crate) async fn renew(&mut self) -> Result<(), HookFault> {
        self.spent.retries += 1;
        self.spent.instance = Some(Origination::Fresh);
        self.idle = Some(self.pool.start_on_path().await?);
        Ok(())
    }

    /// The hook returned: takes what it left behind and gives the instance back.
    pub(crate) fn end(mut self, now: Instant) -> Effects {
        let Some(mut idle) = self.idle.take() else { return Effects::default() };
        let mut effects = idle.instance.store.data_mut().end();
        self.spent.add(&effects.cost);
        effects.cost = self.spent;
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
