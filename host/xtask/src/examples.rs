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
    step("examples", || check(workspace))
}

/// The same where the components are built already.
pub(crate) fn check(workspace: &Workspace) -> Outcome {
    programs::debug(workspace, &["cardea", "cardea-notes-server"])?;
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
