//! `cargo xtask guests`: the guests of the tests that are not written in Rust.

use std::process::Command;

use crate::Outcome;
use crate::step::{run, step};
use crate::workspace::Workspace;

/// Runs `tests/guests/build.sh`, which fetches its compilers from npm and PyPI and fills `<target>/guests`.
pub(crate) fn guests(workspace: &Workspace) -> Outcome {
    let script = workspace.root.join("tests/guests/build.sh");
    step("guests", || run(Command::new("bash").arg(&script).env("CARGO_TARGET_DIR", &workspace.target)))
}
