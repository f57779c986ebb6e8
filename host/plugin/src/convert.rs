//! Between the values of `wit/` and those of the chain. What makes no sense is a fault of the stage, never a verdict.

use std::time::Duration;

use bytes::Bytes;
use cardea_chain::{
    CallVerdict, Candidate, CatalogVerdict, Choice, Decision, Definition, DefinitionEdit, Finding, Form, HookFault,
    Item, ItemKind, MessageVerdict, PassingKind, Refusal, RefusalKind, ReplyVerdict, Role, Subject,
};
use cardea_message::json;

use crate::bindings::cardea::plugin::types;
use crate::bindings::exports::cardea::plugin::{on_authenticate, on_call, on_catalog, on_message, on_reply, on_route};

/// A finding, if the subject in it can be one.
pub(crate) fn finding(finding: on_authenticate::Finding) -> Result<Finding, HookFault> {
    Ok(match finding {
        on_authenticate::Finding::None => Finding::None,
        on_authenticate::Finding::Refuse(refusal) => Finding::Refuse(refusal.into()),
        on_authenticate::Finding::Subject(subject) => {
            if subject.id.is_empty() || subject.issuer.is_empty() {
                return Err(HookFault::bad_answer("it named a subject without id or issuer"));
            }
            for (what, text) in [("claims-json", &subject.claims_json), ("actor-json", &subject.actor_json)] {
                if let Some(text) = text {
                    check_object(what, text)?;
                }
            }
            Finding::Subject(Box::new(subject.into()))
        }
    })
}

/// A verdict on a call, if this role may give it.
pub(crate) fn call_verdict(verdict: on_call::CallVerdict, role: Role) -> Result<CallVerdict, HookFault> {
    match verdict {
        on_call::CallVerdict::Pass => Ok(CallVerdict::Pass),
        _ if role == Role::Observe => Err(observer()),
        on_call::CallVerdict::Refuse(refusal) => Ok(CallVerdict::Refuse(refusal.into())),
        on_call::CallVerdict::Answer(result) => {
            check_object("its answer", &result)?;
            Ok(CallVerdict::Answer(Bytes::from(result)))
        }
    }
}

/// A verdict on a reply, if this role may give it.
pub(crate) fn reply_verdict(verdict: on_reply::ReplyVerdict, role: Role) -> Result<ReplyVerdict, HookFault> {
    match verdict {
        on_reply::ReplyVerdict::Pass => Ok(ReplyVerdict::Pass),
        on_reply::ReplyVerdict::Refuse(_) if role == Role::Observe => Err(observer()),
        on_reply::ReplyVerdict::Refuse(refusal) => Ok(ReplyVerdict::Refuse(refusal.into())),
    }
}

/// A verdict on what is passing.
pub(crate) fn message_verdict(verdict: on_message::MessageVerdict) -> Result<MessageVerdict, HookFault> {
    Ok(match verdict {
        on_message::MessageVerdict::Pass => MessageVerdict::Pass,
        on_message::MessageVerdict::Drop => MessageVerdict::Drop,
        on_message::MessageVerdict::Answer(result) => {
            check_object("its answer", &result)?;
            MessageVerdict::Answer(Bytes::from(result))
        }
        on_message::MessageVerdict::Refuse(refusal) => MessageVerdict::Refuse(refusal.into()),
    })
}

fn observer() -> HookFault {
    HookFault::bad_answer("a stage of the role `observe` passes everything, and it did not")
}

fn check_object(what: &str, text: &str) -> Result<(), HookFault> {
    json::check(text.as_bytes()).map_err(|fault| HookFault::bad_answer(format!("{what} is not JSON: {fault}")))?;
    if text.trim_start().starts_with('{') {
        return Ok(());
    }
    Err(HookFault::bad_answer(format!("{what} is no JSON object")))
}

impl From<types::Refusal> for Refusal {
    fn from(refusal: types::Refusal) -> Self {
        Self {
            kind: refusal.kind.into(),
            message: refusal.message,
            reason: refusal.reason,
            scopes: refusal.scopes,
            data_json: refusal.data_json,
            headers: refusal.headers,
            retry_after: refusal.retry_after_ms.map(Duration::from_millis),
            form: match refusal.form {
                types::RefusalForm::Error => Form::Error,
                types::RefusalForm::ToolResult => Form::ToolResult,
            },
        }
    }
}

impl From<PassingKind> for on_message::MessageKind {
    fn from(kind: PassingKind) -> Self {
        match kind {
            PassingKind::Notification => Self::Notification,
            PassingKind::Ask => Self::Ask,
            PassingKind::Answer => Self::Answer,
        }
    }
}

