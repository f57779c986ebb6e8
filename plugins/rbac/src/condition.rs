//! Conditions on arguments: what one says, and whether a value meets it.

use std::cmp::Ordering;

use cardea_sdk::Glob;
use cardea_sdk::prelude::Deserialize;
use regex_lite::{Regex, RegexBuilder};
use serde_json::{Number, Value};

use crate::number;

/// Bytes a compiled expression may have.
const LARGEST_REGEX: usize = 256 << 10;

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
    prefix: Option<String>,
    #[serde(default)]
    regex: Option<String>,
    #[serde(default)]
    range: Option<RangeConfig>,
    #[serde(default)]
    exists: Option<bool>,
    #[serde(default)]
    absent: Option<bool>,
}

/// A range as it was written: both ends are in it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RangeConfig {
    #[serde(default)]
    min: Option<Number>,
    #[serde(default)]
    max: Option<Number>,
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
    Prefix(String),
    Regex(Regex),
    Range { min: Option<Number>, max: Option<Number> },
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
        let ConditionConfig { pointer, equals, one_of, glob, prefix, regex, range, exists, absent } = config;
        check_pointer(&pointer)?;
        let tests = [
            equals.map(|value| Ok(Test::OneOf(vec![value]))),
            one_of.map(values),
            glob.map(|glob| Ok(Test::Glob(glob))),
            prefix.map(beginning),
            regex.map(|pattern| expression(&pattern)),
            range.map(numbers),
            exists.map(|exists| only_true(exists, "exists", "absent", Test::Exists)),
            absent.map(|absent| only_true(absent, "absent", "exists", Test::Absent)),
        ];
        let mut tests = tests.into_iter().flatten();
        match (tests.next(), tests.next()) {
            (Some(test), None) => Ok(Self { pointer: format!("/arguments{pointer}"), test: test? }),
            _ => Err(format!(
                "`{pointer}` must have exactly one test: equals, one-of, glob, prefix, regex, range, exists or absent"
            )),
        }
    }

    /// Where its value is, in `params`.
    pub(crate) fn pointer(&self) -> &str {
        &self.pointer
    }

    /// Whether the condition holds for the JSON text at its pointer, if there is one.
    pub(crate) fn holds(&self, json: Option<&str>) -> Holds {
        let value = match (&self.test, json) {
            (Test::Absent, json) => return Holds::from(json.is_none()),
            (_, None) => return Holds::No,
            (Test::Exists, Some(_)) => return Holds::Yes,
            // What a 64-bit number cannot hold is JSON all the same, and a server may read it in its own way.
            (_, Some(json)) => match serde_json::from_str::<Value>(json) {
                Ok(Value::Number(_)) if number::is_inexact(json.trim()) => return Holds::Unclear,
                Ok(value) => value,
                Err(_) => return Holds::Unclear,
            },
        };
        match (&self.test, value) {
            (Test::OneOf(wanted), value) => Holds::from(wanted.iter().any(|wanted| same(wanted, &value))),
            (Test::Glob(glob), Value::String(text)) => Holds::from(glob.matches(&text)),
            (Test::Prefix(prefix), Value::String(text)) => Holds::from(text.starts_with(prefix)),
            (Test::Regex(regex), Value::String(text)) => Holds::from(regex.is_match(&text)),
            (Test::Range { min, max }, Value::Number(found)) => {
                let low = min.as_ref().is_some_and(|min| number::compare(&found, min) == Ordering::Less);
                let high = max.as_ref().is_some_and(|max| number::compare(&found, max) == Ordering::Greater);
                Holds::from(!low && !high)
            }
            _ => Holds::Unclear,
        }
    }

    /// True if no value can meet both, if `unclear_counts` even where a test cannot speak of the value.
    pub(crate) fn excludes(&self, other: &Self, unclear_counts: bool) -> bool {
        if self.pointer != other.pointer {
            return false;
        }
        match (&self.test, &other.test) {
            (Test::Absent, Test::Absent) => false,
            (Test::Absent, _) | (_, Test::Absent) => true,
            _ if unclear_counts => false,
            (Test::OneOf(values), _) => values.iter().all(|value| other.holds(Some(&value.to_string())) != Holds::Yes),
            (_, Test::OneOf(_)) => other.excludes(self, unclear_counts),
            (Test::Range { min: min_1, max: max_1 }, Test::Range { min: min_2, max: max_2 }) => {
                empty(min_1.as_ref(), max_2.as_ref()) || empty(min_2.as_ref(), max_1.as_ref())
            }
            (Test::Range { .. }, Test::Glob(_) | Test::Prefix(_) | Test::Regex(_))
            | (Test::Glob(_) | Test::Prefix(_) | Test::Regex(_), Test::Range { .. }) => true,
            (Test::Glob(one), Test::Glob(other)) => !one.overlaps(other),
            (Test::Prefix(one), Test::Prefix(other)) => !one.starts_with(other) && !other.starts_with(one),
            _ => false,
        }
    }
}

