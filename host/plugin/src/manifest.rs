//! `plugin.toml`: what a plugin says of itself.

use cardea_chain::Role;
use serde::Deserialize;

use crate::{LoadError, LoadErrorKind};

/// What a plugin says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginManifest {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The interface it was written for, for example `0.1`.
    pub api: String,
    /// What it is for.
    pub role: Role,
    /// Licence, as an SPDX expression.
    pub license: Option<String>,
    /// One sentence.
    pub description: Option<String>,
    /// Grants it asks for, by name; what the manifest grants decides.
    pub asks: Vec<String>,
}

#[derive(Deserialize)]
struct Raw {
    plugin: RawPlugin,
    #[serde(default)]
    ask: toml::Table,
}

#[derive(Deserialize)]
struct RawPlugin {
    name: String,
    version: String,
    api: String,
    role: String,
    license: Option<String>,
    description: Option<String>,
}

impl PluginManifest {
    /// Reads the text of `plugin.toml`.
    pub fn parse(text: &str) -> Result<Self, LoadError> {
        let Raw { plugin, ask } = toml::from_str(text).map_err(|fault| {
            let fault = fault.to_string();
            unusable(format!("plugin.toml inside it cannot be read: {}", fault.trim_end()))
        })?;
        let role = Role::parse(&plugin.role).ok_or_else(|| {
            let roles = Role::ALL.map(Role::as_str).join(", ");
            unusable(format!("plugin.toml inside it names the role `{}`; roles are {roles}", plugin.role))
        })?;
        if plugin.name.is_empty() {
            return Err(unusable("plugin.toml inside it gives an empty name".to_owned()));
        }
        let asks = ask.into_iter().filter(|(_, wish)| wish.as_bool() != Some(false)).map(|(name, _)| name).collect();
        let RawPlugin { name, version, api, license, description, .. } = plugin;
        Ok(Self { name, version, api, role, license, description, asks })
    }
}

fn unusable(problem: String) -> LoadError {
    LoadError::new(LoadErrorKind::Manifest, problem, "Correct plugin.toml and build the plugin again")
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"
        [plugin]
        name = "acme/mask"
        version = "1.4.0"
        api = "0.1"
        role = "content"
        [ask]
        kv = true
        limiter = false
        [later]
        unknown = 1
    "#;

    #[test]
    fn a_manifest_is_read_and_what_it_does_not_know_is_left_alone() {
        let manifest = PluginManifest::parse(WHOLE).unwrap();
        assert_eq!((manifest.name.as_str(), manifest.role), ("acme/mask", Role::Content));
        assert_eq!(manifest.asks, ["kv"]);
    }

    #[test]
    fn mistakes_are_named() {
        let problem = |text: &str| PluginManifest::parse(text).unwrap_err().problem;
        assert!(problem(&WHOLE.replace("content", "contents")).contains("roles are identity"));
        assert!(problem(&WHOLE.replace("version", "versoin")).contains("missing field `version`"));
        assert!(problem("[plugin").contains("cannot be read"));
    }
}
