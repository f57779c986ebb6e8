//! Compiled schemas, kept for as long as their text stays the same.

use std::collections::HashMap;

use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

use crate::budget;

/// A schema longer than this is not compiled.
const LONGEST: usize = 256 << 10;
/// Text of all schemas that are kept compiled; what is beyond is forgotten and compiled again when it is met.
const MOST_TEXT: usize = 1 << 20;
/// Versions of one schema that are kept: subjects may see different ones.
const MOST_VERSIONS: usize = 4;
/// Steps an expression may go back; beyond, the text does not fit.
const BACKTRACKS: usize = 10_000;

/// All schemas that were met, by tool and which of its two it is.
#[derive(Default)]
pub(crate) struct Validators {
    compiled: HashMap<String, [Vec<Compiled>; 2]>,
    text: usize,
}

struct Compiled {
    schema: String,
    found: Found,
}

/// What a schema came to.
pub(crate) enum Found {
    /// It can be used.
    Validator(Box<Validator>),
    /// It cannot, and why.
    Unusable(String),
}

impl Validators {
    /// The validator of a tool's schema.
    pub(crate) fn of(&mut self, tool: &str, which: &'static str, schema: String) -> &Found {
        let slot = usize::from(which == "/outputSchema");
        let known = self
            .compiled
            .get(tool)
            .and_then(|versions| versions[slot].iter().position(|compiled| compiled.schema == schema));
        let at = match known {
            Some(at) => at,
            None => self.add(tool, slot, schema),
        };
        &self.compiled[tool][slot][at].found
    }

    fn add(&mut self, tool: &str, slot: usize, schema: String) -> usize {
        if self.text + schema.len() > MOST_TEXT {
            self.compiled.clear();
            self.text = 0;
        }
        self.text += schema.len();
        let found = compile(&schema).map_or_else(Found::Unusable, |validator| Found::Validator(Box::new(validator)));
        let versions = &mut self.compiled.entry(tool.to_owned()).or_default()[slot];
        if versions.len() == MOST_VERSIONS {
            self.text -= versions.remove(0).schema.len();
        }
        versions.push(Compiled { schema, found });
        versions.len() - 1
    }
}

/// JSON Schema 2020-12 unless the schema names another draft. Nothing is fetched: the crate is built without what could.
fn compile(text: &str) -> Result<Validator, String> {
    if text.len() > LONGEST {
        return Err(format!("it has {} bytes; the most is {LONGEST}", text.len()));
    }
    let schema: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    budget::check(&schema)?;
    jsonschema::options()
        .with_pattern_options(PatternOptions::fancy_regex().backtrack_limit(BACKTRACKS))
        .build(&schema)
        .map_err(|error| format!("at {}: {}", error.instance_path(), error.masked()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usable(validators: &mut Validators, tool: &str, schema: &str) -> bool {
        matches!(validators.of(tool, "/inputSchema", schema.to_owned()), Found::Validator(_))
    }

    #[test]
    fn a_schema_is_compiled_once_and_forgotten_in_time() {
        let mut validators = Validators::default();
        assert!(usable(&mut validators, "add", r#"{"type":"object"}"#));
        assert!(usable(&mut validators, "add", r#"{"type":"object"}"#));
        assert_eq!(validators.compiled["add"][0].len(), 1);
        for version in 0..10 {
            assert!(usable(&mut validators, "add", &format!(r#"{{"type":"object","maxProperties":{version}}}"#)));
        }
        assert_eq!(validators.compiled["add"][0].len(), MOST_VERSIONS);
        let long = "x".repeat(200 << 10);
        for tool in 0..6 {
            assert!(usable(&mut validators, &tool.to_string(), &format!(r#"{{"description":"{long}"}}"#)));
        }
        assert!(validators.text <= MOST_TEXT && !validators.compiled.contains_key("add"));
    }

    #[test]
    fn what_cannot_be_used_says_why() {
        let why = |schema: &str| match compile(schema) {
            Ok(_) => panic!("it compiles: {schema}"),
            Err(why) => why,
        };
        assert!(why(r#"{"type":"objekt"}"#).contains("/type"));
        assert!(why(r#"{"$ref":"https://example.com/other.json"}"#).contains("other documents"));
        assert!(why(r#"{"$schema":"https://example.com/none"}"#).contains("example.com"));
        assert!(why(r#"{"properties":{"a":{"pattern":"("}}}"#).contains("pattern"));
        assert!(why(&format!(r#"{{"description":"{}"}}"#, "x".repeat(LONGEST))).contains("bytes"));
    }
}
