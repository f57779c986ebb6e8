//! The one table from cause to answer: which HTTP status, JSON-RPC code and words a refusal or fault becomes.
//!
//! Codes of the house lie in -32000 … -32019, which JSON-RPC leaves to implementations and MCP leaves without meaning
//! (2026-07-28, basic: -32020 and below are the specification's own). `docs/reference/errors.md` is the same table in prose.

use cardea_message::{ErrorObject, Method, error};
use serde_json::{Map, Value, value::RawValue};

use crate::{Fault, FaultKind, Form, Refusal, RefusalKind};

/// JSON-RPC error codes of the house.
pub mod code {
    /// No valid credential.
    pub const UNAUTHENTICATED: i64 = -32010;
    /// The subject may not do this.
    pub const FORBIDDEN: i64 = -32011;
    /// A wider scope would help.
    pub const INSUFFICIENT_SCOPE: i64 = -32012;
    /// Too much in too short a time, or a limit of the house.
    pub const LIMITED: i64 = -32013;
    /// Something the decision needs is down.
    pub const UNAVAILABLE: i64 = -32014;
    /// The server cannot be reached or does not speak MCP.
    pub const SERVER_FAILED: i64 = -32015;
    /// The deadline passed.
    pub const DEADLINE: i64 = -32016;
}

/// How a refusal or fault is told to a client.
#[derive(Clone, Debug)]
pub struct Wording {
    /// HTTP status.
    pub status: u16,
    /// The JSON-RPC error.
    pub error: ErrorObject,
    /// HTTP response headers, names lower case.
    pub headers: Vec<(String, String)>,
}

/// Response headers a stage may set with a refusal.
const STAGE_HEADERS: [&str; 6] =
    ["retry-after", "ratelimit", "ratelimit-policy", "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"];

impl Wording {
    /// Words a refusal. `name` is what the client asked for.
    pub fn of_refusal(refusal: &Refusal, method: &Method, name: Option<&str>) -> Self {
        let (status, code) = match refusal.kind {
            RefusalKind::Unauthenticated => (401, code::UNAUTHENTICATED),
            RefusalKind::Forbidden => (403, code::FORBIDDEN),
            RefusalKind::InsufficientScope => (403, code::INSUFFICIENT_SCOPE),
            RefusalKind::Unknown => return Self::of_fault(&Fault::unknown_name(method, name.unwrap_or_default())),
            RefusalKind::Limited => (429, code::LIMITED),
            RefusalKind::Invalid => (200, error::INVALID_PARAMS),
            RefusalKind::Unavailable => (503, code::UNAVAILABLE),
        };
        let data = refusal_data(refusal);
        Self { status, error: ErrorObject { code, message: refusal.message.clone(), data }, headers: headers(refusal) }
    }

    /// Words a fault. Only `outside` is told.
    pub fn of_fault(fault: &Fault) -> Self {
        let (status, code) = match fault.kind {
            FaultKind::UnknownName | FaultKind::InvalidParams => (200, error::INVALID_PARAMS),
            FaultKind::UnknownMethod => (404, error::METHOD_NOT_FOUND),
            FaultKind::Unreachable | FaultKind::BadReply | FaultKind::ServerAuth => (502, code::SERVER_FAILED),
            FaultKind::Deadline => (504, code::DEADLINE),
            FaultKind::Overloaded => (503, code::LIMITED),
            FaultKind::TooLarge => (502, code::SERVER_FAILED),
            FaultKind::Cancelled => (200, code::DEADLINE),
            FaultKind::Superseded | FaultKind::StageFailed | FaultKind::Unrecorded => (503, code::UNAVAILABLE),
            FaultKind::Internal => (500, error::INTERNAL),
        };
        Self { status, error: ErrorObject { code, message: fault.outside.clone(), data: None }, headers: Vec::new() }
    }
}

/// A refused `tools/call` as the tool result a model can read, if the stage asked for that form.
pub(crate) fn tool_result(refusal: &Refusal, method: &Method) -> Option<String> {
    if refusal.form != Form::ToolResult || method.as_str() != "tools/call" || refusal.kind == RefusalKind::Unknown {
        return None;
    }
    let mut result = serde_json::json!({
        "resultType": "complete",
        "content": [{ "type": "text", "text": refusal.message }],
        "isError": true,
    });
    if let (Some(data), Some(result)) = (refusal_data(refusal), result.as_object_mut()) {
        result.insert("_meta".to_owned(), serde_json::json!({ "cardea/refusal": data }));
    }
    Some(result.to_string())
}

