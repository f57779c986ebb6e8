//! How much work a schema asks for. References that double (`allOf: [a, a]`, where `a` is `allOf: [b, b]` …) make 2^n steps of n
//! lines; a schema is a server's text, so it is weighed before it is compiled.

use std::collections::HashMap;

use serde_json::Value;

/// Subschemas that may have to be tried on one value.
const MOST_STEPS: u64 = 4_096;

/// Keywords whose value is a schema for the same value.
const SAME: [&str; 4] = ["not", "if", "then", "else"];
/// Keywords whose value is a list of schemas for the same value.
const SAME_LISTS: [&str; 3] = ["allOf", "anyOf", "oneOf"];
/// Keywords whose value is a schema for parts of the value.
const PARTS: [&str; 8] = [
    "items",
    "additionalItems",
    "contains",
    "additionalProperties",
    "propertyNames",
    "unevaluatedItems",
    "unevaluatedProperties",
    "contentSchema",
];
/// Keywords whose value is a table of schemas for parts of the value.
const PART_TABLES: [&str; 5] = ["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"];

/// Sees to it that no value takes more steps than it may, and that the schema needs no other document.
pub(crate) fn check(schema: &Value) -> Result<(), String> {
    let mut anchors = HashMap::new();
    let mut all = Vec::new();
    collect(schema, schema, &mut all, &mut anchors)?;
    let mut scale = Scale { root: schema, anchors, weights: HashMap::new() };
    for part in all {
        scale.weigh(part, &mut Vec::new())?;
    }
    Ok(())
}

/// Every schema within a schema, and what anchors stand for.
fn collect<'a>(
    root: &'a Value,
    schema: &'a Value,
    all: &mut Vec<&'a Value>,
    anchors: &mut HashMap<&'a str, &'a Value>,
) -> Result<(), String> {
    let Some(object) = schema.as_object() else { return Ok(()) };
    all.push(schema);
    if object.contains_key("$id") && !std::ptr::eq(root, schema) {
        return Err("a part of it has an `$id`, which makes it another document".to_owned());
    }
    for name in ["$anchor", "$dynamicAnchor"] {
        if let Some(anchor) = object.get(name).and_then(Value::as_str) {
            anchors.insert(anchor, schema);
        }
    }
    let parts = object.iter().filter(|(key, _)| PARTS.contains(&key.as_str())).map(|(_, part)| part);
    let parts = parts.chain(table(schema, &PART_TABLES)).chain(list(schema, &["prefixItems", "items"]));
    children(schema).chain(parts).try_for_each(|part| collect(root, part, all, anchors))
}

/// The schemas that apply to the same value, references aside.
fn children(schema: &Value) -> impl Iterator<Item = &Value> {
    let same = SAME.iter().filter_map(|key| schema.get(key));
    same.chain(list(schema, &SAME_LISTS)).chain(table(schema, &["dependentSchemas"]))
}

fn list<'a>(schema: &'a Value, keys: &'a [&str]) -> impl Iterator<Item = &'a Value> {
    keys.iter().filter_map(|key| schema.get(key)?.as_array()).flatten()
}

fn table<'a>(schema: &'a Value, keys: &'a [&str]) -> impl Iterator<Item = &'a Value> {
    keys.iter().filter_map(|key| schema.get(key)?.as_object()).flat_map(|table| table.values())
}

struct Scale<'a> {
    root: &'a Value,
    anchors: HashMap<&'a str, &'a Value>,
    /// By the address of the schema.
    weights: HashMap<*const Value, u64>,
}

