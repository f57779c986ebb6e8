//! Places in a text that are filled when it is said: `{name/content}` becomes the value at that JSON pointer.

use serde_json::Value;

/// The same JSON with every place filled, in every string of it.
pub(crate) fn json(template: &Value, values: &Value) -> Value {
    match template {
        Value::String(string) => Value::String(text(string, values)),
        Value::Array(items) => items.iter().map(|item| json(item, values)).collect(),
        Value::Object(members) => members.iter().map(|(name, member)| (name.clone(), json(member, values))).collect(),
        other => other.clone(),
    }
}

/// The same text with every place filled. Braces around what is no pointer into `values` stay as they are.
pub(crate) fn text(template: &str, values: &Value) -> String {
    let mut filled = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let place = after.split_once('}');
        match place.and_then(|(path, after)| Some((values.pointer(&format!("/{path}"))?, after))) {
            Some((Value::String(string), after)) => {
                filled.push_str(string);
                rest = after;
            }
            Some((value, after)) => {
                filled.push_str(&value.to_string());
                rest = after;
            }
            None => {
                filled.push('{');
                rest = after;
            }
        }
    }
    filled + rest
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn places_are_filled_and_other_braces_stay() {
        let values = json!({ "id": "a{id}", "deep": { "list": [7] } });
        assert_eq!(text(r#"{"id":"{id}"} {deep/list/0} {none} {"#, &values), r#"{"id":"a{id}"} 7 {none} {"#);
    }

    #[test]
    fn every_string_of_a_json_is_filled() {
        let filled = json(&json!({ "{id}": ["{id}", 1] }), &json!({ "id": "x" }));
        assert_eq!(filled, json!({ "{id}": ["x", 1] }));
    }
}
