//! The JSON Schema of the manifest, for editors that complete and check while one types.

use serde_json::{Map, Value, json};
use toml::de::DeValue;

use crate::document::json_of;
use crate::manifest::Manifest;
use crate::section::{Form, Key, Presence, Section, Shape};

/// The JSON Schema (2020-12) of `cardea.toml`, made from the declarations that read it.
pub fn schema() -> Value {
    let mut schema = table(&Manifest::doc(), &Manifest::keys());
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!("cardea.toml");
    schema
}

fn table(doc: &str, keys: &[Key]) -> Value {
    let properties: Map<String, Value> = keys.iter().map(|key| (key.name.clone(), property(key))).collect();
    let required = keys.iter().filter(|key| matches!(key.presence, Presence::Required));
    let required: Vec<&str> = required.map(|key| key.name.as_str()).collect();
    json!({
        "type": "object",
        "description": doc,
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn property(key: &Key) -> Value {
    let mut property = value(&key.shape);
    property["description"] = json!(key.doc);
    if let Presence::Default(text) = key.presence {
        property["default"] = literal(text);
    }
    // Limits of durations and sizes are beyond JSON Schema; those of numbers are not.
    if let Some((low, high)) = key.range
        && property["type"] == "integer"
    {
        property["minimum"] = literal(low);
        property["maximum"] = literal(high);
    }
    property
}

fn value(shape: &Shape) -> Value {
    match &shape.form {
        Form::Plain(schema) => schema.clone(),
        Form::Table { doc, keys, repeated } => {
            let table = table(doc, keys);
            if *repeated { json!({ "type": "array", "items": table }) } else { table }
        }
    }
}

fn literal(text: &str) -> Value {
    let value = DeValue::parse(text).ok();
    value.and_then(|value| json_of(value.get_ref())).unwrap_or_default()
}
