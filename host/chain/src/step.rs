//! One word of a stage, as records and traces keep it.

use std::sync::Arc;

use serde::Serialize;
use tokio::time::Instant;

use crate::{Cost, Hook, HookFault, Placed, Refusal};

/// One word of a stage.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// The stage.
    pub stage: Arc<str>,
    /// The hook; `obligation` for what the house did to meet a condition the stage had set.
    pub hook: &'static str,
    /// `none`, `subject`, `pass`, `answer`, `refuse`, `keep`, `choose`, `fault`; of an obligation `mask`, `remove`, `reason`.
    pub verdict: &'static str,
    /// The operator's sentence, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Pointers it edited.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub edited: Vec<String>,
    /// How long the hook took.
    pub micros: u64,
    /// What else it took; the journal does not keep it.
    #[serde(skip)]
    pub cost: Cost,
}

impl Step {
    pub(crate) fn of(placed: &Placed, hook: Hook, started: Instant) -> Self {
        Self {
            stage: Arc::clone(placed.stage.name()),
            hook: hook.as_str(),
            verdict: "pass",
            reason: None,
            edited: Vec::new(),
            micros: started.elapsed().as_micros() as u64,
            cost: Cost::default(),
        }
    }

    /// What the house did for a stage.
    pub(crate) fn of_house(stage: &Arc<str>, hook: &'static str, verdict: &'static str) -> Self {
        Self {
            stage: Arc::clone(stage),
            hook,
            verdict,
            reason: None,
            edited: Vec::new(),
            micros: 0,
            cost: Cost::default(),
        }
    }

    pub(crate) fn at(self, cost: Cost) -> Self {
        Self { cost, ..self }
    }

    pub(crate) fn because(self, reason: String) -> Self {
        Self { reason: Some(reason), ..self }
    }

    pub(crate) fn word(self, verdict: &'static str) -> Self {
        Self { verdict, ..self }
    }

    pub(crate) fn refuse(self, refusal: &Refusal) -> Self {
        Self { verdict: "refuse", reason: Some(refusal.reason.clone()), ..self }
    }

    pub(crate) fn fault(self, fault: &HookFault) -> Self {
        Self {
            verdict: "fault",
            reason: Some(format!("{}: {}", fault.kind.as_str(), fault.inside)),
            cost: fault.cost,
            ..self
        }
    }
}
