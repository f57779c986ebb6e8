//! An instance on loan for the length of one hook. Only a hook that returned gives it back: whatever else happens to the
//! lease, a trap, a budget, a client that went away in the middle, the instance is gone with it.

use std::sync::Arc;

use cardea_chain::{Effects, HookFault};
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
    _place: SemaphorePermit<'a>,
}

impl<'a> Lease<'a> {
    pub(crate) fn new(pool: &'a Arc<Pool>, place: SemaphorePermit<'a>, idle: Idle) -> Self {
        Self { pool, idle: Some(idle), ended: false, _place: place }
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
            !guest.has_reached_out()
        })
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
