//! An instance on loan for the length of one hook. Only a hook that returned gives it back: whatever else happens to the
//! lease, a trap, a budget, a client that went away in the middle, the instance is gone with it.

use std::sync::Arc;

use cardea_chain::Effects;
use tokio::sync::SemaphorePermit;

use crate::guest::Visit;
use crate::instance::Instance;
use crate::pool::{Idle, Pool};

/// An instance on loan.
pub(crate) struct Lease<'a> {
    pool: &'a Arc<Pool>,
    idle: Option<Idle>,
    _place: SemaphorePermit<'a>,
}

impl<'a> Lease<'a> {
    pub(crate) fn new(pool: &'a Arc<Pool>, place: SemaphorePermit<'a>, idle: Idle) -> Self {
        Self { pool, idle: Some(idle), _place: place }
    }

    /// The instance, ready for a hook.
    pub(crate) fn begin(&mut self, visit: Visit, ticks: u64) -> Option<&mut Instance> {
        let instance = &mut *self.idle.as_mut()?.instance;
        instance.begin(visit, ticks);
        Some(instance)
    }

    /// The hook returned: takes what it left behind and gives the instance back.
    pub(crate) fn end(mut self) -> Effects {
        let Some(mut idle) = self.idle.take() else { return Effects::default() };
        let effects = idle.instance.store.data_mut().end();
        idle.calls_left = idle.calls_left.saturating_sub(1);
        self.pool.take_back(idle);
        effects
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if self.idle.is_some() {
            self.pool.count_fault();
        }
    }
}
