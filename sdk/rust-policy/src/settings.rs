//! The settings that all of these plugins have.

use cardea_sdk::Glob;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Methods that keep a session alive and tell what there is, without touching a tool, a prompt or a resource.
const ALWAYS: [&str; 6] =
    ["initialize", "server/discover", "ping", "logging/setLevel", "notifications/*", "subscriptions/listen"];

/// Methods that no policy is asked about.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "Option<Vec<Glob>>")]
pub struct Settings {
    always: Vec<Glob>,
}

impl From<Option<Vec<Glob>>> for Settings {
    fn from(written: Option<Vec<Glob>>) -> Self {
        let usual = || ALWAYS.iter().filter_map(|pattern| Glob::new(pattern).ok()).collect();
        Self { always: written.unwrap_or_else(usual) }
    }
}

impl Default for Settings {
    fn default() -> Self {
        None.into()
    }
}

impl Settings {
    /// True for a method that every subject may call.
    pub fn is_always_allowed(&self, method: &str) -> bool {
        self.always.iter().any(|pattern| pattern.matches(method))
    }
}

/// Data for a policy: a table, or, as it comes from a file, JSON text.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Data(pub Value);

impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) => serde_json::from_str(&text)
                .map(Self)
                .map_err(|error| serde::de::Error::custom(format!("the text is not JSON: {error}"))),
            other => Ok(Self(other)),
        }
    }
}
