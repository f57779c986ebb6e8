//! What the operator sees of generations and runs: which serve, which still hold calls, which were sent back, and why.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::SystemTime;

use cardea_chain::Chain;
use serde_json::{Value, json};

use crate::assemble::{Built, LoadedStage};
use crate::reload::run::{Outcome, Run, millis};
use crate::source;

/// Chains that hold calls, the one that serves included. The oldest beyond that ends its calls.
const MOST_CHAINS: usize = 8;
/// Generations that are shown, as long as none of the oldest holds a call.
const MOST_SHOWN: usize = 32;
/// Runs that are shown.
const MOST_RUNS: usize = 32;

/// What has happened, as far back as is shown.
pub(crate) struct History(Mutex<Inner>);

struct Inner {
    generations: VecDeque<Entry>,
    runs: VecDeque<Run>,
    serving: u64,
    kept: Option<u64>,
    last_number: u64,
    /// When the last attempt to change generations ended, and what was wrong with it.
    last: (SystemTime, Option<String>),
}

struct Entry {
    number: u64,
    since: SystemTime,
    stages: Vec<Value>,
    fate: Fate,
    chain: Weak<Chain>,
}

/// What became of a generation.
enum Fate {
    /// It serves, or has served, and nothing is wrong with it.
    Proven,
    /// It serves and has not proved itself yet.
    OnProbation,
    /// It was sent back.
    Rejected(String),
}

impl History {
    /// The history of a gateway that serves its first generation.
    pub(crate) fn begin(first: &Built) -> Self {
        let number = first.number();
        Self(Mutex::new(Inner {
            generations: VecDeque::from([entry(first, Fate::Proven, &[])]),
            runs: VecDeque::new(),
            serving: number,
            kept: None,
            last_number: number,
            last: (SystemTime::now(), None),
        }))
    }

    /// The number of the next generation; none is used twice.
    pub(crate) fn next_number(&self) -> u64 {
        self.inner().last_number + 1
    }

    /// Another generation serves, and the one before is kept.
    pub(crate) fn published(&self, next: &Built, before: &Built, on_probation: bool) {
        let fate = if on_probation { Fate::OnProbation } else { Fate::Proven };
        let mut inner = self.inner();
        inner.prove(before.number());
        inner.generations.push_back(entry(next, fate, &before.stages));
        inner.serving = next.number();
        inner.last_number = inner.last_number.max(next.number());
        inner.kept = Some(before.number());
        inner.bound();
    }

    /// The one that serves has proved itself.
    pub(crate) fn proven(&self) {
        let mut inner = self.inner();
        let serving = inner.serving;
        inner.prove(serving);
    }

    /// What served before serves again.
    pub(crate) fn went_back(&self, from: u64, to: u64, why: &str) {
        let mut inner = self.inner();
        (inner.serving, inner.kept) = (to, None);
        if let Some(rejected) = inner.find(from) {
            rejected.fate = Fate::Rejected(why.to_owned());
        }
        inner.bound();
    }

    /// A run has ended.
    pub(crate) fn ran(&self, run: Run) {
        let mut inner = self.inner();
        let problem = match &run.outcome {
            Outcome::Published { .. } | Outcome::Unchanged { .. } => Some(None),
            Outcome::Refused { problem, .. } => Some(Some(problem.clone())),
            Outcome::RolledBack { why, .. } => Some(Some(why.clone())),
            Outcome::Abandoned { .. } => None,
        };
        if let Some(problem) = problem {
            inner.last = (run.at, problem);
        }
        if inner.runs.len() == MOST_RUNS {
            inner.runs.pop_front();
        }
        inner.runs.push_back(run);
    }

    /// When the last attempt to change generations ended, and what was wrong with it.
    pub(crate) fn last(&self) -> (SystemTime, Option<String>) {
        self.inner().last.clone()
    }

    /// As the admin API tells it.
    pub(crate) fn to_json(&self) -> Value {
        let inner = self.inner();
        let generations: Vec<_> = inner.generations.iter().rev().map(|entry| entry.to_json(inner.serving)).collect();
        let runs: Vec<_> = inner.runs.iter().rev().map(Run::to_json).collect();
        json!({ "serving": inner.serving, "kept": inner.kept, "generations": generations, "runs": runs })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn find(&mut self, number: u64) -> Option<&mut Entry> {
        self.generations.iter_mut().find(|entry| entry.number == number)
    }

    fn prove(&mut self, number: u64) {
        if let Some(entry) = self.find(number)
            && matches!(entry.fate, Fate::OnProbation)
        {
            entry.fate = Fate::Proven;
        }
    }

    /// Ends the oldest calls where too many chains hold some, and forgets what is long over.
    fn bound(&mut self) {
        let serving = self.serving;
        let held = self.generations.iter().filter_map(|entry| {
            let chain = entry.chain.upgrade().filter(|chain| entry.number != serving && chain.calls_under_way() > 0)?;
            Some((entry.number, chain))
        });
        let held: Vec<_> = held.collect();
        for (generation, chain) in held.iter().take((held.len() + 1).saturating_sub(MOST_CHAINS)) {
            let calls = chain.calls_under_way();
            tracing::warn!(generation, calls, "{MOST_CHAINS} generations hold calls; those of the oldest are ended");
            chain.end_calls();
        }
        while self.generations.len() > MOST_SHOWN
            && self.generations.front().is_some_and(|oldest| oldest.number != serving && oldest.calls().0 == 0)
        {
            self.generations.pop_front();
        }
    }
}

impl Entry {
    /// Calls under way, and calls that have begun.
    fn calls(&self) -> (u64, u64) {
        self.chain.upgrade().map_or((0, 0), |chain| (chain.calls_under_way(), chain.calls_begun()))
    }

    fn to_json(&self, serving: u64) -> Value {
        let (under_way, begun) = self.calls();
        let state = match (&self.fate, self.number == serving) {
            (Fate::Rejected(_), _) => "rejected",
            (Fate::OnProbation, true) => "probation",
            (_, true) => "live",
            (_, false) if under_way > 0 => "draining",
            (_, false) => "retired",
        };
        let why = match &self.fate {
            Fate::Rejected(why) => Some(why),
            Fate::Proven | Fate::OnProbation => None,
        };
        json!({
            "number": self.number,
            "state": state,
            "why": why,
            "sinceMs": millis(self.since),
            "calls": { "underWay": under_way, "begun": begun },
            "stages": self.stages,
        })
    }
}

fn entry(built: &Built, fate: Fate, before: &[LoadedStage]) -> Entry {
    let stage = |loaded: &LoadedStage| {
        json!({
            "name": loaded.plan.name,
            "plugin": source::shown(&loaded.plan.plugin),
            "digest": loaded.stage.inspection().digest,
            "kept": before.iter().any(|old| Arc::ptr_eq(&old.stage, &loaded.stage)),
        })
    };
    Entry {
        number: built.number(),
        since: SystemTime::now(),
        stages: built.stages.iter().map(stage).collect(),
        fate,
        chain: Arc::downgrade(&built.generation.chain),
    }
}
