//! What a case knows by name: what it captured from replies, and where things are.

use std::collections::BTreeMap;

use crate::Outcome;

/// Names and values. In a case's text `{{name}}` stands for the value.
#[derive(Debug, Default)]
pub(crate) struct Variables(BTreeMap<String, String>);

impl Variables {
    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_owned(), value.into());
    }

    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The text with values in place of names.
    pub(crate) fn fill(&self, text: &str) -> Outcome<String> {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let (name, behind) = after.split_once("}}").ok_or("`{{` without `}}`")?;
            let known = || self.0.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            let value =
                self.value(name).ok_or_else(|| format!("nothing is called `{name}` here; there are: {}", known()))?;
            filled.push_str(before);
            filled.push_str(value);
            rest = behind;
        }
        filled.push_str(rest);
        Ok(filled)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn names_are_filled_in_and_unknown_ones_are_named() {
        let mut variables = Variables::default();
        variables.set("a", "1");
        assert_eq!(variables.fill("x{{a}}y{{a}}").unwrap(), "x1y1");
        assert!(variables.fill("{{b}}").unwrap_err().contains("`b`"));
        assert!(variables.fill("{{a").is_err());
    }
}