fn refusal_data(refusal: &Refusal) -> Option<Box<RawValue>> {
    let mut data = match refusal.data_json.as_deref().map(serde_json::from_str) {
        Some(Ok(Value::Object(data))) => data,
        _ => Map::new(),
    };
    if let Some(after) = refusal.retry_after {
        data.entry("retryAfterMs").or_insert_with(|| (after.as_millis() as u64).into());
    }
    if !refusal.scopes.is_empty() {
        data.entry("scopes").or_insert_with(|| refusal.scopes.clone().into());
    }
    if data.is_empty() { None } else { serde_json::value::to_raw_value(&data).ok() }
}

fn headers(refusal: &Refusal) -> Vec<(String, String)> {
    let allowed = |name: &str| {
        STAGE_HEADERS.contains(&name) || (name == "www-authenticate" && refusal.kind == RefusalKind::Unauthenticated)
    };
    let mut headers: Vec<_> = refusal
        .headers
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
        .filter(|(name, _)| allowed(name))
        .collect();
    if let Some(after) = refusal.retry_after
        && !headers.iter().any(|(name, _)| name == "retry-after")
    {
        // RFC 9110 section 10.2.3 knows whole seconds only; rounding up keeps an obedient client from coming too early.
        headers.push(("retry-after".to_owned(), after.as_millis().div_ceil(1000).max(1).to_string()));
    }
    if refusal.kind == RefusalKind::InsufficientScope {
        let scope = refusal.scopes.join(" ");
        headers.push(("www-authenticate".to_owned(), format!(r#"Bearer error="insufficient_scope", scope="{scope}""#)));
    }
    if refusal.kind == RefusalKind::Unauthenticated && !headers.iter().any(|(name, _)| name == "www-authenticate") {
        headers.push(("www-authenticate".to_owned(), "Bearer".to_owned()));
    }
    headers
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_limited_call_says_when_to_come_back_in_both_places() {
        let mut refusal = Refusal::new(RefusalKind::Limited, "slow down", "bucket empty");
        refusal.retry_after = Some(Duration::from_millis(1200));
        let wording = Wording::of_refusal(&refusal, &Method::TOOLS_CALL, Some("x"));
        assert_eq!(wording.status, 429);
        assert_eq!(wording.headers, vec![("retry-after".to_owned(), "2".to_owned())]);
        assert_eq!(wording.error.data.map(|data| data.get().to_owned()).as_deref(), Some(r#"{"retryAfterMs":1200}"#));
    }

    #[test]
    fn the_reason_and_the_inside_never_leave_the_house() {
        let refusal = Refusal::new(RefusalKind::Forbidden, "no", "rule 7 of acme");
        let told = Wording::of_refusal(&refusal, &Method::TOOLS_CALL, Some("x"));
        assert!(!told.error.message.contains("acme") && told.error.data.is_none());
        let fault =
            Fault::new(crate::Side::Server, FaultKind::Unreachable, "The server is not reachable", "10.0.0.7:99");
        assert_eq!(Wording::of_fault(&fault).error.message, "The server is not reachable");
    }

    #[test]
    fn a_hidden_name_reads_as_an_unknown_one() {
        let hidden = Refusal::new(RefusalKind::Unknown, "you may not know", "hidden");
        let unknown = Fault::unknown_name(&Method::TOOLS_CALL, "rm");
        assert_eq!(
            Wording::of_refusal(&hidden, &Method::TOOLS_CALL, Some("rm")).error.to_json(),
            Wording::of_fault(&unknown).error.to_json()
        );
    }

    #[test]
    fn stages_cannot_set_headers_beyond_the_list() {
        let mut refusal = Refusal::new(RefusalKind::Forbidden, "no", "no");
        refusal.headers = vec![("set-cookie".into(), "a=b".into()), ("www-authenticate".into(), "Basic".into())];
        assert_eq!(Wording::of_refusal(&refusal, &Method::TOOLS_CALL, None).headers, vec![]);
    }
}
