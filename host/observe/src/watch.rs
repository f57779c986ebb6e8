//! What hangs on a chain: counts every call, and keeps the recent ones.

use cardea_chain::{Observer, Trace};
use serde_json::Value;

use crate::Exposition;
use crate::counts::Counts;
use crate::recent::Recent;
use crate::story;

/// How much is kept of calls that have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// Most calls; none keeps nothing.
    pub calls: usize,
    /// Most bytes of all of them.
    pub bytes: usize,
}

/// Counts calls and keeps the recent ones.
pub struct Watch {
    counts: Counts,
    recent: Recent,
}

impl Watch {
    /// A watch that keeps so much.
    pub fn new(keep: Keep) -> Self {
        Self { counts: Counts::default(), recent: Recent::new(keep) }
    }

    /// The latest call with this id, stage by stage, if it is still known.
    pub fn call(&self, id: &str) -> Option<Value> {
        self.recent.find(id).map(|trace| story::of(&trace))
    }

    /// The calls that ended last, latest first, without their stages.
    pub fn calls(&self, most: usize) -> Vec<Value> {
        self.recent.latest(most).iter().map(story::line).collect()
    }

    /// Writes down what was counted.
    pub fn expose(&self, exposition: &mut Exposition) {
        self.counts.expose(exposition);
    }
}

impl Observer for Watch {
    fn begun(&self) {
        self.counts.begun();
    }

    fn ended(&self, trace: Trace) {
        self.counts.ended(&trace);
        self.recent.keep(trace);
    }
}
