//! `plugin.toml`: what a plugin says of itself.

use std::str::FromStr;

use cardea_chain::Role;
use cardea_grant::{Quota, Scope, is_secret_name};
use serde::Deserialize;

use crate::{LoadError, LoadErrorKind};

/// What a plugin says of itself.
#[derive(Clone, Debug, PartialEq)]
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
    /// Which layout its values in `kv` have; another number is another namespace.
    pub state_version: u32,
    /// Whether what it counts and keeps must outlive a restart.
    pub durable: bool,
    /// What it asks for; what the stage grants decides.
    pub asks: Scope,
    /// What of `asks` it can do without: imports that are not granted answer `denied`, what it may not read is not there.
    pub optional: Vec<String>,
}

#[derive(Deserialize)]
struct Raw {
    plugin: RawPlugin,
    #[serde(default)]
    ask: RawAsk,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct RawPlugin {
    name: String,
    version: String,
    api: String,
    role: String,
    license: Option<String>,
    description: Option<String>,
    #[serde(default = "first")]
    state_version: u32,
    #[serde(default)]
    durable: bool,
}

/// What it does not know is left alone: a later gateway may.
#[derive(Default, Deserialize)]
#[serde(default)]
struct RawAsk {
    kv: RawKv,
    limiter: bool,
    journal: bool,
    http: Vec<String>,
    jose: bool,
    secret: RawSecret,
    read: Option<Vec<String>>,
    edit: Option<Vec<String>>,
    optional: Vec<String>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "`kv` is `true`, `false` or a table with `max-bytes` and `max-keys`, both numbers")]
enum RawKv {
    Wanted(bool),
    #[serde(rename_all = "kebab-case")]
    Within {
        max_bytes: Option<usize>,
        max_keys: Option<usize>,
    },
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "`secret` is a list of names, or a table with the lists `names` and `reveal`")]
enum RawSecret {
    Names(Vec<String>),
    Table {
        #[serde(default)]
        names: Vec<String>,
        #[serde(default)]
        reveal: Vec<String>,
    },
}

impl Default for RawKv {
    fn default() -> Self {
        Self::Wanted(false)
    }
}

impl Default for RawSecret {
    fn default() -> Self {
        Self::Names(Vec::new())
    }
}

/// What a plugin can ask for and do without.
const OPTIONAL: [&str; 3] = ["kv", "secret", "read"];

fn first() -> u32 {
    1
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
        let optional = ask.optional.clone();
        if let Some(other) = optional.iter().find(|name| !OPTIONAL.contains(&name.as_str())) {
            return Err(unusable(format!(
                "plugin.toml inside it: ask.optional: `{other}` is none of {}",
                OPTIONAL.join(", ")
            )));
        }
        let asks = scope(ask)?;
        let RawPlugin { name, version, api, license, description, state_version, durable, .. } = plugin;
        Ok(Self { name, version, api, role, license, description, state_version, durable, asks, optional })
    }
}

fn scope(ask: RawAsk) -> Result<Scope, LoadError> {
    let (mut secrets, reveal) = match ask.secret {
        RawSecret::Names(names) => (names, Vec::new()),
        RawSecret::Table { names, reveal } => (names, reveal),
    };
    // Who reads a secret uses it.
    secrets.extend(reveal.iter().filter(|name| !secrets.contains(name)).cloned().collect::<Vec<_>>());
    if let Some(name) = secrets.iter().find(|name| !is_secret_name(name)) {
        return Err(unusable(format!(
            "plugin.toml inside it asks for the secret `{name}`, which no secret can be called"
        )));
    }
    Ok(Scope {
        kv: match ask.kv {
            RawKv::Wanted(wanted) => wanted.then(Quota::default),
            RawKv::Within { max_bytes, max_keys } => Some(Quota { bytes: max_bytes, keys: max_keys }),
        },
        limiter: ask.limiter,
        journal: ask.journal,
        http: parsed("http", &ask.http)?,
        jose: ask.jose,
        issuers: Vec::new(),
        secrets,
        reveal,
        read: ask.read.map(|lines| parsed("read", &lines)).transpose()?,
        edit: ask.edit.map(|lines| parsed("edit", &lines)).transpose()?,
    })
}

fn parsed<T: FromStr<Err = String>, All: FromIterator<T>>(key: &str, lines: &[String]) -> Result<All, LoadError> {
    let one = |line: &String| {
        line.parse().map_err(|fault| unusable(format!("plugin.toml inside it: ask.{key}: `{line}` {fault}")))
    };
    lines.iter().map(one).collect()
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
        kv = { max-bytes = 1000 }
        limiter = false
        telepathy = true
        http = ["GET https://a.example/*"]
        secret = { names = ["hook"], reveal = ["pin"] }
        read = ["/result/content"]
        [later]
        unknown = 1
    "#;

    #[test]
    fn a_manifest_is_read_and_what_it_does_not_know_is_left_alone() {
        let manifest = PluginManifest::parse(WHOLE).unwrap();
        assert_eq!((manifest.name.as_str(), manifest.role), ("acme/mask", Role::Content));
        let asks = manifest.asks.lines();
        let expected = ["kv of at most 1000 bytes", "http GET https://a.example/*", "secret hook", "secret pin"];
        assert_eq!(asks[..4], expected);
        assert_eq!(asks[4..], ["reveal pin", "read /result/content"]);
        assert_eq!(manifest.state_version, 1);
    }

    #[test]
    fn what_it_can_do_without_is_named_and_must_be_an_import_that_can_be_denied() {
        let with = |line: &str| PluginManifest::parse(&WHOLE.replace("limiter = false", line));
        assert_eq!(with("optional = [\"kv\"]").unwrap().optional, ["kv"]);
        assert!(with("optional = [\"http\"]").unwrap_err().problem.contains("`http` is none of kv, secret, read"));
    }

    #[test]
    fn mistakes_are_named() {
        let problem = |text: &str| PluginManifest::parse(text).unwrap_err().problem;
        assert!(problem(&WHOLE.replace("content", "contents")).contains("roles are identity"));
        assert!(problem(&WHOLE.replace("version", "versoin")).contains("missing field `version`"));
        assert!(problem("[plugin").contains("cannot be read"));
        assert!(problem(&WHOLE.replace("{ max-bytes = 1000 }", "\"yes\"")).contains("`kv` is `true`"));
        assert!(problem(&WHOLE.replace("GET ", "")).contains("ask.http: `https://a.example/*` has no method"));
        assert!(problem(&WHOLE.replace("[\"pin\"]", "[\"PIN\"]")).contains("`PIN`"));
    }
}
