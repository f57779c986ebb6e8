//! What one run of the suite found: for every scenario, how each of its checks came out.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::Outcome;

/// Every scenario that ran.
pub(crate) struct Found {
    scenarios: BTreeMap<String, Vec<Check>>,
}

/// One line of a scenario's `checks.json`. A scenario may make the same check several times.
#[derive(Deserialize)]
struct Check {
    id: String,
    status: Status,
    #[serde(rename = "errorMessage")]
    message: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Status {
    Success,
    Failure,
    Warning,
    #[serde(other)]
    Other,
}

/// How a check came out, all its times together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcomes {
    /// It was met whenever it was made.
    Passed,
    /// It was not, at least once.
    Failed,
    /// It was skipped, only warned, or never made.
    Neither,
}

impl Found {
    /// Reads the folder that the suite wrote, one folder a scenario.
    pub(crate) fn read(folder: &Path) -> Outcome<Self> {
        let unreadable = |error| format!("{} cannot be read: {error}", folder.display());
        let mut scenarios = BTreeMap::new();
        for entry in fs::read_dir(folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let Some(name) = scenario(&name) else { continue };
            scenarios.insert(name.to_owned(), checks(&path.join("checks.json"))?);
        }
        Ok(Self { scenarios })
    }

    /// The names of the scenarios, in order.
    pub(crate) fn scenarios(&self) -> impl Iterator<Item = &str> {
        self.scenarios.keys().map(String::as_str)
    }

    /// The checks of a scenario, each once.
    pub(crate) fn checks<'a>(&'a self, scenario: &str) -> impl Iterator<Item = &'a str> {
        let mut ids: Vec<&str> = self.all(scenario).map(|check| check.id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        ids.into_iter()
    }

    /// How a check came out.
    pub(crate) fn outcome(&self, scenario: &str, id: &str) -> Outcomes {
        let statuses: Vec<Status> = self.all(scenario).filter(|it| it.id == id).map(|it| it.status).collect();
        if statuses.contains(&Status::Failure) {
            Outcomes::Failed
        } else if statuses.contains(&Status::Success) && !statuses.contains(&Status::Warning) {
            Outcomes::Passed
        } else {
            Outcomes::Neither
        }
    }

    /// What the suite says about a check that was not met.
    pub(crate) fn message(&self, scenario: &str, id: &str) -> Option<&str> {
        self.all(scenario).filter(|it| it.id == id && it.status != Status::Success).find_map(|it| it.message.as_deref())
    }

    /// How many checks were met in a scenario, as the suite counts them: every time on its own.
    pub(crate) fn passed_in(&self, scenario: &str) -> usize {
        self.all(scenario).filter(|check| check.status == Status::Success).count()
    }

    /// How many checks were met in all.
    pub(crate) fn passed(&self) -> usize {
        self.scenarios().map(|scenario| self.passed_in(scenario)).sum()
    }

    /// Every check that was not met, with what the suite says about it.
    pub(crate) fn failures(&self) -> impl Iterator<Item = String> {
        self.scenarios.iter().flat_map(|(scenario, checks)| {
            let failed = checks.iter().filter(|check| check.status == Status::Failure);
            failed.map(move |check| format!("{scenario}/{}: {}", check.id, check.message.as_deref().unwrap_or("")))
        })
    }

    fn all<'a>(&'a self, scenario: &str) -> impl Iterator<Item = &'a Check> {
        self.scenarios.get(scenario).into_iter().flatten()
    }
}

/// The scenario that a folder's name says, which is `<scenario>-<when>`, with `server-` before it where a server is judged.
fn scenario(folder: &str) -> Option<&str> {
    const WHEN: &str = "-2026-11-22T19-30-20-973Z";
    let (name, when) = folder.split_at_checked(folder.len().checked_sub(WHEN.len())?)?;
    (when.starts_with('-') && when.ends_with('Z')).then(|| name.strip_prefix("server-").unwrap_or(name))
}

fn checks(file: &Path) -> Outcome<Vec<Check>> {
    let text = fs::read_to_string(file).map_err(|error| format!("{} cannot be read: {error}", file.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{} is not understood: {error}", file.display()))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// As if the suite had found this: scenario, then `id STATUS` for every check.
    pub(crate) fn found(scenarios: &[(&str, &[(&str, &str)])]) -> Found {
        let folder = tempfile::tempdir().unwrap();
        for (scenario, checks) in scenarios {
            let folder = folder.path().join(format!("server-{scenario}-2026-11-22T19-30-20-973Z"));
            fs::create_dir(&folder).unwrap();
            let said =
                |(id, status): &(&str, &str)| serde_json::json!({"id": id, "status": status, "errorMessage": "why"});
            let checks: Vec<_> = checks.iter().map(said).collect();
            fs::write(folder.join("checks.json"), serde_json::to_string(&checks).unwrap()).unwrap();
        }
        Found::read(folder.path()).unwrap()
    }

    #[test]
    fn a_check_passes_if_it_was_met_every_time_it_was_made() {
        let found = found(&[(
            "ping",
            &[("a", "SUCCESS"), ("a", "SUCCESS"), ("b", "SUCCESS"), ("b", "FAILURE"), ("c", "INFO")],
        )]);
        assert_eq!(found.outcome("ping", "a"), Outcomes::Passed);
        assert_eq!(found.outcome("ping", "b"), Outcomes::Failed);
        assert_eq!(found.outcome("ping", "c"), Outcomes::Neither);
        assert_eq!(found.outcome("ping", "none"), Outcomes::Neither);
        assert_eq!((found.passed(), found.failures().collect::<Vec<_>>()), (3, vec!["ping/b: why".to_owned()]));
    }

    #[test]
    fn the_scenario_is_in_the_folder_s_name() {
        assert_eq!(scenario("server-server-stateless-2026-11-22T19-26-03-939Z"), Some("server-stateless"));
        assert_eq!(scenario("sse-retry-2026-11-22T19-46-29-093Z"), Some("sse-retry"));
        assert_eq!(scenario("server-2026"), None);
        assert_eq!(scenario("notes"), None);
    }
}