impl From<types::RefusalKind> for RefusalKind {
    fn from(kind: types::RefusalKind) -> Self {
        match kind {
            types::RefusalKind::Unauthenticated => Self::Unauthenticated,
            types::RefusalKind::Forbidden => Self::Forbidden,
            types::RefusalKind::InsufficientScope => Self::InsufficientScope,
            types::RefusalKind::Unknown => Self::Unknown,
            types::RefusalKind::Limited => Self::Limited,
            types::RefusalKind::Invalid => Self::Invalid,
            types::RefusalKind::Unavailable => Self::Unavailable,
        }
    }
}

impl From<types::Subject> for Subject {
    fn from(subject: types::Subject) -> Self {
        Self {
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
        }
    }
}

impl From<&Subject> for types::Subject {
    fn from(subject: &Subject) -> Self {
        let subject = subject.clone();
        Self {
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
        }
    }
}

impl From<ItemKind> for types::ItemKind {
    fn from(kind: ItemKind) -> Self {
        match kind {
            ItemKind::Tool => Self::Tool,
            ItemKind::Prompt => Self::Prompt,
            ItemKind::Resource => Self::Resource,
            ItemKind::ResourceTemplate => Self::ResourceTemplate,
        }
    }
}

impl From<types::ItemKind> for ItemKind {
    fn from(kind: types::ItemKind) -> Self {
        match kind {
            types::ItemKind::Tool => Self::Tool,
            types::ItemKind::Prompt => Self::Prompt,
            types::ItemKind::Resource => Self::Resource,
            types::ItemKind::ResourceTemplate => Self::ResourceTemplate,
        }
    }
}

impl From<&Item> for types::Item {
    fn from(item: &Item) -> Self {
        let hints = [
            (item.hints.read_only, types::ItemHints::READ_ONLY),
            (item.hints.destructive, types::ItemHints::DESTRUCTIVE),
            (item.hints.idempotent, types::ItemHints::IDEMPOTENT),
            (item.hints.open_world, types::ItemHints::OPEN_WORLD),
        ];
        let given = hints.into_iter().filter(|(given, _)| *given);
        Self {
            kind: item.kind.into(),
            id: item.id.clone(),
            native_id: item.native_id.clone(),
            server: item.server.to_string(),
            digest: item.digest.clone(),
            hints: given.fold(types::ItemHints::default(), |all, (_, hint)| all | hint),
            ext_json: None,
        }
    }
}

impl From<&Definition> for on_catalog::Definition {
    fn from(definition: &Definition) -> Self {
        Self {
            kind: definition.kind.into(),
            id: definition.native_id.clone(),
            native_id: definition.native_id.clone(),
            server: definition.server.to_string(),
            digest: definition.digest.clone(),
            json: String::from_utf8_lossy(&definition.json).into_owned(),
            ext_json: None,
        }
    }
}

impl From<on_catalog::Admission> for CatalogVerdict {
    fn from(admission: on_catalog::Admission) -> Self {
        let edit = |edit: on_catalog::Edit| DefinitionEdit { pointer: edit.pointer, json: edit.json };
        Self {
            decision: match admission.decision {
                on_catalog::Decision::Keep => Decision::Keep,
                on_catalog::Decision::Hold => Decision::Hold,
                on_catalog::Decision::Drop => Decision::Drop,
            },
            edits: admission.edits.into_iter().map(edit).collect(),
            reason: admission.reason,
        }
    }
}

impl From<&Candidate> for on_route::Candidate {
    fn from(candidate: &Candidate) -> Self {
        Self {
            id: candidate.id.clone(),
            server: candidate.server.clone(),
            weight: candidate.weight,
            labels: candidate.labels.clone(),
            in_flight: candidate.in_flight,
            latency_us: candidate.latency_us,
            healthy: candidate.healthy,
            ext_json: None,
        }
    }
}

impl From<on_route::Choice> for Choice {
    fn from(choice: on_route::Choice) -> Self {
        Self {
            order: choice.order,
            mirrors: choice.mirrors,
            hedge_after_ms: choice.hedge_after_ms,
            sticky: choice.sticky,
        }
    }
}

#[cfg(test)]
mod tests {
    use cardea_chain::HookFaultKind;

    use super::*;

    #[test]
    fn an_answer_must_be_a_json_object() {
        let verdict = |text: &str| call_verdict(on_call::CallVerdict::Answer(text.to_owned()), Role::Content);
        assert!(matches!(verdict(r#" {"content":[]}"#), Ok(CallVerdict::Answer(_))));
        for nonsense in ["", "[]", "{", r#"{"a":1,"a":2}"#, "null"] {
            assert_eq!(verdict(nonsense).unwrap_err().kind, HookFaultKind::BadAnswer, "{nonsense}");
        }
    }

    #[test]
    fn an_observer_can_only_pass() {
        assert!(call_verdict(on_call::CallVerdict::Pass, Role::Observe).is_ok());
        assert!(call_verdict(on_call::CallVerdict::Answer("{}".into()), Role::Observe).is_err());
    }
}
