//! What the manifest says of a stage that is made of wasm.

use std::sync::Arc;
use std::time::Duration;

use cardea_egress::Egress;
use cardea_grant::Grants;
use cardea_jose::Verifiers;
use cardea_state::{Kv, Limiter};
use serde_json::Value;

use crate::Allowed;

/// Time a hook may wait for what is not in this process, beside its own budget.
pub(crate) const IO_TIME: Duration = Duration::from_secs(2);

/// What the manifest says of a stage.
#[derive(Clone, Debug)]
pub struct StageSpec {
    /// The stage's name: in logs and records, and before its keys in `kv` and `limiter`.
    pub name: String,
    /// The plugin, as the manifest names it; for messages.
    pub plugin: String,
    /// Number of the generation the stage belongs to.
    pub generation: u64,
    /// The stage's `config` table; an object.
    pub config: Value,
    /// What it may use.
    pub grants: Grants,
    /// What it may spend.
    pub limits: Limits,
    /// Who shares an instance.
    pub isolation: Isolation,
}

/// Who shares an instance of a stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Isolation {
    /// All calls, one after the other: an instance serves until it is replaced.
    #[default]
    Shared,
    /// Nobody: every hook of every call has a fresh instance, which is thrown away when it returns.
    Call,
}

/// What a stage may spend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of linear memory an instance.
    pub memory: usize,
    /// Time a hook may compute, to the millisecond.
    pub cpu: Duration,
    /// Time a hook may take by the clock; two seconds more if its grants can wait for a back end.
    pub wall: Duration,
    /// Hooks at a time; none lets the host choose: 256 if its grants can wait for a back end, else four times the cores,
    /// because a hook that never waits keeps a core busy.
    pub concurrency: Option<u32>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { memory: 16 << 20, cpu: Duration::from_millis(10), wall: Duration::from_millis(50), concurrency: None }
    }
}

impl Limits {
    pub(crate) fn wall_of_hook(&self, allowed: &Allowed) -> Duration {
        if allowed.waits() { self.wall + IO_TIME } else { self.wall }
    }

    pub(crate) fn concurrency_of(&self, allowed: &Allowed) -> usize {
        let cores = || std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        match self.concurrency {
            Some(concurrency) => concurrency.max(1) as usize,
            None if allowed.waits() => 256,
            None => 4 * cores(),
        }
    }
}

/// What stands behind the imports.
#[derive(Clone)]
pub struct Capabilities {
    /// Behind `kv`.
    pub kv: Arc<dyn Kv>,
    /// Behind `limiter`.
    pub limiter: Arc<dyn Limiter>,
    /// Behind `http`; without it no plugin sends requests.
    pub egress: Option<Arc<Egress>>,
    /// Behind `jose`; without it no plugin has tokens verified.
    pub jose: Option<Arc<dyn Verifiers>>,
}

impl Capabilities {
    /// The back ends of state.
    pub fn new(kv: Arc<dyn Kv>, limiter: Arc<dyn Limiter>) -> Self {
        Self { kv, limiter, egress: None, jose: None }
    }

    /// The same with a way out.
    pub fn with_egress(self, egress: Arc<Egress>) -> Self {
        Self { egress: Some(egress), ..self }
    }

    /// The same with keys of issuers.
    pub fn with_jose(self, jose: Arc<dyn Verifiers>) -> Self {
        Self { jose: Some(jose), ..self }
    }
}
