//! What is looked for and what becomes of it: the configuration, checked.

use cardea_sdk::Glob;
use serde::Deserialize;

use crate::patterns::{Patterns, Sort};

/// The `config` table of the stage.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Config {
    hidden: Action,
    injection: Action,
    exfiltration: Action,
    definitions: OnDefinition,
    patterns: Vec<PatternConfig>,
    origins: Option<Vec<Glob>>,
    foreign_origin: Action,
    types: Option<Vec<String>>,
    max_bytes: u64,
    max_items: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            hidden: Action::Strip,
            injection: Action::Annotate,
            exfiltration: Action::Strip,
            definitions: OnDefinition::Drop,
            patterns: Vec::new(),
            origins: None,
            foreign_origin: Action::Strip,
            types: None,
            max_bytes: 1 << 20,
            max_items: 500,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PatternConfig {
    name: String,
    regex: String,
    action: Action,
}

/// What becomes of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Action {
    /// It stays as it is.
    Keep,
    /// A sentence before it warns the model.
    Annotate,
    /// What is wrong with it goes.
    Strip,
    /// The whole reply is withheld.
    Refuse,
}

/// What becomes of a tool, prompt or resource whose definition is like an attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum OnDefinition {
    /// Its texts are treated as those of results.
    Keep,
    /// It is left out of the list.
    Drop,
    /// The whole list is withheld.
    Refuse,
}

/// What is looked for and what becomes of it.
#[derive(Debug)]
pub(crate) struct Policy {
    pub(crate) hidden: Action,
    pub(crate) definitions: OnDefinition,
    pub(crate) patterns: Patterns,
    injection: Action,
    exfiltration: Action,
    own: Vec<(String, Action)>,
    pub(crate) origins: Option<Vec<Glob>>,
    pub(crate) foreign_origin: Action,
    pub(crate) types: Option<Vec<String>>,
    pub(crate) max_bytes: u64,
    pub(crate) max_items: usize,
}

/// What a content item can be.
const TYPES: [&str; 5] = ["text", "image", "audio", "resource", "resource_link"];

impl Config {
    /// The policy that was meant, or what is wrong with it.
    pub(crate) fn into_policy(self) -> Result<Policy, String> {
        if self.hidden == Action::Annotate {
            return Err("hidden: hidden characters are kept, stripped or refused, not annotated".to_owned());
        }
        if let Some(other) = self.types.iter().flatten().find(|name| !TYPES.contains(&name.as_str())) {
            return Err(format!("types: `{other}` is no type of content: {}", TYPES.join(", ")));
        }
        if let Some(pattern) = self.origins.iter().flatten().find(|origin| !origin.as_str().contains("://")) {
            return Err(format!(
                "origins: `{}` is no origin, such as `https://example.org` or `https://*.example.org`",
                pattern.as_str()
            ));
        }
        if self.max_items == 0 || self.max_items > 500 {
            return Err("max-items: must be between 1 and 500".to_owned());
        }
        let expressions: Vec<String> = self.patterns.iter().map(|pattern| pattern.regex.clone()).collect();
        let patterns = Patterns::new(&expressions).map_err(|error| format!("patterns: {error}"))?;
        if !patterns.of("").is_empty() {
            return Err("patterns: one fits the empty text, so it would be found everywhere".to_owned());
        }
        Ok(Policy {
            hidden: self.hidden,
            definitions: self.definitions,
            patterns,
            injection: self.injection,
            exfiltration: self.exfiltration,
            own: self.patterns.into_iter().map(|pattern| (pattern.name, pattern.action)).collect(),
            origins: self.origins,
            foreign_origin: self.foreign_origin,
            types: self.types,
            max_bytes: self.max_bytes,
            max_items: self.max_items,
        })
    }
}

impl Policy {
    /// What becomes of a text of this sort.
    pub(crate) fn action(&self, sort: Sort) -> Action {
        match sort {
            Sort::Injection => self.injection,
            Sort::Exfiltration => self.exfiltration,
            Sort::Own(at) => self.own.get(at).map_or(Action::Keep, |(_, action)| *action),
        }
    }

    /// The word for a sort.
    pub(crate) fn name(&self, sort: Sort) -> &str {
        match sort {
            Sort::Injection => "injection",
            Sort::Exfiltration => "exfiltration",
            Sort::Own(at) => self.own.get(at).map_or("own", |(name, _)| name),
        }
    }
}
