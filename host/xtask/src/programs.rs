//! The native programs, built so that cargo chooses the same features for their dependencies every time: what one task has
//! built, no other builds again.

use std::process::Command;

use crate::Outcome;
use crate::step::run;
use crate::workspace::{Workspace, cargo};

/// Builds these programs as `cargo test --workspace` does, to `<target>/debug`.
pub(crate) fn debug(workspace: &Workspace, programs: &[&str]) -> Outcome {
    let mut command = cargo();
    command.args(["build", "--workspace"]).current_dir(&workspace.root);
    for program in programs {
        command.args(["--bin", program]);
    }
    run(&mut command)
}

/// Builds the gateway and the notes server, whose SDK asks for features that change the gateway's dependencies too, and these
/// programs with them, to `<target>/release`. At last the gateway compiles the standard plugins, so that no start of it has to.
pub(crate) fn release(workspace: &Workspace, more: &[&str]) -> Outcome {
    let mut command = cargo();
    command.args(["build", "--release", "--package", "cardea", "--package", "cardea-notes-server"]);
    for program in more {
        command.args(["--package", program]);
    }
    run(command.current_dir(&workspace.root))?;
    run(Command::new(workspace.program("release", "cardea")).arg("precompile"))
}
