//! What came of a case, as the SDK compares it.

use std::collections::BTreeMap;
use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};

use cardea_chain::{
    CallVerdict, CatalogVerdict, Choice, Condition, Decision, Document, Effects, Finding, Form, MessageVerdict,
    Refusal, RefusalKind, ReplyVerdict, Treatment,
};
use cardea_sdk::testing::case::Case;
use cardea_sdk::testing::observed::{Observed, Outcome};
use cardea_sdk::{RefusalForm, journal};
use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber, span};

use super::given;
use crate::{Metric, WasmStage};

/// A hook that left nothing behind.
pub(super) fn nothing(case: &Case) -> Observed {
    let subject = given::subject(case);
    Observed {
        outcome: Outcome::Init(Ok(())),
        params: None,
        reply: None,
        conditions: Vec::new(),
        fulfilled: Vec::new(),
        taken: Vec::new(),
        settled: Vec::new(),
        includes: Vec::new(),
        notes: BTreeMap::new(),
        kv: BTreeMap::new(),
        scratch: BTreeMap::new(),
        logs: Vec::new(),
        metrics: BTreeMap::new(),
        subject_key: if case.given.subject.is_some() { subject.key() } else { String::new() },
    }
}

/// What a hook left behind that returned.
pub(super) fn effects(case: &Case, effects: Effects, commits: bool) -> Observed {
    let text = |bytes: bytes::Bytes| String::from_utf8(bytes.into()).expect("UTF-8");
    let condition = |condition: &Arc<Condition>| (condition.kind().to_owned(), condition.json().to_owned());
    let include = |include: cardea_chain::Include| {
        let document = match include.document {
            Document::Call => journal::Document::Call,
            Document::Reply => journal::Document::Reply,
        };
        let treatment = match include.treatment {
            Treatment::Keep => journal::Treatment::Keep,
            Treatment::Hash => journal::Treatment::Hash,
            Treatment::Drop => journal::Treatment::Drop,
        };
        (document, include.pointer, treatment)
    };
    Observed {
        params: effects.params.filter(|_| commits).map(text),
        reply: effects.reply.filter(|_| commits).map(text),
        conditions: effects.conditions.iter().filter(|_| commits).map(condition).collect(),
        fulfilled: effects.fulfilled,
        includes: effects.includes.into_iter().map(include).collect(),
        notes: effects.notes.into_iter().collect(),
        scratch: effects.scratch.into_iter().map(|(key, value)| (key, value.to_vec())).collect(),
        ..nothing(case)
    }
}

pub(super) fn metrics(stage: &WasmStage) -> BTreeMap<String, f64> {
    let sum = |metric: Metric| match metric {
        Metric::Count(count) => count as f64,
        Metric::Observations(all) => all.sum,
    };
    stage.metrics().into_iter().map(|(name, metric)| (name, sum(metric))).collect()
}

pub(super) fn finding(finding: Finding) -> Outcome {
    Outcome::Finding(match finding {
        Finding::None => cardea_sdk::Finding::None,
        Finding::Refuse(refusal) => cardea_sdk::Finding::Refuse(told(refusal)),
        Finding::Subject(subject) => cardea_sdk::Finding::Subject(cardea_sdk::Subject {
            issuer: subject.issuer,
            id: subject.id,
            kind: subject.kind,
            tenant: subject.tenant,
            client: subject.client,
            credential_id: subject.credential_id,
            roles: subject.roles,
            groups: subject.groups,
            scopes: subject.scopes,
            actor_json: subject.actor_json,
            claims_json: subject.claims_json,
            expires_ms: subject.expires_ms,
            ext_json: None,
        }),
    })
}

