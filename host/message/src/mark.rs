//! Arguments that a tool wants repeated in headers: `x-mcp-header` in its input schema (2026-07-28, SEP-2243).

use serde_json::Value;

use crate::{Pointer, json};

/// What the names of these headers begin with.
pub const PREFIX: &str = "mcp-param-";
const KEYWORD: &[u8] = b"x-mcp-header";

/// One argument and the header that repeats it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Name of the header, in lower case.
    pub header: String,
    /// Where the argument stands in `params`.
    pub argument: Pointer,
}

impl Mark {
    /// The marks in a tool's definition, in the order of its properties. Those count that stand along chains of `properties`
    /// only, as the specification has it. Most tools have none, and their schemas are not read.
    pub fn all_in(definition: &[u8]) -> Vec<Self> {
        let mut marks = Vec::new();
        let marked = memchr::memmem::find(definition, KEYWORD).is_some();
        let schema = marked.then(|| json::member(definition, "inputSchema")).flatten();
        if let Some(schema) = schema.and_then(|span| serde_json::from_slice::<Value>(&definition[span]).ok()) {
            collect(&schema, &Pointer::root().child("arguments"), &mut marks);
        }
        marks
    }

    /// The text a header repeats the argument by; none where it is absent or null, or of a type no header can repeat.
    pub fn text_in(&self, params: &[u8]) -> Option<String> {
        match self.value_in(params)? {
            Value::String(text) => Some(text),
            value @ (Value::Bool(_) | Value::Number(_)) => Some(value.to_string()),
            _ => None,
        }
    }

    /// Whether a header's text says what the argument says.
    pub fn agrees(&self, params: &[u8], said: Option<&str>) -> bool {
        match (said, self.value_in(params).filter(|value| !value.is_null())) {
            (None, None) => true,
            (Some(said), Some(argument)) => is(&argument, said),
            _ => false,
        }
    }

    fn value_in(&self, params: &[u8]) -> Option<Value> {
        serde_json::from_slice(&params[json::find(params, &self.argument)?]).ok()
    }
}

fn collect(schema: &Value, at: &Pointer, marks: &mut Vec<Mark>) {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
    for (key, property) in properties {
        let argument = at.child(key);
        if let Some(name) = property.get("x-mcp-header").and_then(Value::as_str) {
            let header = format!("{PREFIX}{}", name.to_ascii_lowercase());
            marks.push(Mark { header, argument: argument.clone() });
        }
        collect(property, &argument, marks);
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
    use super::*;

    const TOOL: &[u8] = br#"{"name":"t","inputSchema":{"type":"object","properties":{
        "region":{"type":"string","x-mcp-header":"Region"}, "plain":{"type":"string"},
        "deep":{"type":"object","properties":{"n":{"type":"integer","x-mcp-header":"N"}}},
        "list":{"type":"array","items":{"properties":{"x":{"x-mcp-header":"Not"}}}}}}}"#;

    #[test]
    fn marks_are_found_along_properties_only() {
        let found: Vec<_> =
            Mark::all_in(TOOL).into_iter().map(|mark| (mark.header, mark.argument.to_string())).collect();
        let expected = [("mcp-param-n", "/arguments/deep/n"), ("mcp-param-region", "/arguments/region")];
        assert_eq!(found, expected.map(|(header, at)| (header.to_owned(), at.to_owned())));
        assert_eq!(Mark::all_in(br#"{"name":"t","inputSchema":{"type":"object"}}"#), []);
        assert_eq!(Mark::all_in(br#"{"name":"x-mcp-header"}"#), []);
    }

    #[test]
    fn a_header_says_what_the_argument_says() {
        let mark = Mark { header: "mcp-param-n".to_owned(), argument: Pointer::root().child("arguments").child("n") };
        for (params, said, agrees) in [
            (r#"{"arguments":{"n":7}}"#, Some("7"), true),
            (r#"{"arguments":{"n":7}}"#, Some("7.0"), true),
            (r#"{"arguments":{"n":7}}"#, Some("8"), false),
            (r#"{"arguments":{"n":7}}"#, None, false),
            (r#"{"arguments":{"n":"eu"}}"#, Some("eu"), true),
            (r#"{"arguments":{"n":"eu"}}"#, Some("EU"), false),
            (r#"{"arguments":{"n":true}}"#, Some("true"), true),
            (r#"{"arguments":{"n":[1]}}"#, Some("x"), true),
            (r#"{"arguments":{"n":null}}"#, None, true),
            (r#"{"arguments":{"n":null}}"#, Some("x"), false),
            ("{}", None, true),
            ("{}", Some("x"), false),
        ] {
            assert_eq!(mark.agrees(params.as_bytes(), said), agrees, "{params} {said:?}");
        }
    }
}
