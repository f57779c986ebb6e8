//! The HTTP headers that repeat what a modern request's body says (2026-07-28, streamable HTTP).

use bytes::Bytes;
use cardea_chain::{Call, ItemKind};
use cardea_message::{Method, Pointer, Version, header, json};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

const PARAM_PREFIX: &str = "mcp-param-";
const PARAM_KEYWORD: &str = "x-mcp-header";

/// The headers of a request, read off the very params that are sent, so that no edit on the way can tear them apart.
pub(crate) fn headers(method: &Method, params: Option<&[u8]>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("mcp-protocol-version", HeaderValue::from_static(Version::LATEST.as_str()));
    put(&mut headers, HeaderName::from_static("mcp-method"), method.as_str());
    let name = method
        .named_by()
        .zip(params)
        .and_then(|(field, params)| json::find_str(params, &Pointer::root().child(field.key())));
    if let Some(name) = name {
        put(&mut headers, HeaderName::from_static("mcp-name"), &header::encode_mirrored(&name));
    }
    headers
}

/// The `Mcp-Param-*` headers of a call: by the tool's own schema where the house has seen it, which also serves arguments
/// a stage has edited and clients that know no such headers; else as the client sent them.
pub(crate) fn arguments(call: &Call, params: Option<&[u8]>) -> HeaderMap {
    if call.method != Method::TOOLS_CALL {
        return HeaderMap::new();
    }
    let listed = call.name.as_deref().and_then(|name| call.directory.definition(call, ItemKind::Tool, name));
    match listed {
        Some(definition) => derived(&definition, params.unwrap_or(b"{}")),
        None => call.headers.iter().filter(|(name, _)| is_param(name)).map(|(n, v)| (n.clone(), v.clone())).collect(),
    }
}

fn is_param(name: &HeaderName) -> bool {
    name.as_str().starts_with(PARAM_PREFIX)
}

fn derived(definition: &Bytes, params: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let marked = definition.windows(PARAM_KEYWORD.len()).any(|window| window == PARAM_KEYWORD.as_bytes());
    let schema = marked.then(|| json::find(definition, &Pointer::root().child("inputSchema"))).flatten();
    if let Some(schema) = schema.and_then(|span| serde_json::from_slice::<Value>(&definition[span]).ok()) {
        collect(&schema, &Pointer::root().child("arguments"), params, &mut headers);
    }
    headers
}

/// Follows chains of `properties` only, as the specification has it.
fn collect(schema: &Value, at: &Pointer, params: &[u8], headers: &mut HeaderMap) {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
    for (key, property) in properties {
        let at = at.child(key);
        let header = property.get(PARAM_KEYWORD).and_then(Value::as_str);
        if let Some(name) = header.and_then(|name| HeaderName::try_from(format!("{PARAM_PREFIX}{name}")).ok())
            && let Some(text) = argument(params, &at)
        {
            put(headers, name, &header::encode_mirrored(&text));
        }
        collect(property, &at, params, headers);
    }
}

/// A string, an integer or a boolean as header text; other values are not mirrored.
fn argument(params: &[u8], at: &Pointer) -> Option<String> {
    let value: Value = serde_json::from_slice(&params[json::find(params, at)?]).ok()?;
    match value {
        Value::String(text) => Some(text),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        _ => None,
    }
}

fn put(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    // A method no header can carry is sent without one, and the server refuses it by its own rules.
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
        headers.get(name)?.to_str().ok()
    }

    #[test]
    fn the_body_is_repeated() {
        let made = headers(&Method::TOOLS_CALL, Some("{\"name\":\"caf\u{e9}\"}".as_bytes()));
        assert_eq!(text(&made, "mcp-protocol-version"), Some("2026-07-28"));
        assert_eq!(text(&made, "mcp-method"), Some("tools/call"));
        assert_eq!(text(&made, "mcp-name"), Some("=?base64?Y2Fmw6k=?="));
        assert!(headers(&Method::TOOLS_LIST, None).get("mcp-name").is_none());
    }

    #[test]
    fn marked_arguments_become_headers() {
        let definition = br#"{"name":"t","inputSchema":{"type":"object","properties":{
            "region":{"type":"string","x-mcp-header":"Region"}, "n":{"type":"integer","x-mcp-header":"N"},
            "deep":{"type":"object","properties":{"on":{"type":"boolean","x-mcp-header":"On"}}},
            "gone":{"type":"string","x-mcp-header":"Gone"}, "nil":{"type":"string","x-mcp-header":"Nil"},
            "plain":{"type":"string"}}}}"#;
        let params = br#"{"arguments":{"region":"eu","n":7,"deep":{"on":true},"nil":null,"plain":"x"}}"#;
        let made = derived(&Bytes::from_static(definition), params);
        let mut pairs: Vec<_> = made.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        pairs.sort_unstable();
        assert_eq!(pairs, [("mcp-param-n", &b"7"[..]), ("mcp-param-on", b"true"), ("mcp-param-region", b"eu")]);
    }
}
