//! Obligations on the walk: what the house does for them, the second judgement of arguments they changed, and the last look.

use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;

use super::Walk;
use crate::obligation::Work;
use crate::{Answer, CallVerdict, Condition, Duty, Effects, Hook, Placed, Refusal, RefusalKind, Reply, Role, Step};

/// The hook of a step that the house takes for a stage.
const OBLIGATION: &str = "obligation";

impl Walk<'_> {
    /// A stage passes the call under conditions: what they want of the arguments is done here and now.
    pub(super) fn oblige(&mut self, placed: &Placed, conditions: Vec<Arc<Condition>>) -> Result<(), Box<Refusal>> {
        if conditions.is_empty() {
            return Ok(());
        }
        if placed.stage.role() != Role::Rights {
            return Err(unmet(placed.stage.name(), "only a stage of the role `rights` may"));
        }
        if !self.call.duties.has_room_for(conditions.len()) {
            return Err(unmet(placed.stage.name(), "more conditions than a call may have"));
        }
        for condition in conditions {
            self.take_on(placed.stage.name(), condition)?;
        }
        Ok(())
    }

    fn take_on(&mut self, stage: &Arc<str>, condition: Arc<Condition>) -> Result<(), Box<Refusal>> {
        let mut id = 0;
        self.change(|call| id = call.duties.add(stage, Arc::clone(&condition)));
        let done = match condition.work() {
            Work::Elsewhere => false,
            Work::Tell(sentence) => {
                self.trail.step(Step::of_house(stage, OBLIGATION, "reason").because(sentence.clone()));
                true
            }
            Work::Redact(redaction) => {
                let params = self.call.params.clone().unwrap_or_default();
                let redacted = redaction.of_call(&params).map_err(|why| unmet(stage, &why))?;
                if let Some((params, pointers)) = redacted {
                    self.redacted(stage, &condition, pointers);
                    self.change(|call| call.params = Some(params));
                    self.judge_again = true;
                }
                !redaction.waits_for_reply()
            }
        };
        if done {
            self.change(|call| call.duties.close(id));
        }
        Ok(())
    }

    fn redacted(&mut self, stage: &Arc<str>, condition: &Condition, pointers: Vec<String>) {
        let word = if condition.kind() == "remove" { "remove" } else { "mask" };
        self.trail.step(Step { edited: pointers, ..Step::of_house(stage, OBLIGATION, word) });
    }

    /// Arguments that conditions changed are not those that the rights stages judged: each says again whether they may pass.
    /// What it leaves behind does not count a second time, and anything but a pass under the same conditions refuses.
    pub(super) async fn confirmed(&mut self) -> Result<(), Reply> {
        if !std::mem::take(&mut self.judge_again) {
            return Ok(());
        }
        for placed in &self.chain.stages {
            if placed.stage.role() != Role::Rights || !self.asks(placed, Hook::Call) {
                continue;
            }
            let started = Instant::now();
            let judged = placed.stage.judge_again(&self.call).await;
            let step = Step::of(placed, Hook::Call, started);
            match judged {
                Ok(done) if done.verdict == CallVerdict::Pass && self.knows_all(placed, &done.effects) => {
                    let step = step.at(done.effects.cost);
                    self.trail.step(step.because("again, after a condition changed the arguments".to_owned()));
                }
                Ok(done) => {
                    let step = step.at(done.effects.cost);
                    let refusal = match done.verdict {
                        CallVerdict::Refuse(refusal) => refusal,
                        CallVerdict::Pass => *unmet(placed.stage.name(), "judged again, it set other conditions"),
                        CallVerdict::Answer(_) => *unmet(placed.stage.name(), "judged again, it did not pass the call"),
                    };
                    self.trail.step(step.refuse(&refusal));
                    return Err(self.refused(refusal));
                }
                Err(fault) => {
                    let failed = placed.failed(Hook::Call, &fault, &self.call.id);
                    self.trail.step(step.fault(&fault));
                    return Err(failed.into());
                }
            }
        }
        Ok(())
    }

    fn knows_all(&self, placed: &Placed, effects: &Effects) -> bool {
        let known = |condition: &Arc<Condition>| self.call.duties.id_of(placed.stage.name(), condition).is_some();
        effects.conditions.iter().all(known)
    }

    /// What only a stage can fulfil, and no stage is left to: known before the server is asked.
    pub(super) fn hopeless(&self) -> Option<Reply> {
        let open = self.call.duties.open().find(|duty| !duty.condition.is_of_house())?;
        let somebody = self.chain.stages.iter().any(|placed| self.asks(placed, Hook::Reply));
        (!somebody).then(|| self.refused(*unfulfilled(open)))
    }

    /// Whether a condition is on the reply.
    pub(super) fn redacts_reply(&self) -> bool {
        self.call.duties.open().any(|duty| matches!(duty.condition.work(), Work::Redact(_)))
    }

    /// The reply as it is for the stages before the one that set conditions on it, and for the client.
    pub(super) fn redacted_reply(&mut self, placed: &Placed, mut reply: Arc<Reply>) -> Arc<Reply> {
        let of_stage = |duty: &&Duty| duty.stage == *placed.stage.name();
        let due: Vec<Duty> = self.call.duties.open().filter(of_stage).cloned().collect();
        for duty in due {
            let Work::Redact(redaction) = duty.condition.work() else { continue };
            if matches!(reply.answer, Answer::Message(_) | Answer::Result(_)) {
                let document: Bytes = reply.document(&self.call.method, self.call.name.as_deref());
                match redaction.of_reply(&document) {
                    Ok(None) => {}
                    Ok(Some((document, pointers))) => {
                        self.redacted(&duty.stage, &duty.condition, pointers);
                        reply = Arc::new(Arc::unwrap_or_clone(reply).with_document(document));
                    }
                    Err(why) => reply = Arc::new(self.refused(*unmet(&duty.stage, &why))),
                }
            }
            self.change(|call| call.duties.close(duty.id));
        }
        reply
    }

    /// Room 9's question: a reply under a condition that nobody has met is not given.
    pub(super) fn fulfilled(&self, reply: Reply) -> Reply {
        match (&reply.answer, self.call.duties.open().next()) {
            (Answer::Message(_) | Answer::Result(_), Some(duty)) => self.refused(*unfulfilled(duty)),
            _ => reply,
        }
    }
}

fn unfulfilled(duty: &Duty) -> Box<Refusal> {
    unmet(&duty.stage, &format!("no stage fulfilled `{}`", duty.condition.kind()))
}

fn unmet(stage: &str, why: &str) -> Box<Refusal> {
    Box::new(Refusal::new(
        RefusalKind::Forbidden,
        "A condition of this call was not met",
        format!("stage {stage} passed the call under conditions: {why}"),
    ))
}
