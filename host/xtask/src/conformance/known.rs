//! `tests/conformance/expected.toml`: the checks that do not pass through the gateway yet, each with its reason. The list only
//! shrinks: a check on it that passes again is as wrong as one that fails and is not on it.

use std::fmt;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::Outcome;

/// The whole list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Known {
    #[serde(default, rename = "lost")]
    entries: Vec<Entry>,
}

/// Checks that are lost for one reason.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    reason: String,
    /// The runs, by name, that lose all of them.
    runs: Vec<String>,
    /// Each `<scenario>/<check>`.
    checks: Vec<String>,
}

/// A check that passes directly and not through the gateway.
pub(crate) struct Lost {
    /// `<scenario>/<check>`.
    pub(crate) check: String,
    /// What the suite says about it.
    pub(crate) message: String,
}

/// The lost checks of one run, held against the list.
pub(crate) struct Judged {
    /// Those on the list.
    pub(crate) known: Vec<Lost>,
    /// Those that are not.
    pub(crate) new: Vec<Lost>,
    /// What the list has and the run does not lose.
    pub(crate) stale: Vec<String>,
}

impl Known {
    /// Fails if an entry is not understood or has no reason.
    pub(crate) fn read(file: &Path) -> Outcome<Self> {
        let text = fs::read_to_string(file).map_err(|error| format!("{} cannot be read: {error}", file.display()))?;
        let known: Self = toml::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))?;
        match known.entries.iter().find(|entry| entry.reason.trim().is_empty()) {
            Some(entry) => Err(format!("{}: {:?} has no reason", file.display(), entry.checks)),
            None => Ok(known),
        }
    }

    /// Holds what a run lost against the list, of which this says what is no loss any more.
    pub(crate) fn judge(&self, run: &str, lost: Vec<Lost>, is_stale: impl Fn(&str) -> bool) -> Judged {
        let entries = self.entries.iter().filter(|entry| entry.runs.iter().any(|it| it == run));
        let listed: Vec<&String> = entries.flat_map(|entry| &entry.checks).collect();
        let stale = listed.iter().filter(|check| is_stale(check)).map(|check| (*check).clone()).collect();
        let (known, new) = lost.into_iter().partition(|lost| listed.contains(&&lost.check));
        Judged { known, new, stale }
    }
}

impl Judged {
    /// What the table says beside a scenario.
    pub(crate) fn remark(&self, scenario: &str) -> String {
        let count = |lost: &[Lost]| lost.iter().filter(|lost| lost.scenario() == scenario).count();
        match (count(&self.new), count(&self.known)) {
            (0, 0) => String::new(),
            (0, known) => format!("   {known} known"),
            (new, 0) => format!("   {new} LOST"),
            (new, known) => format!("   {new} LOST, {known} known"),
        }
    }
}

impl Lost {
    fn scenario(&self) -> &str {
        self.check.split('/').next().unwrap_or("")
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is lost in the gateway: {}", self.check, self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Outcome<Known> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        Known::read(file.path())
    }

    fn lost(checks: &[&str]) -> Vec<Lost> {
        checks.iter().map(|check| Lost { check: (*check).to_owned(), message: "why".to_owned() }).collect()
    }

    const LIST: &str = "[[lost]]\nreason = \"not built\"\nruns = [\"one\", \"two\"]\nchecks = [\"a/x\", \"a/y\"]\n";

    #[test]
    fn a_lost_check_is_known_or_new_and_a_listed_one_lost_or_stale() {
        let judged = read(LIST).unwrap().judge("one", lost(&["a/x", "b/z"]), |check| check == "a/y");
        assert_eq!(judged.known[0].check, "a/x");
        assert_eq!(judged.new[0].to_string(), "b/z is lost in the gateway: why");
        assert_eq!(judged.stale, ["a/y"]);
        assert_eq!(
            (judged.remark("a"), judged.remark("b"), judged.remark("c")),
            ("   1 known".into(), "   1 LOST".into(), String::new())
        );
    }

    #[test]
    fn another_run_s_entries_do_not_count() {
        let judged = read(LIST).unwrap().judge("three", lost(&["a/x"]), |_| true);
        assert_eq!((judged.known.len(), judged.new.len(), judged.stale.len()), (0, 1, 0));
    }

    #[test]
    fn an_entry_needs_its_reason() {
        assert!(read(&LIST.replace("not built", " ")).err().unwrap().contains("has no reason"));
        assert!(read(&LIST.replace("reason", "cause")).err().unwrap().contains("cause"));
    }

    #[test]
    fn the_list_of_the_repository_is_understood() {
        let workspace = crate::workspace::Workspace::find().unwrap();
        Known::read(&workspace.root.join("tests/conformance/expected.toml")).unwrap();
    }
}
