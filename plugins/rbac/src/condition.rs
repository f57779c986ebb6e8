//! Conditions on arguments: what one says, and whether a value meets it.

use cardea_sdk::Glob;
use cardea_sdk::prelude::Deserialize;
use serde_json::{Number, Value};

/// A condition as it was written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct ConditionConfig {
    pointer: String,
    #[serde(default, deserialize_with = "present")]
    equals: Option<Value>,
    #[serde(default)]
    one_of: Option<Vec<Value>>,
    #[serde(default)]
    glob: Option<Glob>,
    #[serde(default)]
    exists: Option<bool>,
    #[serde(default)]
    absent: Option<bool>,
}

/// `equals` without a value is not there; `equals` null is.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// One test of one argument.
#[derive(Debug, Clone)]
pub(crate) struct Condition {
    /// Pointer into `params`.
    pointer: String,
    test: Test,
}

#[derive(Debug, Clone)]
enum Test {
    OneOf(Vec<Value>),
    Glob(Glob),
    Exists,
    Absent,
}

/// Whether a condition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holds {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// The value is of a sort the condition cannot speak of. An `allow` rule must not rely on it, a `deny` rule must.
    Unclear,
}

impl Condition {
    /// Checks what was written.
    pub(crate) fn new(config: ConditionConfig) -> Result<Self, String> {
        let ConditionConfig { pointer, equals, one_of, glob, exists, absent } = config;
        check_pointer(&pointer)?;
        let tests = [
            equals.map(|value| Ok(Test::OneOf(vec![value]))),
            one_of.map(|values| {
                if values.is_empty() {
                    Err("one-of: is empty, so nothing could fit".to_owned())
                } else {
                    Ok(Test::OneOf(values))
                }
            }),
            glob.map(|glob| Ok(Test::Glob(glob))),
            exists.map(|exists| {
                if exists {
                    Ok(Test::Exists)
                } else {
                    Err("exists: can only be true; write `absent = true` for the opposite".to_owned())
                }
            }),
            absent.map(|absent| {
                if absent {
                    Ok(Test::Absent)
                } else {
                    Err("absent: can only be true; write `exists = true` for the opposite".to_owned())
                }
            }),
        ];
        let mut tests = tests.into_iter().flatten();
        match (tests.next(), tests.next()) {
            (Some(test), None) => Ok(Self { pointer: format!("/arguments{pointer}"), test: test? }),
            _ => Err(format!("`{pointer}` must have exactly one test: equals, one-of, glob, exists or absent")),
        }
    }

    /// Whether the condition holds; `argument` reads the JSON text at a pointer into `params`.
    pub(crate) fn holds(&self, argument: &dyn Fn(&str) -> Option<String>) -> Holds {
        let json = argument(&self.pointer);
        let value = match (&self.test, &json) {
            (Test::Absent, json) => return Holds::from(json.is_none()),
            (_, None) => return Holds::No,
            (Test::Exists, Some(_)) => return Holds::Yes,
            // What a 64-bit number cannot hold is JSON all the same, and a server may read it in its own way.
            (_, Some(json)) => match serde_json::from_str::<Value>(json) {
                Ok(value) => value,
                Err(_) => return Holds::Unclear,
            },
        };
        match (&self.test, value) {
            (Test::OneOf(wanted), value) => Holds::from(wanted.iter().any(|wanted| same(wanted, &value))),
            (Test::Glob(glob), Value::String(text)) => Holds::from(glob.matches(&text)),
            _ => Holds::Unclear,
        }
    }
}

impl From<bool> for Holds {
    fn from(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

fn check_pointer(pointer: &str) -> Result<(), String> {
    let escapes_are_right = pointer.split('~').skip(1).all(|after| after.starts_with(['0', '1']));
    if !pointer.starts_with('/') || !escapes_are_right {
        return Err(format!("pointer: `{pointer}` is no JSON pointer into the arguments, such as `/path`"));
    }
    Ok(())
}

/// Equality of JSON values, in which 1, 1.0 and 1e0 are one number.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => same_number(one, other),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(name, value)| other.get(name).is_some_and(|other| same(value, other)))
        }
        (one, other) => one == other,
    }
}

