//! A chain: the stages of one generation, in order.

use std::sync::Arc;

use crate::record::Trail;
use crate::{
    Call, Credential, Fault, FaultKind, Finding, Hook, HookFault, Matcher, Recorder, Refusal, RefusalKind, Reply, Role,
    Side, Stage, Subject,
};

/// The stages of one generation. Immutable: a reload builds another one.
pub struct Chain {
    pub(crate) stages: Vec<Placed>,
    pub(crate) generation: u64,
    pub(crate) recorder: Option<Arc<dyn Recorder>>,
}

/// A stage with the manifest's word on when it is asked and what its failure means.
pub struct Placed {
    /// The stage.
    pub stage: Arc<dyn Stage>,
    /// Which calls it is asked about.
    pub matcher: Matcher,
    /// What its failure means.
    pub on_error: OnError,
}

/// What the failure of a hook means for the call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    /// The call is refused.
    #[default]
    Refuse,
    /// The call goes on as if the stage were not there. Never for identity and rights.
    Skip,
}

impl Chain {
    /// A chain of stages in manifest order. `recorder` is used only if one of them holds the journal grant.
    pub fn new(stages: Vec<Placed>, generation: u64, recorder: Arc<dyn Recorder>) -> Self {
        let keeps_journal = stages.iter().any(|placed| placed.stage.keeps_journal());
        Self { stages, generation, recorder: keeps_journal.then_some(recorder) }
    }

    /// Number of the generation.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Its stages, in manifest order.
    pub fn stages(&self) -> &[Placed] {
        &self.stages
    }

    /// Room 2: the first authenticator of the endpoint that recognises the credential names the subject. A trap refuses,
    /// and so does a chain in which nobody recognises it: only a stage that says so makes a caller anonymous.
    pub async fn authenticate(&self, credential: &Arc<Credential>) -> Result<Arc<Subject>, Refusal> {
        let asked = self.stages.iter().filter(|placed| {
            placed.stage.hooks().has(Hook::Authenticate) && placed.matcher.endpoint(&credential.endpoint)
        });
        for placed in asked {
            match placed.stage.authenticate(credential).await {
                Ok(done) => match done.verdict {
                    Finding::None => {}
                    Finding::Subject(subject) => return Ok(Arc::from(subject)),
                    Finding::Refuse(refusal) => {
                        tracing::info!(stage = %placed.stage.name(), reason = refusal.reason, "credential refused");
                        return Err(refusal);
                    }
                },
                Err(fault) => {
                    tracing::error!(stage = %placed.stage.name(), kind = fault.kind.as_str(), "authenticator failed: {}", fault.inside);
                    let inside = format!("stage {} failed: {}", placed.stage.name(), fault.inside);
                    return Err(Refusal::new(RefusalKind::Unavailable, "Authentication is not available", inside));
                }
            }
        }
        Err(Refusal::new(
            RefusalKind::Unauthenticated,
            "Authentication required",
            "no authenticator of this endpoint recognised a credential",
        ))
    }

    /// Records an exchange that room 2 refused. There is no call yet, and still one record.
    pub async fn record_refused(&self, call: &Arc<Call>, refusal: &Refusal) {
        Trail::new(call, self.generation, self.recorder.clone()).finish(&Reply::refused(refusal.clone())).await;
    }
}

impl Placed {
    /// Whether a hook's failure lets the call go on.
    pub(crate) fn skips(&self) -> bool {
        self.on_error == OnError::Skip && !matches!(self.stage.role(), Role::Identity | Role::Rights)
    }

    pub(crate) fn failed(&self, hook: Hook, fault: &HookFault) -> Fault {
        let name = self.stage.name();
        tracing::error!(stage = %name, hook = hook.as_str(), kind = fault.kind.as_str(), "stage failed: {}", fault.inside);
        Fault::new(
            Side::Stage,
            FaultKind::StageFailed,
            "A policy stage is not available",
            format!("{} of stage {name}: {}: {}", hook.as_str(), fault.kind.as_str(), fault.inside),
        )
    }
}