pub(super) fn admissions(said: Vec<CatalogVerdict>) -> Outcome {
    let admission = |said: CatalogVerdict| cardea_sdk::Admission {
        decision: match said.decision {
            Decision::Keep => cardea_sdk::Decision::Keep,
            Decision::Hold => cardea_sdk::Decision::Hold,
            Decision::Drop => cardea_sdk::Decision::Drop,
        },
        edits: said.edits.into_iter().map(|edit| cardea_sdk::Edit { pointer: edit.pointer, json: edit.json }).collect(),
        reason: said.reason,
        ext_json: None,
    };
    Outcome::Admissions(said.into_iter().map(admission).collect())
}

pub(super) fn call_verdict(verdict: CallVerdict) -> Outcome {
    Outcome::Call(match verdict {
        CallVerdict::Pass => cardea_sdk::CallVerdict::Pass,
        CallVerdict::Answer(json) => cardea_sdk::CallVerdict::Answer(String::from_utf8(json.into()).expect("UTF-8")),
        CallVerdict::Refuse(refusal) => cardea_sdk::CallVerdict::Refuse(told(refusal)),
    })
}

pub(super) fn message_verdict(verdict: MessageVerdict) -> Outcome {
    Outcome::Message(match verdict {
        MessageVerdict::Pass => cardea_sdk::MessageVerdict::Pass,
        MessageVerdict::Drop => cardea_sdk::MessageVerdict::Drop,
        MessageVerdict::Answer(json) => {
            cardea_sdk::MessageVerdict::Answer(String::from_utf8(json.into()).expect("UTF-8"))
        }
        MessageVerdict::Refuse(refusal) => cardea_sdk::MessageVerdict::Refuse(told(refusal)),
    })
}

pub(super) fn reply_verdict(verdict: ReplyVerdict) -> Outcome {
    Outcome::Reply(match verdict {
        ReplyVerdict::Pass => cardea_sdk::ReplyVerdict::Pass,
        ReplyVerdict::Refuse(refusal) => cardea_sdk::ReplyVerdict::Refuse(told(refusal)),
    })
}

pub(super) fn choice(choice: Choice) -> Outcome {
    let Choice { order, mirrors, hedge_after_ms, sticky } = choice;
    Outcome::Choice(cardea_sdk::Choice { order, mirrors, hedge_after_ms, sticky, ext_json: None })
}

fn told(refusal: Refusal) -> cardea_sdk::Refusal {
    let kind = match refusal.kind {
        RefusalKind::Unauthenticated => cardea_sdk::RefusalKind::Unauthenticated,
        RefusalKind::Forbidden => cardea_sdk::RefusalKind::Forbidden,
        RefusalKind::InsufficientScope => cardea_sdk::RefusalKind::InsufficientScope,
        RefusalKind::Unknown => cardea_sdk::RefusalKind::Unknown,
        RefusalKind::Limited => cardea_sdk::RefusalKind::Limited,
        RefusalKind::Invalid => cardea_sdk::RefusalKind::Invalid,
        RefusalKind::Unavailable => cardea_sdk::RefusalKind::Unavailable,
    };
    cardea_sdk::Refusal {
        kind,
        message: refusal.message,
        reason: refusal.reason,
        scopes: refusal.scopes,
        data_json: refusal.data_json,
        headers: refusal.headers,
        retry_after_ms: refusal.retry_after.map(|after| after.as_millis() as u64),
        form: if refusal.form == Form::ToolResult { RefusalForm::ToolResult } else { RefusalForm::Error },
        ext_json: None,
    }
}

/// The lines a plugin wrote with `log`.
#[derive(Clone, Default)]
pub(super) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub(super) fn subscriber(&self) -> impl Subscriber + Send + Sync + 'static {
        self.clone()
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "cardea_plugin::imports::log"
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = event.metadata().level().as_str().to_ascii_lowercase();
        event.record(&mut Message(&mut line));
        self.0.lock().unwrap().push(line);
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

struct Message<'a>(&'a mut String);

impl Visit for Message<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            let _ = write!(self.0, " {value:?}");
        }
    }
}
