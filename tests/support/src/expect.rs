//! Compares what was expected with what came, by value, and says every difference with its place.

use serde_json::Value;

use crate::variables::Variables;

/// A member of an expected object that lets others stand beside those it names, and a last element of an expected array that
/// lets others follow.
const MORE: &str = "...";

/// How strictly objects are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strictness {
    /// Every member must be expected.
    Whole,
    /// Only what is expected must be there.
    Subset,
}

/// The differences; none if it is what was expected. What the expected value captures is kept in `variables`.
pub(crate) fn differences(
    expected: &Value,
    got: &Value,
    strictness: Strictness,
    variables: &mut Variables,
) -> Vec<String> {
    let mut comparison = Comparison { strictness, variables, found: Vec::new() };
    comparison.value("", expected, Some(got));
    comparison.found
}

/// Whether a text, such as a header's value, is what was expected.
pub(crate) fn text_differs(expected: &str, got: Option<&str>, variables: &mut Variables) -> Option<String> {
    let got = got.map(Value::from);
    let mut comparison = Comparison { strictness: Strictness::Whole, variables, found: Vec::new() };
    comparison.value("", &Value::from(expected), got.as_ref());
    comparison.found.pop()
}

struct Comparison<'v> {
    strictness: Strictness,
    variables: &'v mut Variables,
    found: Vec<String>,
}

impl Comparison<'_> {
    fn value(&mut self, at: &str, expected: &Value, got: Option<&Value>) {
        match (expected, got) {
            (Value::String(pattern), got) if pattern.starts_with('<') && pattern.ends_with('>') => {
                self.pattern(at, pattern, got);
            }
            (_, None) => self.differs(at, expected, None),
            (Value::Object(members), Some(Value::Object(present))) => {
                for (key, member) in members.iter().filter(|(key, _)| *key != MORE) {
                    self.value(&format!("{at}/{key}"), member, present.get(key));
                }
                if self.strictness == Strictness::Whole && !members.contains_key(MORE) {
                    for (key, member) in present.iter().filter(|(key, _)| !members.contains_key(*key)) {
                        self.found.push(format!("{at}/{key}: not expected, and there: {member}"));
                    }
                }
            }
            (Value::Array(elements), Some(Value::Array(present))) => self.array(at, elements, present),
            (_, Some(value)) if expected == value => {}
            (_, got) => self.differs(at, expected, got),
        }
    }

    fn array(&mut self, at: &str, elements: &[Value], present: &[Value]) {
        let (elements, more) = match elements.split_last() {
            Some((last, elements)) if last == MORE => (elements, true),
            _ => (elements, false),
        };
        for (index, element) in elements.iter().enumerate() {
            self.value(&format!("{at}/{index}"), element, present.get(index));
        }
        if !more {
            for (index, element) in present.iter().enumerate().skip(elements.len()) {
                self.found.push(format!("{at}/{index}: not expected, and there: {element}"));
            }
        }
    }

    fn pattern(&mut self, at: &str, pattern: &str, got: Option<&Value>) {
        let (word, argument) =
            pattern[1..pattern.len() - 1].split_once(':').unwrap_or((&pattern[1..pattern.len() - 1], ""));
        let text = got.and_then(Value::as_str);
        let fits = match word {
            "any" => got.is_some(),
            "absent" => got.is_none(),
            "string" => text.is_some(),
            "number" => got.is_some_and(Value::is_number),
            "contains" => text.is_some_and(|text| text.contains(argument)),
            "captures" => text.inspect(|text| self.variables.set(argument, *text)).is_some(),
            _ => text == Some(pattern),
        };
        if !fits {
            self.differs(at, &Value::from(pattern), got);
        }
    }

    fn differs(&mut self, at: &str, expected: &Value, got: Option<&Value>) {
        let got = got.map_or_else(|| "nothing".to_owned(), Value::to_string);
        let at = if at.is_empty() { String::new() } else { format!("{at}: ") };
        self.found.push(format!("{at}expected {expected}, got {got}"));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(expected: &Value, got: &Value, strictness: Strictness) -> Vec<String> {
        differences(expected, got, strictness, &mut Variables::default())
    }

    #[test]
    fn equal_values_do_not_differ_and_every_difference_has_its_place() {
        let got = json!({ "a": [1, { "b": null }], "c": "x" });
        assert!(found(&got, &got, Strictness::Whole).is_empty());
        assert_eq!(
            found(&json!({ "a": [1, { "b": 2 }], "d": 1 }), &got, Strictness::Whole),
            ["/a/1/b: expected 2, got null", "/d: expected 1, got nothing", "/c: not expected, and there: \"x\"",]
        );
        assert_eq!(found(&json!([1]), &json!([1, 2]), Strictness::Whole), ["/1: not expected, and there: 2"]);
    }

    #[test]
    fn patterns_say_what_may_vary() {
        let got = json!({ "a": 1, "b": "text", "c": [1, 2] });
        for expected in [
            json!({ "a": "<any>", "b": "<string>", "c": "<any>" }),
            json!({ "a": "<number>", "b": "<contains:ex>", "c": [1, "..."] }),
            json!({ "a": 1, "...": "..." }),
            json!({ "a": 1, "b": "text", "c": [1, 2], "d": "<absent>" }),
        ] {
            assert_eq!(found(&expected, &got, Strictness::Whole), [""; 0], "{expected}");
        }
        for expected in [
            json!({ "a": "<string>", "...": "..." }),
            json!({ "b": "<contains:y>", "...": "..." }),
            json!({ "b": "<absent>", "...": "..." }),
            json!({ "d": "<any>", "...": "..." }),
            json!({ "b": "<unheard-of>", "...": "..." }),
        ] {
            assert_eq!(found(&expected, &got, Strictness::Whole).len(), 1, "{expected}");
        }
    }

    #[test]
    fn a_subset_lets_members_be_and_captures_are_kept() {
        let mut variables = Variables::default();
        let expected = json!({ "a": { "id": "<captures:id>" } });
        assert!(
            differences(&expected, &json!({ "a": { "id": "7", "x": 1 }, "y": 2 }), Strictness::Subset, &mut variables)
                .is_empty()
        );
        assert_eq!(variables.value("id"), Some("7"));
    }
}
