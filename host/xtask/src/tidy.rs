//! `cargo xtask tidy`: the invariants of the house that no compiler checks, each answered with what, why and what to do.

mod arrows;
mod finding;
mod size;
mod source;
mod text;
mod tree;

use crate::Outcome;
use crate::step::step;
use crate::tidy::finding::Finding;
use crate::tidy::tree::File;
use crate::workspace::Workspace;

/// Checks every file of the repository and every package's dependencies.
pub(crate) fn tidy(workspace: &Workspace) -> Outcome {
    step("tidy", || {
        let files = tree::files(&workspace.root)?;
        let findings = check(workspace, &files);
        for finding in &findings {
            println!("{finding}\n");
        }
        match findings.len() {
            0 => Ok(()),
            count => Err(format!("{count} invariants do not hold; each is said above with what to do")),
        }
    })
}

fn check(workspace: &Workspace, files: &[File]) -> Vec<Finding> {
    let mut findings = arrows::check(workspace);
    findings.extend(size::check(files));
    findings.extend(source::check(files));
    findings.extend(files.iter().flat_map(|file| text::check(file, &workspace.root)));
    findings.sort();
    findings
}
