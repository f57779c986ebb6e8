//! Short forms of requests, written out: what a well-behaved client of each protocol sends.

use std::collections::BTreeMap;

use serde_json::json;
use serde_json::value::RawValue;

use crate::{Outcome, Request};

const MODERN: &str = "2026-07-28";
const ACCEPT: &str = "application/json, text/event-stream";

/// The params of a modern request: those given, with what `_meta` must say. Every value keeps the bytes it was written with.
pub(crate) fn modern_params(params: &str) -> Outcome<BTreeMap<String, Box<RawValue>>> {
    let mut params = members(params)?;
    let mut meta: BTreeMap<String, Box<RawValue>> = BTreeMap::from([
        ("io.modelcontextprotocol/protocolVersion".to_owned(), raw(&json!(MODERN))),
        ("io.modelcontextprotocol/clientCapabilities".to_owned(), raw(&json!({}))),
        ("io.modelcontextprotocol/clientInfo".to_owned(), raw(&json!({ "name": "case", "version": "1" }))),
    ]);
    if let Some(given) = params.get("_meta") {
        meta.extend(members(given.get())?);
    }
    params.insert("_meta".to_owned(), raw(&meta));
    Ok(params)
}

/// The params of a legacy request.
pub(crate) fn members(params: &str) -> Outcome<BTreeMap<String, Box<RawValue>>> {
    let params = if params.trim().is_empty() { "{}" } else { params };
    serde_json::from_str(params)
        .map_err(|error| format!("the params are no JSON object: {error}; use `--- request` for such"))
}

/// A modern request with the headers that repeat its body.
pub(crate) fn modern(target: &str, method: &str, id: &str, params: &BTreeMap<String, Box<RawValue>>) -> Request {
    let text = |key: &str| params.get(key).and_then(|value| serde_json::from_str::<String>(value.get()).ok());
    let mut request =
        post(target, message(method, id, params)).with("MCP-Protocol-Version", MODERN).with("Mcp-Method", method);
    let named = matches!(method, "tools/call" | "prompts/get" | "resources/read");
    if let Some(name) = text("name").or_else(|| text("uri")).filter(|_| named) {
        request = request.with("Mcp-Name", &name);
    }
    request
}

/// A legacy request, in a session if there is one.
pub(crate) fn legacy(
    target: &str,
    method: &str,
    id: &str,
    params: &BTreeMap<String, Box<RawValue>>,
    session: Option<(&str, &str)>,
) -> Request {
    let request = post(target, message(method, id, params));
    match session.filter(|_| method != "initialize") {
        Some((session, version)) => request.with("MCP-Protocol-Version", version).with("Mcp-Session-Id", session),
        None => request,
    }
}

/// Puts headers in place of those of the same name; an empty value takes them away.
pub(crate) fn overridden(mut request: Request, headers: &[(String, String)]) -> Request {
    request.headers.retain(|(name, _)| !headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(name)));
    request.headers.extend(headers.iter().filter(|(_, value)| !value.is_empty()).cloned());
    request
}

fn post(target: &str, body: String) -> Request {
    Request { method: "POST".to_owned(), target: target.to_owned(), headers: Vec::new(), body: body.into() }
        .with("Content-Type", "application/json")
        .with("Accept", ACCEPT)
}

fn message(method: &str, id: &str, params: &BTreeMap<String, Box<RawValue>>) -> String {
    let params = raw(params);
    if method.starts_with("notifications/") {
        format!(r#"{{"jsonrpc":"2.0","method":"{method}","params":{params}}}"#)
    } else {
        format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#)
    }
}

fn raw(value: &impl serde::Serialize) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_modern_request_repeats_its_body_in_headers_and_keeps_bytes() {
        let params =
            modern_params(r#"{"name": "echo", "arguments": { "a" :1.0 }, "_meta": {"progressToken": "p"}}"#).unwrap();
        let request = modern("/mcp", "tools/call", "3", &params);
        let body = String::from_utf8(request.body.to_vec()).unwrap();
        assert!(body.contains(r#""arguments":{ "a" :1.0 }"#) && body.contains(r#""progressToken":"p""#), "{body}");
        assert!(request.headers.contains(&("Mcp-Name".to_owned(), "echo".to_owned())));
        let request =
            overridden(request, &[("mcp-name".to_owned(), String::new()), ("X-A".to_owned(), "1".to_owned())]);
        assert!(!request.headers.iter().any(|(name, _)| name == "Mcp-Name"));
        assert!(request.headers.iter().any(|(name, _)| name == "X-A"));
    }
}
