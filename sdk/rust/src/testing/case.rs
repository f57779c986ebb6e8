//! Case files: what is given, what is expected. `cases/*.toml`, each a list of `[[case]]`.
//!
//! ```toml
//! [[case]]
//! name = "a reader may not delete"
//! hook = "on-call"
//! config = { greeting = "hello" }
//!
//! [case.given]
//! subject = { id = "ada", roles = ["reader"] }
//! call = { method = "tools/call", name = "delete", params = { name = "delete", arguments = {} } }
//!
//! [case.expect]
//! verdict = { refuse = { kind = "forbidden", message = "may not" } }
//! ```
//!
//! Everything under `given` is in [`crate::testing::given`], everything under `expect` in [`crate::testing::expect`].
//! What `given` does not say is empty; what `expect` does not say is not compared, but for edits: a document that no
//! expectation mentions must leave the hook as it came.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::expect::Expect;
use super::given::Given;

/// What a case runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Run {
    /// `lifecycle.init` alone.
    Init,
    /// `lifecycle.selftest`, after `init`.
    Selftest,
    /// The hook `on-authenticate`.
    OnAuthenticate,
    /// The hook `on-catalog`.
    OnCatalog,
    /// The hook `on-list`.
    OnList,
    /// The hook `on-call`.
    OnCall,
    /// The hook `on-route`.
    OnRoute,
    /// The hook `on-message`.
    OnMessage,
    /// The hook `on-reply`.
    OnReply,
    /// The hook `on-record`.
    OnRecord,
}

/// One case.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Case {
    /// What it shows; unique in its file.
    pub name: String,
    /// What runs. Not needed with `init-error`.
    #[serde(default = "init")]
    pub hook: Run,
    /// The role the stage has, if another than `plugin.toml` says.
    #[serde(default)]
    pub role: Option<String>,
    /// The stage's `config` table.
    #[serde(default)]
    pub config: BTreeMap<String, Value>,
    /// `init` fails, and its text contains this. Nothing else runs.
    #[serde(default)]
    pub init_error: Option<String>,
    /// What the host has when the hook starts.
    #[serde(default)]
    pub given: Given,
    /// What must come of it.
    #[serde(default)]
    pub expect: Expect,
}

fn init() -> Run {
    Run::Init
}

impl Case {
    /// The configuration as JSON text.
    pub fn config_json(&self) -> String {
        Value::from_iter(self.config.clone()).to_string()
    }

    /// A case that could not fail is a mistake: every hook's answer must be expected in some way.
    fn check(&self) -> Result<(), String> {
        let expect = &self.expect;
        let missing = match self.hook {
            _ if self.init_error.is_some() || expect.trap => None,
            Run::OnAuthenticate => expect.finding.is_none().then_some("finding"),
            Run::OnCatalog => expect.admissions.is_none().then_some("admissions"),
            Run::OnList => expect.keep.is_none().then_some("keep"),
            Run::OnCall | Run::OnMessage | Run::OnReply => expect.verdict.is_none().then_some("verdict"),
            Run::OnRoute => expect.choice.is_none().then_some("choice"),
            Run::Init | Run::Selftest | Run::OnRecord => None,
        };
        missing.map_or(Ok(()), |key| {
            Err(format!("case `{}` expects nothing: say `expect.{key}` (or `expect.trap = true`)", self.name))
        })
    }
}

/// A case and the file it stands in.
#[derive(Debug, Clone)]
pub struct Located {
    /// The file.
    pub file: PathBuf,
    /// The case.
    pub case: Case,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    case: Vec<Case>,
}

/// Reads every `*.toml` of a folder, in the order of their names. No file, an empty file or a mistake in one is an
/// error that names it.
pub fn load(folder: &Path) -> Result<Vec<Located>, String> {
    let entries = std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort();
    if files.is_empty() {
        return Err(format!("{}: there is no case file (*.toml)", folder.display()));
    }
    let mut all = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        let cases = parse(&text).map_err(|error| format!("{}: {error}", file.display()))?;
        all.extend(cases.into_iter().map(|case| Located { file: file.clone(), case }));
    }
    Ok(all)
}

/// Reads the text of one case file.
pub fn parse(text: &str) -> Result<Vec<Case>, String> {
    let cases = toml::from_str::<File>(text).map_err(|error| error.to_string())?.case;
    for (at, case) in cases.iter().enumerate() {
        case.check()?;
        if cases.iter().take(at).any(|other| other.name == case.name) {
            return Err(format!("two cases are called `{}`", case.name));
        }
    }
    if cases.is_empty() {
        return Err("the file holds no case".to_owned());
    }
    Ok(cases)
}

/// JSON in a case file: a TOML string is JSON text and is taken as it is, byte for byte; anything else is written as
/// the JSON it looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Json(pub String);

impl Json {
    /// The value, or null if the text is not JSON.
    pub fn value(&self) -> Value {
        serde_json::from_str(&self.0).unwrap_or_default()
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Value::deserialize(deserializer)? {
            Value::String(text) => Self(text),
            other => Self(other.to_string()),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_case_that_could_not_fail_is_refused() {
        let text = "[[case]]\nname = \"x\"\nhook = \"on-call\"\n";
        assert!(parse(text).unwrap_err().contains("expect.verdict"));
        assert!(parse(&format!("{text}expect.trap = true\n")).is_ok());
    }

    #[test]
    fn mistakes_are_errors() {
        assert!(parse("case = []").is_err());
        assert!(parse("[[case]]\nname = \"x\"\nhock = \"init\"\n").unwrap_err().contains("hock"));
        let twice = "[[case]]\nname = \"x\"\n[[case]]\nname = \"x\"\n";
        assert!(parse(twice).unwrap_err().contains("two cases"));
    }

    #[test]
    fn a_folder_without_cases_is_an_error() {
        assert!(load(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))).unwrap_err().contains("no case file"));
    }

    #[test]
    fn json_is_text_or_what_it_looks_like() {
        let text = r#"
            [[case]]
            name = "x"
            given.call.params = '{ "a": 1 }'
            [[case]]
            name = "y"
            given.call.params = { a = [1, true] }
        "#;
        let cases = parse(text).unwrap();
        assert_eq!(cases[0].given.call.params.as_ref().unwrap().0, r#"{ "a": 1 }"#);
        assert_eq!(cases[1].given.call.params.as_ref().unwrap().0, r#"{"a":[1,true]}"#);
    }
}
