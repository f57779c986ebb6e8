//! `Mcp-Param-*`: headers that repeat single arguments of a tool, as the tool's own schema asks (2026-07-28).

use bytes::Bytes;
use cardea_chain::{Call, ItemKind};
use cardea_message::header::decode_mirrored;
use cardea_message::{Method, Pointer, error, json};
use http::{HeaderMap, HeaderName, StatusCode};
use serde_json::Value;

use crate::respond::Rejection;

const PREFIX: &str = "mcp-param-";
const KEYWORD: &str = "x-mcp-header";

/// Whether the headers say what the arguments say. Only a tool the house has seen can be judged; of any other, headers and
/// arguments go on as they came, and the server judges.
pub(crate) fn agree(call: &Call) -> Result<(), Box<Rejection>> {
    let name = call.name.as_deref().filter(|_| call.method == Method::TOOLS_CALL);
    let definition = name.and_then(|name| call.directory.definition(call, ItemKind::Tool, name));
    let Some(schema) = definition.as_ref().and_then(marked_schema) else { return Ok(()) };
    let arguments = Pointer::root().child("arguments");
    match disagreement(&schema, &arguments, call.params(), &call.headers) {
        None => Ok(()),
        Some(header) => {
            let message = format!("Header mismatch: the header `{header}` does not say what the arguments say");
            Err(Rejection::new(StatusCode::BAD_REQUEST, error::HEADER_MISMATCH, message))
        }
    }
}

/// The input schema, if it marks any argument. Most do not, and are not read.
fn marked_schema(definition: &Bytes) -> Option<Value> {
    definition.windows(KEYWORD.len()).any(|window| window == KEYWORD.as_bytes()).then_some(())?;
    let span = json::find(definition, &Pointer::root().child("inputSchema"))?;
    serde_json::from_slice(&definition[span]).ok()
}

/// The first header that is wrong. Marks count along chains of `properties` only, as the specification has it.
fn disagreement(schema: &Value, at: &Pointer, params: &[u8], headers: &HeaderMap) -> Option<HeaderName> {
    let properties = schema.get("properties").and_then(Value::as_object)?;
    properties.iter().find_map(|(key, property)| {
        let at = at.child(key);
        let mark = property.get(KEYWORD).and_then(Value::as_str);
        let header = mark.and_then(|name| HeaderName::try_from(format!("{PREFIX}{name}")).ok());
        let wrong = header.filter(|header| !says(headers.get(header).map(|value| value.as_bytes()), params, &at));
        wrong.or_else(|| disagreement(property, &at, params, headers))
    })
}

fn says(header: Option<&[u8]>, params: &[u8], at: &Pointer) -> bool {
    let argument = json::find(params, at).and_then(|span| serde_json::from_slice::<Value>(&params[span]).ok());
    let argument = argument.filter(|value| !value.is_null());
    match (header, argument) {
        (None, None) => true,
        (Some(header), Some(argument)) => decode_mirrored(header).is_ok_and(|text| is(&argument, &text)),
        _ => false,
    }
}

fn is(argument: &Value, text: &str) -> bool {
    match argument {
        Value::String(argument) => argument == text,
        Value::Bool(argument) => argument.to_string() == text,
        // `7` and `7.0` are one number.
        Value::Number(argument) => argument.to_string() == text || argument.as_f64() == text.parse().ok(),
        // A value no header can repeat: the schema is wrong, and the server is the one to say so.
        Value::Null | Value::Array(_) | Value::Object(_) => true,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use http::HeaderValue;

    use super::*;

    const TOOL: &[u8] = br#"{"name":"t","inputSchema":{"type":"object","properties":{
        "region":{"type":"string","x-mcp-header":"Region"}, "plain":{"type":"string"},
        "deep":{"type":"object","properties":{"n":{"type":"integer","x-mcp-header":"N"}}}}}}"#;

    fn wrong(params: &str, headers: &[(&str, &str)]) -> Option<String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(HeaderName::try_from(*name).unwrap(), HeaderValue::try_from(*value).unwrap());
        }
        let schema = marked_schema(&Bytes::from_static(TOOL)).unwrap();
        let header = disagreement(&schema, &Pointer::root().child("arguments"), params.as_bytes(), &map);
        header.map(|header| header.to_string())
    }

    #[test]
    fn headers_repeat_marked_arguments_and_nothing_else() {
        let both = r#"{"arguments":{"region":"eu","plain":"x","deep":{"n":7}}}"#;
        let (region, n) = ("mcp-param-region", "mcp-param-n");
        for (params, headers, expected) in [
            (both, &[(region, "eu"), (n, "7")][..], None),
            (both, &[(region, "=?base64?ZXU=?="), (n, "7.0")], None),
            (both, &[(region, "eu"), (n, "7"), ("mcp-param-other", "x")], None),
            (both, &[(region, "us"), (n, "7")], Some(region)),
            (both, &[(region, "EU"), (n, "7")], Some(region)),
            (both, &[(n, "7")], Some(region)),
            (both, &[(region, "eu"), (n, "8")], Some(n)),
            (both, &[(region, "eu"), (n, "x")], Some(n)),
            (both, &[(region, "=?base64?*?="), (n, "7")], Some(region)),
            (r#"{"arguments":{"region":null}}"#, &[], None),
            ("{}", &[], None),
            ("{}", &[(region, "eu")], Some(region)),
        ] {
            assert_eq!(wrong(params, headers).as_deref(), expected, "{params} {headers:?}");
        }
    }

    #[test]
    fn a_tool_without_marks_is_not_read() {
        assert!(marked_schema(&Bytes::from_static(br#"{"name":"t","inputSchema":{"type":"object"}}"#)).is_none());
    }
}
