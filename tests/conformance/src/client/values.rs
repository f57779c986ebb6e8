//! Values that fit a schema: the defaults where it has any.

use rmcp::model::JsonObject;
use serde_json::{Value, json};

/// An object with every property of the schema.
pub(crate) fn fitting(schema: &Value) -> JsonObject {
    let properties = schema["properties"].as_object();
    properties.into_iter().flatten().map(|(name, property)| (name.clone(), value(property))).collect()
}

fn value(schema: &Value) -> Value {
    let first = |list: &Value| list.get(0).cloned();
    let given = schema.get("default").cloned().or_else(|| first(&schema["enum"]));
    given.unwrap_or_else(|| match schema["type"].as_str() {
        Some("integer" | "number") => json!(7),
        Some("boolean") => json!(true),
        Some("array") => json!([]),
        Some("object") => Value::Object(fitting(schema)),
        _ => json!("text"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_property_has_its_default_or_a_value_of_its_type() {
        let schema = json!({ "properties": {
            "name": { "type": "string", "default": "Ada" }, "age": { "type": "integer" },
            "kind": { "enum": ["a", "b"] }, "deep": { "type": "object", "properties": { "on": { "type": "boolean" } } },
        }});
        let values = json!({ "name": "Ada", "age": 7, "kind": "a", "deep": { "on": true } });
        assert_eq!(Value::Object(fitting(&schema)), values);
    }
}