impl<'a> Scale<'a> {
    /// Steps that one value takes. `path` are the schemas on the way here.
    fn weigh(&mut self, schema: &'a Value, path: &mut Vec<*const Value>) -> Result<u64, String> {
        let key: *const Value = schema;
        if let Some(weight) = self.weights.get(&key) {
            return Ok(*weight);
        }
        if path.contains(&key) {
            return Err("it refers to itself without going into the value, so it would never end".to_owned());
        }
        path.push(key);
        let mut weight: u64 = 1;
        let targets = self.references(schema)?;
        for part in targets.into_iter().chain(children(schema)) {
            weight = weight.saturating_add(self.weigh(part, path)?);
        }
        path.pop();
        if weight > MOST_STEPS {
            return Err(format!("one value would take more than {MOST_STEPS} steps"));
        }
        self.weights.insert(key, weight);
        Ok(weight)
    }

    fn references(&self, schema: &'a Value) -> Result<Vec<&'a Value>, String> {
        let texts = ["$ref", "$dynamicRef", "$recursiveRef"].iter().filter_map(|key| schema.get(key)?.as_str());
        texts.map(|reference| self.target(reference)).collect()
    }

    fn target(&self, reference: &str) -> Result<&'a Value, String> {
        let Some(fragment) = reference.strip_prefix('#') else {
            return Err("it refers to other documents, and none is fetched".to_owned());
        };
        let decoded = decoded(fragment);
        let found = match decoded.as_str() {
            "" => Some(self.root),
            pointer if pointer.starts_with('/') => self.root.pointer(pointer),
            anchor => self.anchors.get(anchor).copied(),
        };
        found.ok_or_else(|| "it refers to a part of itself that is not there".to_owned())
    }
}

/// A fragment without its percent signs.
fn decoded(fragment: &str) -> String {
    let mut bytes = Vec::with_capacity(fragment.len());
    let mut rest = fragment.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let code = behind.get(..2).and_then(|code| u8::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok());
        match code.filter(|_| *first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = &behind[2..];
            }
            None => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;

    /// Definitions of which each applies the next one twice.
    fn doubling(depth: usize, reference: impl Fn(usize) -> Value) -> Value {
        let mut definitions = json!({});
        for at in 0..depth {
            definitions[format!("d{at}")] =
                json!({ "$anchor": format!("a{at}"), "allOf": [reference(at + 1), reference(at + 1)] });
        }
        definitions[format!("d{depth}")] = json!({ "$anchor": format!("a{depth}"), "type": "object" });
        json!({ "allOf": [reference(0)], "$defs": definitions })
    }

    #[test]
    fn what_doubles_is_too_much() {
        let by_pointer = |at: usize| json!({ "$ref": format!("#/$defs/d{at}") });
        let by_escaped = |at: usize| json!({ "$ref": format!("#/%24defs/d{at}") });
        let by_anchor = |at: usize| json!({ "$ref": format!("#a{at}") });
        assert_eq!(check(&doubling(5, by_pointer)), Ok(()));
        for schema in [doubling(22, by_pointer), doubling(22, by_escaped), doubling(22, by_anchor)] {
            assert!(check(&schema).unwrap_err().contains("steps"));
        }
    }

    #[test]
    fn a_schema_may_describe_trees_but_not_chase_its_tail() {
        assert_eq!(check(&json!({ "properties": { "left": { "$ref": "#" }, "right": { "$ref": "#" } } })), Ok(()));
        assert!(check(&json!({ "$ref": "#" })).unwrap_err().contains("never end"));
        assert!(check(&json!({ "allOf": [{ "$ref": "#" }] })).unwrap_err().contains("never end"));
    }

    #[test]
    fn a_schema_is_one_document() {
        for schema in [
            json!({ "$ref": "https://example.com/x" }),
            json!({ "properties": { "a": { "items": { "$ref": "other.json#/x" } } } }),
            json!({ "properties": { "a": { "$id": "https://example.com/x" } } }),
            json!({ "$ref": "#/$defs/none" }),
        ] {
            assert!(check(&schema).is_err(), "{schema}");
        }
        let looks_like_one = json!({ "properties": { "$id": { "type": "string" }, "$ref": { "type": "string" } }, "enum": [{ "$ref": "x" }] });
        assert_eq!(check(&looks_like_one), Ok(()));
    }
}