fn same_number(one: &Number, other: &Number) -> bool {
    one == other || (one.is_f64() || other.is_f64()) && one.as_f64() == other.as_f64()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn condition(config: Value) -> Condition {
        Condition::new(serde_json::from_value(config).unwrap()).unwrap()
    }

    fn holds(config: Value, argument: Option<&str>) -> Holds {
        condition(config).holds(&|pointer| argument.filter(|_| pointer == "/arguments/x").map(str::to_owned))
    }

    #[test]
    fn tests_of_values() {
        let equals = json!({"pointer": "/x", "equals": 1});
        for one in ["1", "1.0", "1e0", "10e-1"] {
            assert_eq!(holds(equals.clone(), Some(one)), Holds::Yes, "{one}");
        }
        for other in ["2", "\"1\"", "[1]", "null"] {
            assert_eq!(holds(equals.clone(), Some(other)), Holds::No, "{other}");
        }
        assert_eq!(holds(equals, None), Holds::No);
        assert_eq!(holds(json!({"pointer": "/x", "equals": null}), Some("null")), Holds::Yes);
        assert_eq!(holds(json!({"pointer": "/x", "equals": null}), None), Holds::No);
        let nested = json!({"pointer": "/x", "one-of": [{"a": [1, "b"]}, false]});
        assert_eq!(holds(nested.clone(), Some(r#"{ "a" : [1.0, "\u0062"] }"#)), Holds::Yes);
        assert_eq!(holds(nested, Some(r#"{"a":[1,"b"],"c":0}"#)), Holds::No);
        assert_eq!(holds(json!({"pointer": "/x", "exists": true}), Some("null")), Holds::Yes);
        assert_eq!(holds(json!({"pointer": "/x", "exists": true}), None), Holds::No);
        assert_eq!(holds(json!({"pointer": "/x", "absent": true}), None), Holds::Yes);
    }

    #[test]
    fn what_a_test_cannot_speak_of_is_unclear() {
        let glob = json!({"pointer": "/x", "glob": "/tmp/*"});
        assert_eq!(holds(glob.clone(), Some(r#""/tmp/a""#)), Holds::Yes);
        assert_eq!(holds(glob.clone(), Some(r#""/etc/a""#)), Holds::No);
        assert_eq!(holds(glob.clone(), Some(r#"["/tmp/a"]"#)), Holds::Unclear);
        assert_eq!(holds(glob, None), Holds::No);
        assert_eq!(holds(json!({"pointer": "/x", "equals": 1}), Some("1e999")), Holds::Unclear);
    }

    #[test]
    fn large_integers_are_not_rounded_together() {
        assert!(!same(&json!(9_007_199_254_740_993_u64), &json!(9_007_199_254_740_992_u64)));
        assert!(!same(&json!(-1), &json!(u64::MAX)));
    }

    #[test]
    fn mistakes_are_named() {
        let error = |config: Value| Condition::new(serde_json::from_value(config).unwrap()).unwrap_err();
        assert!(error(json!({"pointer": "x", "equals": 1})).contains("no JSON pointer"));
        assert!(error(json!({"pointer": "/a~2", "equals": 1})).contains("no JSON pointer"));
        assert!(error(json!({"pointer": "/x"})).contains("exactly one test"));
        assert!(error(json!({"pointer": "/x", "equals": 1, "exists": true})).contains("exactly one test"));
        assert!(error(json!({"pointer": "/x", "one-of": []})).contains("is empty"));
        assert!(error(json!({"pointer": "/x", "exists": false})).contains("absent = true"));
        assert!(error(json!({"pointer": "/x", "absent": false})).contains("exists = true"));
    }

    proptest! {
        #[test]
        fn a_number_is_itself_however_it_is_written(number in -1_000_000_i64..1_000_000) {
            let written = format!("{number}.0e0");
            prop_assert_eq!(holds(json!({"pointer": "/x", "equals": number}), Some(&written)), Holds::Yes);
        }

        #[test]
        fn any_pointer_is_read_or_refused(pointer in "[/~01a]{0,8}") {
            let _ = check_pointer(&pointer);
        }
    }
}
