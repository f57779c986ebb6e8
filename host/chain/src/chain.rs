//! A chain: the stages of one generation, in order.

use std::sync::Arc;

use tokio::time::Instant;

use crate::admission::Admissions;
use crate::record::Trail;
use crate::under_way::UnderWay;
use crate::{
    Call, CallId, Credential, Fault, FaultKind, Finding, Hook, HookFault, HookFaultKind, Matcher, Observer, Recorder,
    Refusal, RefusalKind, Reply, Role, Side, Stage, Step, Subject,
};

/// The stages of one generation. Immutable: a reload builds another one.
pub struct Chain {
    pub(crate) stages: Vec<Placed>,
    pub(crate) generation: u64,
    pub(crate) recorder: Option<Arc<dyn Recorder>>,
    pub(crate) observer: Option<Arc<dyn Observer>>,
    pub(crate) under_way: UnderWay,
    pub(crate) admissions: Admissions,
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

/// What room 2 made of a credential.
#[derive(Debug)]
pub struct Admission {
    /// Who calls, or why nobody does.
    pub outcome: Result<Arc<Subject>, Refusal>,
    /// The authenticators' words, for the record of the call that follows.
    pub steps: Vec<Step>,
}

/// What the failure of a hook means for the call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    /// The call is refused.
    #[default]
    Refuse,
    /// The call goes on as if the hook had passed it; the stage's other hooks are still asked. Never for identity and rights.
    Allow,
    /// The call goes on as if the stage were not there: none of its hooks is asked about this call again. Never for identity
    /// and rights.
    Skip,
}

impl Chain {
    /// A chain of stages in manifest order. `recorder` is used only if one of them holds the journal grant.
    pub fn new(stages: Vec<Placed>, generation: u64, recorder: Arc<dyn Recorder>) -> Self {
        let keeps_journal = stages.iter().any(|placed| placed.stage.keeps_journal());
        let recorder = keeps_journal.then_some(recorder);
        let (under_way, admissions) = (UnderWay::default(), Admissions::default());
        Self { stages, generation, recorder, observer: None, under_way, admissions }
    }

    /// The same chain, watched.
    #[must_use]
    pub fn watched_by(self, observer: Arc<dyn Observer>) -> Self {
        Self { observer: Some(observer), ..self }
    }

    /// Whether somebody hears of the stages' words.
    pub(crate) fn is_heard(&self) -> bool {
        self.recorder.is_some() || self.observer.is_some()
    }

    /// Number of the generation.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Its stages, in manifest order.
    pub fn stages(&self) -> &[Placed] {
        &self.stages
    }

    /// Calls that walk it at the moment. Subscriptions are not counted.
    pub fn calls_under_way(&self) -> u64 {
        self.under_way.count()
    }

    /// Calls that have begun to walk it.
    pub fn calls_begun(&self) -> u64 {
        self.under_way.begun()
    }

    /// Ends every call that walks it, with a fault that says why. Subscriptions go on.
    pub fn end_calls(&self) {
        self.under_way.cut();
    }

    /// Room 2: the first authenticator of the endpoint that recognises the credential names the subject. A trap refuses,
    /// and so does a chain in which nobody recognises it: only a stage that says so makes a caller anonymous.
    pub async fn authenticate(&self, credential: &Arc<Credential>) -> Admission {
        let mut steps = Vec::new();
        let outcome = self.identify(credential, &mut steps).await;
        Admission { outcome, steps }
    }

    async fn identify(&self, credential: &Arc<Credential>, steps: &mut Vec<Step>) -> Result<Arc<Subject>, Refusal> {
        let asked = self.stages.iter().filter(|placed| {
            placed.stage.hooks().has(Hook::Authenticate) && placed.matcher.endpoint(&credential.endpoint)
        });
        for placed in asked {
            let started = Instant::now();
            let found = placed.stage.authenticate(credential).await;
            let step = Step::of(placed, Hook::Authenticate, started);
            let mut note = |step| {
                if self.is_heard() {
                    steps.push(step);
                }
            };
            match found {
                Ok(done) => match done.verdict {
                    Finding::None => note(step.at(done.effects.cost).word("none")),
                    Finding::Subject(subject) => {
                        note(step.at(done.effects.cost).word("subject"));
                        return Ok(Arc::from(subject));
                    }
                    Finding::Refuse(refusal) => {
                        note(step.at(done.effects.cost).refuse(&refusal));
                        tracing::info!(stage = %placed.stage.name(), reason = refusal.reason, "credential refused");
                        return Err(refusal);
                    }
                },
                Err(fault) => {
                    note(step.fault(&fault));
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

    /// Records an exchange that room 2 refused. There is no call yet, and still one record. Whether it could be written makes
    /// no difference: nothing leaves but the refusal.
    pub async fn record_refused(&self, call: &Arc<Call>, admitted: Vec<Step>, refusal: &Refusal) {
        let trail = Trail::new(call, self, admitted);
        trail.finish(Reply::refused(refusal.clone())).await;
    }
}

impl Placed {
    /// Whether a hook's failure lets the call go on.
    pub(crate) fn fails_open(&self) -> bool {
        self.on_error != OnError::Refuse && !matches!(self.stage.role(), Role::Identity | Role::Rights)
    }

    /// Whether a hook's failure takes the stage out of the rest of the call.
    pub(crate) fn steps_aside(&self) -> bool {
        self.on_error == OnError::Skip && self.fails_open()
    }

    /// A hook failed. The client is told the call's id, for the operator to find the rest by, and nothing of the inside.
    pub(crate) fn failed(&self, hook: Hook, fault: &HookFault, call: &CallId) -> Fault {
        let (name, hook_name, kind) = (self.stage.name(), hook.as_str(), fault.kind.as_str());
        let then = if self.fails_open() { "the call goes on without it" } else { "the call is refused" };
        match fault.kind {
            // That it is suspended was said once, when it was.
            HookFaultKind::Suspended => {
                tracing::debug!(stage = %name, hook = hook_name, kind, call = call.as_str(), "stage not asked, {then}");
            }
            _ => tracing::error!(
                stage = %name, hook = hook_name, kind, call = call.as_str(), "stage failed, {then}: {}", fault.inside
            ),
        }
        Fault::new(
            Side::Stage,
            FaultKind::StageFailed,
            format!("A policy stage is not available (call {})", call.as_str()),
            format!("{} of stage {name}: {}: {}", hook.as_str(), fault.kind.as_str(), fault.inside),
        )
    }
}