impl From<bool> for Holds {
    fn from(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

fn values(values: Vec<Value>) -> Result<Test, String> {
    if values.is_empty() {
        return Err("one-of: is empty, so nothing could fit".to_owned());
    }
    Ok(Test::OneOf(values))
}

fn beginning(prefix: String) -> Result<Test, String> {
    if prefix.is_empty() {
        return Err("prefix: is empty, so every text would fit; write `glob = \"*\"` if that is meant".to_owned());
    }
    Ok(Test::Prefix(prefix))
}

/// For whole texts. It is compiled by itself first: in `a)|(b` the anchors would hold on to half of it.
fn expression(pattern: &str) -> Result<Test, String> {
    let compile = |pattern: &str| RegexBuilder::new(pattern).size_limit(LARGEST_REGEX).build();
    compile(pattern)
        .and_then(|_| compile(&format!(r"\A(?:{pattern})\z")))
        .map(Test::Regex)
        .map_err(|error| format!("regex: `{pattern}`: {error}"))
}

fn numbers(RangeConfig { min, max }: RangeConfig) -> Result<Test, String> {
    if min.is_none() && max.is_none() {
        return Err("range: needs `min`, `max` or both".to_owned());
    }
    if empty(min.as_ref(), max.as_ref()) {
        return Err("range: `min` is larger than `max`, so nothing could fit".to_owned());
    }
    Ok(Test::Range { min, max })
}

fn only_true(said: bool, key: &str, opposite: &str, test: Test) -> Result<Test, String> {
    if said { Ok(test) } else { Err(format!("{key}: can only be true; write `{opposite} = true` for the opposite")) }
}

fn empty(min: Option<&Number>, max: Option<&Number>) -> bool {
    min.zip(max).is_some_and(|(min, max)| number::compare(min, max) == Ordering::Greater)
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
        (Value::Number(one), Value::Number(other)) => number::compare(one, other) == Ordering::Equal,
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
        condition(config).holds(argument)
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
    fn texts_and_numbers() {
        let prefix = json!({"pointer": "/x", "prefix": "/srv/"});
        assert_eq!(holds(prefix.clone(), Some(r#""/srv/a""#)), Holds::Yes);
        assert_eq!(holds(prefix.clone(), Some(r#""/srv""#)), Holds::No);
        assert_eq!(holds(prefix, Some("1")), Holds::Unclear);
        let regex = json!({"pointer": "/x", "regex": "a|b[0-9]+"});
        assert_eq!(holds(regex.clone(), Some(r#""b12""#)), Holds::Yes);
        for part in [r#""ab""#, r#""a\n""#, r#""xb1""#] {
            assert_eq!(holds(regex.clone(), Some(part)), Holds::No, "{part}: an expression is for the whole text");
        }
        let range = json!({"pointer": "/x", "range": {"min": 1, "max": 10.5}});
        for inside in ["1", "1.0", "10.5", "5"] {
            assert_eq!(holds(range.clone(), Some(inside)), Holds::Yes, "{inside}");
        }
        for outside in ["0.999", "11", "-1e300"] {
            assert_eq!(holds(range.clone(), Some(outside)), Holds::No, "{outside}");
        }
        for unclear in ["\"5\"", "[5]", "10.500000000000000001", "123456789012345678901"] {
            assert_eq!(holds(range.clone(), Some(unclear)), Holds::Unclear, "{unclear}");
        }
    }

    #[test]
    fn an_expression_ends_in_time() {
        let regex = json!({"pointer": "/x", "regex": "(a+)+b"});
        let text = serde_json::to_string(&"a".repeat(5_000)).unwrap();
        assert_eq!(holds(regex, Some(&text)), Holds::No);
    }

    #[test]
    fn conditions_that_exclude_each_other_are_found() {
        let excludes = |one: Value, other: Value| {
            let at = |mut test: Value| {
                test["pointer"] = "/x".into();
                condition(test)
            };
            let (one, other) = (at(one), at(other));
            assert_eq!(one.excludes(&other, false), other.excludes(&one, false));
            one.excludes(&other, false)
        };
        assert!(excludes(json!({"absent": true}), json!({"exists": true})));
        assert!(excludes(json!({"equals": 1}), json!({"equals": 2})));
        assert!(excludes(json!({"equals": 11}), json!({"range": {"max": 10}})));
        assert!(excludes(json!({"range": {"min": 3}}), json!({"range": {"max": 2}})));
        assert!(excludes(json!({"glob": "a*"}), json!({"glob": "b*"})));
        assert!(excludes(json!({"prefix": "/a"}), json!({"prefix": "/b"})));
        assert!(!excludes(json!({"one-of": [1, 2]}), json!({"range": {"min": 2}})));
        assert!(!excludes(json!({"prefix": "/a"}), json!({"prefix": "/a/b"})));
        assert!(!excludes(json!({"regex": "a"}), json!({"regex": "b"})), "not looked into");
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
        assert!(error(json!({"pointer": "/x", "prefix": ""})).contains("is empty"));
        assert!(error(json!({"pointer": "/x", "range": {}})).contains("needs `min`"));
        assert!(error(json!({"pointer": "/x", "range": {"min": 2, "max": 1}})).contains("larger than"));
        for regex in ["(", "a)|(b", r"(a)\1"] {
            assert!(error(json!({"pointer": "/x", "regex": regex})).contains("regex: "), "{regex}");
        }
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
