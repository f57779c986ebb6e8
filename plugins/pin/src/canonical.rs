//! One text for every JSON value, however it was written: in the manner of RFC 8785, names in the order of their UTF-16 code
//! units, nothing between, numbers that are whole written as whole.

use serde_json::{Number, Value};
use sha2::{Digest, Sha256};

/// The canonical text of a value.
pub(crate) fn canonical(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    text
}

/// SHA-256 of a text, lower-case hex.
pub(crate) fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Pointers at which two values differ, the nearest that says it, at most `most` of them.
pub(crate) fn differences(one: &Value, other: &Value, most: usize) -> Vec<String> {
    let mut found = Vec::new();
    compare(String::new(), one, other, most, &mut found);
    found
}

fn write(value: &Value, text: &mut String) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by(|(one, _), (other, _)| one.encode_utf16().cmp(other.encode_utf16()));
            text.push('{');
            for (at, (name, member)) in members.into_iter().enumerate() {
                if at > 0 {
                    text.push(',');
                }
                *text += &Value::from(name.as_str()).to_string();
                text.push(':');
                write(member, text);
            }
            text.push('}');
        }
        Value::Array(elements) => {
            text.push('[');
            for (at, element) in elements.iter().enumerate() {
                if at > 0 {
                    text.push(',');
                }
                write(element, text);
            }
            text.push(']');
        }
        Value::Number(number) => *text += &plain(number),
        scalar => *text += &scalar.to_string(),
    }
}

/// `1.0` and `1` are one number to whoever reads JSON; beyond 2^53 they may not be, and stay as they are.
#[allow(clippy::cast_possible_truncation, reason = "whole, and within the range of whole numbers that are exact")]
fn plain(number: &Number) -> String {
    match number.as_f64() {
        Some(value) if number.is_f64() && value.fract() == 0.0 && value.abs() < 9_007_199_254_740_992.0 => {
            (value as i64).to_string()
        }
        _ => number.to_string(),
    }
}

fn compare(pointer: String, one: &Value, other: &Value, most: usize, found: &mut Vec<String>) {
    if found.len() >= most || canonical(one) == canonical(other) {
        return;
    }
    match (one, other) {
        (Value::Object(ones), Value::Object(others)) => {
            let mut names: Vec<&String> = ones.keys().chain(others.keys()).collect();
            names.sort_unstable();
            names.dedup();
            for name in names {
                let below = format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
                match (ones.get(name), others.get(name)) {
                    (Some(one), Some(other)) => compare(below, one, other, most, found),
                    _ if found.len() < most => found.push(below),
                    _ => {}
                }
            }
        }
        (Value::Array(ones), Value::Array(others)) if ones.len() == others.len() => {
            for (at, (one, other)) in ones.iter().zip(others).enumerate() {
                compare(format!("{pointer}/{at}"), one, other, most, found);
            }
        }
        _ => found.push(pointer),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn how_a_value_is_written_makes_no_difference() {
        let text = |json: &str| canonical(&serde_json::from_str(json).unwrap());
        assert_eq!(text(r#"{ "b": 1.0, "a": ["\u0041", 2e0 ] }"#), r#"{"a":["A",2],"b":1}"#);
        assert_eq!(text("0.5"), "0.5");
        assert_ne!(text("9007199254740993"), text("9007199254740992"));
    }

    #[test]
    fn differences_are_named_where_they_are() {
        let one = json!({ "a": { "b": [1, 2], "c/d": 1 }, "e": 1 });
        let other = json!({ "a": { "b": [1, 3], "c/d": 2 }, "f": 1 });
        assert_eq!(differences(&one, &other, 9), ["/a/b/1", "/a/c~1d", "/e", "/f"]);
        assert_eq!(differences(&one, &other, 2).len(), 2);
        assert!(differences(&one, &one, 9).is_empty());
    }

    proptest! {
        #[test]
        fn a_canonical_text_is_read_as_the_same_value(names in prop::collection::vec("[a-z~/é]{0,4}", 0..5), text in ".{0,8}") {
            let value = Value::Object(names.into_iter().map(|name| (name, Value::from(text.as_str()))).collect());
            let again: Value = serde_json::from_str(&canonical(&value)).unwrap();
            prop_assert_eq!(&again, &value);
            prop_assert_eq!(canonical(&again), canonical(&value));
        }
    }
}
