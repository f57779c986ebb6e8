//! `cargo xtask docs`: documentation that compiles without a warning, a reference page that is what the gateway really reads, and
//! one that says what its tests prove.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::step::{output, run, step};
use crate::workspace::{Workspace, cargo};
use crate::{Outcome, features, programs};

/// What `docs` may be told.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Write the generated reference pages instead of comparing them.
    #[arg(long)]
    write: bool,
}

/// All of it, what is soonest done first.
pub(crate) fn docs(workspace: &Workspace, options: &Options) -> Outcome {
    step("docs: features", || features(workspace, options.write))?;
    step("docs: rustdoc", || rustdoc(workspace))?;
    step("docs: reference", || reference(workspace, options.write))
}

/// Every crate's documentation; a broken link is an error.
pub(crate) fn rustdoc(workspace: &Workspace) -> Outcome {
    let mut command = cargo();
    command.args(["doc", "--workspace", "--no-deps", "--quiet"]).env("RUSTDOCFLAGS", "-D warnings");
    run(command.current_dir(&workspace.root))
}

/// `docs/reference/manifest.md` against what `cardea manifest-reference` prints.
pub(crate) fn reference(workspace: &Workspace, write: bool) -> Outcome {
    programs::debug(workspace, &["cardea"])?;
    let generated = output(Command::new(workspace.program("debug", "cardea")).arg("manifest-reference"))?;
    let page = workspace.root.join("docs/reference/manifest.md");
    if write { replace(&page, &generated) } else { compare(&page, &generated) }
}

/// `docs/reference/features.md` against what the tests say that they prove.
pub(crate) fn features(workspace: &Workspace, write: bool) -> Outcome {
    let generated = features::page(workspace)?;
    let page = workspace.root.join("docs/reference/features.md");
    if write { replace(&page, &generated) } else { compare(&page, &generated) }
}

fn replace(page: &Path, text: &str) -> Outcome {
    let unwritable = |error| format!("{} cannot be written: {error}", page.display());
    page.parent().map_or(Ok(()), fs::create_dir_all).map_err(unwritable)?;
    fs::write(page, text).map_err(unwritable)
}

fn compare(page: &Path, generated: &str) -> Outcome {
    let written = fs::read_to_string(page).unwrap_or_default();
    if written == generated {
        return Ok(());
    }
    let same = written.lines().zip(generated.lines()).take_while(|(left, right)| left == right).count();
    let at = |text: &str| text.lines().nth(same).unwrap_or("(the end)").to_owned();
    Err(format!(
        "{}:{} is not what is generated\n    written:   {}\n    generated: {}\n    do: cargo xtask docs --write",
        page.display(),
        same + 1,
        at(&written),
        at(generated)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_differs_is_shown_at_the_first_line_that_does() {
        let folder = tempfile::tempdir().unwrap();
        let page = folder.path().join("reference/manifest.md");
        replace(&page, "one\ntwo\n").unwrap();
        compare(&page, "one\ntwo\n").unwrap();
        let complaint = compare(&page, "one\n2\n").unwrap_err();
        assert!(complaint.contains("manifest.md:2"), "{complaint}");
        assert!(complaint.contains("cargo xtask docs --write"), "{complaint}");
    }

    #[test]
    fn a_page_that_is_missing_differs_from_its_first_line() {
        let complaint = compare(Path::new("no/such/page.md"), "one\n").unwrap_err();
        assert!(complaint.contains("page.md:1"), "{complaint}");
    }
}
