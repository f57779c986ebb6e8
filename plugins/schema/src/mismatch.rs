//! Where a value does not fit a schema, in words for an agent: the place, the rule, what was expected.

use std::fmt;

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{ValidationError, Validator};
use serde_json::{Map, Value, json};

/// More places than this are not worth reading at once.
const MOST_PLACES: usize = 8;
/// Longer values of a schema are not repeated.
const LONGEST: usize = 120;

/// All places that do not fit, or the first of them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mismatch(Vec<Place>);

#[derive(Debug, PartialEq, Eq)]
struct Place {
    pointer: String,
    keyword: String,
    expected: String,
}

impl Mismatch {
    /// What is wrong with a value that is not valid.
    pub(crate) fn of(validator: &Validator, value: &Value) -> Self {
        Self(validator.iter_errors(value).take(MOST_PLACES).map(|error| Place::of(&error)).collect())
    }

    /// A value that this plugin cannot read although it is JSON: a number beyond 64 bits, or nesting beyond measure.
    pub(crate) fn unreadable() -> Self {
        let expected = "numbers that 64 bits can hold and no more than 128 levels".to_owned();
        Self(vec![Place { pointer: String::new(), keyword: "type".to_owned(), expected }])
    }

    /// Pointers and keywords without what was expected: for the operator, in one line.
    pub(crate) fn places(&self) -> String {
        let places: Vec<String> = self
            .0
            .iter()
            .map(|Place { pointer, keyword, .. }| format!("{pointer} {keyword}").trim().to_owned())
            .collect();
        places.join(", ")
    }

    /// The same for programs.
    pub(crate) fn data(&self) -> Map<String, Value> {
        let errors = self.0.iter().map(|Place { pointer, keyword, expected }| {
            json!({ "pointer": pointer, "keyword": keyword, "expected": expected })
        });
        Map::from_iter([("errors".to_owned(), errors.collect())])
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, Place { pointer, keyword, expected }) in self.0.iter().enumerate() {
            let pointer = if pointer.is_empty() { "the arguments" } else { pointer };
            write!(f, "{}{pointer}: expected {expected} ({keyword})", if at == 0 { "" } else { "; " })?;
        }
        f.write_str(".")
    }
}

impl Place {
    fn of(error: &ValidationError<'_>) -> Self {
        Self {
            pointer: error.instance_path().to_string(),
            keyword: error.kind().keyword().to_owned(),
            expected: expected(error),
        }
    }
}

/// What was expected. Never the value itself: it is long, and it is the caller's own.
fn expected(error: &ValidationError<'_>) -> String {
    use ValidationErrorKind as Kind;
    match error.kind() {
        Kind::Type { kind: TypeKind::Single(kind) } => format!("a value of type {kind}"),
        Kind::Type { kind: TypeKind::Multiple(kinds) } => {
            format!("a value of type {}", kinds.iter().map(|kind| kind.to_string()).collect::<Vec<_>>().join(" or "))
        }
        Kind::Required { property } => format!("the member {}", short(property)),
        Kind::Enum { options } => format!("one of {}", short(options)),
        Kind::Constant { expected_value } => format!("the value {}", short(expected_value)),
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            format!("no member {}", short(&json!(unexpected)))
        }
        Kind::Minimum { limit } => format!("a number of at least {limit}"),
        Kind::Maximum { limit } => format!("a number of at most {limit}"),
        Kind::ExclusiveMinimum { limit } => format!("a number above {limit}"),
        Kind::ExclusiveMaximum { limit } => format!("a number below {limit}"),
        Kind::MinLength { limit } => format!("a text of at least {limit} characters"),
        Kind::MaxLength { limit } => format!("a text of at most {limit} characters"),
        Kind::MinItems { limit } => format!("at least {limit} items"),
        Kind::MaxItems { limit } => format!("at most {limit} items"),
        Kind::Pattern { pattern } => format!("a text that fits the pattern {}", short(&json!(pattern))),
        Kind::UniqueItems => "items that all differ".to_owned(),
        Kind::AnyOf { .. } | Kind::OneOfNotValid { .. } => "a value that fits one of its schemas".to_owned(),
        Kind::OneOfMultipleValid { .. } => "a value that fits only one of its schemas".to_owned(),
        Kind::Not { .. } | Kind::FalseSchema => "something else".to_owned(),
        _ => cut(error.masked().to_string()),
    }
}

fn short(value: &Value) -> String {
    cut(value.to_string())
}

fn cut(text: String) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}
