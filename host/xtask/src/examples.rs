//! `cargo xtask examples`: every example is driven by its own check, so that what a reader is told to type works.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::step::{run, step};
use crate::workspace::Workspace;
use crate::{Outcome, plugins, programs};

/// Builds the programs and runs each `examples/*/check.sh` against them.
pub(crate) fn examples(workspace: &Workspace) -> Outcome {
    plugins::plugins(workspace)?;
    step("programs", || programs::debug(workspace, &["cardea", "cardea-notes-server"]))?;
    step("examples", || check(workspace))
}

/// The same with the programs that are there. Those that `cargo test` has built do: to build them once more without the
/// features of the tests would build wasmtime once more.
pub(crate) fn check(workspace: &Workspace) -> Outcome {
    for check in checks(workspace)? {
        eprintln!("    {}", check.display());
        run(Command::new("bash").arg(&check).arg(workspace.target.join("debug")).current_dir(&workspace.root))?;
    }
    Ok(())
}

fn checks(workspace: &Workspace) -> Outcome<Vec<PathBuf>> {
    let folder = workspace.root.join("examples");
    let unreadable = |error| format!("{} cannot be read: {error}", folder.display());
    let mut checks = Vec::new();
    for entry in fs::read_dir(&folder).map_err(unreadable)? {
        let check = entry.map_err(unreadable)?.path().join("check.sh");
        checks.extend(check.is_file().then_some(check));
    }
    checks.sort();
    Ok(checks)
}
