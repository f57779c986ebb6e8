//! `cargo xtask instructions`: what the path of every call takes in instructions, against what is written down. Times differ from
//! run to run and from machine to machine; instructions of one binary hardly do.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::Outcome;
use crate::step::{run, said};
use crate::workspace::{Workspace, cargo};

/// The parts that are counted, as `cardea-hotpath` names them.
const PARTS: [&str; 3] = ["read", "walk", "walk-watched"];
/// Two runs are counted, so that what the program does once falls out of the difference.
const FEW: u32 = 100;
const MANY: u32 = 1_100;
/// How far a count may be off, either way: a compiler's patch release moves it by less, a forgotten copy by more.
const TOLERANCE: f64 = 0.05;

/// What `instructions` may be told.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Write down what is counted instead of comparing it.
    #[arg(long)]
    write: bool,
}

/// Counts, and compares or writes.
pub(crate) fn instructions(workspace: &Workspace, options: &Options) -> Outcome {
    if !has_valgrind() {
        return Err("valgrind is not installed; nothing else here counts instructions".to_owned());
    }
    let counted = counted(workspace)?;
    if options.write { write(workspace, &counted) } else { compare(workspace, &counted) }
}

/// The same as a check: without valgrind it is left out, and says so.
pub(crate) fn check(workspace: &Workspace) -> Outcome {
    if !has_valgrind() {
        eprintln!("    left out: valgrind is not installed, so instructions are not counted");
        return Ok(());
    }
    compare(workspace, &counted(workspace)?)
}

fn has_valgrind() -> bool {
    Command::new("valgrind").arg("--version").output().is_ok_and(|output| output.status.success())
}

/// Instructions of one round of each part.
fn counted(workspace: &Workspace) -> Outcome<BTreeMap<String, u64>> {
    run(cargo().args(["build", "--release", "--package", "cardea-hotpath"]).current_dir(&workspace.root))?;
    let program = workspace.program("release", "cardea-hotpath");
    let of_part = |part: &&str| {
        let rounds = |rounds: u32| {
            let mut command = Command::new("valgrind");
            command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(&program);
            collected(command.args([part, rounds.to_string().as_str()]))
        };
        let difference = rounds(MANY)?.saturating_sub(rounds(FEW)?);
        Ok(((*part).to_owned(), difference / u64::from(MANY - FEW)))
    };
    PARTS.iter().map(of_part).collect()
}

fn collected(command: &mut Command) -> Outcome<u64> {
    let output = command.output().map_err(|error| format!("{} cannot be run: {error}", said(command)))?;
    let told = String::from_utf8_lossy(&output.stderr);
    let count =
        told.lines().find_map(|line| line.split_once("Collected : ")?.1.split_whitespace().next()?.parse().ok());
    count.filter(|_| output.status.success()).ok_or_else(|| format!("{} did not count:\n{told}", said(command)))
}

fn file(workspace: &Workspace) -> PathBuf {
    workspace.root.join("tests/hotpath/instructions.toml")
}

fn write(workspace: &Workspace, counted: &BTreeMap<String, u64>) -> Outcome {
    let mut text = String::from(
        "# Instructions of one round of each part of cardea-hotpath, x86-64, release build: `cargo xtask instructions --write`.\n",
    );
    for (part, count) in counted {
        let _ = writeln!(text, "{part} = {count}");
    }
    let file = file(workspace);
    fs::write(&file, text).map_err(|error| format!("{} cannot be written: {error}", file.display()))
}

fn compare(workspace: &Workspace, counted: &BTreeMap<String, u64>) -> Outcome {
    let file = file(workspace);
    let text = fs::read_to_string(&file).map_err(|error| format!("{} cannot be read: {error}", file.display()))?;
    let written: BTreeMap<String, u64> =
        toml::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))?;
    let mut differences = String::new();
    for (part, count) in counted {
        eprintln!("    {part}: {count} instructions");
        if let Some(difference) = difference(part, *count, written.get(part).copied()) {
            let _ = write!(differences, "\n    {difference}");
        }
    }
    if differences.is_empty() {
        return Ok(());
    }
    Err(format!(
        "{} says otherwise:{differences}\n    do: find out why; if it is meant, cargo xtask instructions --write",
        file.display()
    ))
}

fn difference(part: &str, count: u64, written: Option<u64>) -> Option<String> {
    let Some(written) = written else { return Some(format!("{part} takes {count} instructions and has no line")) };
    let off = count as f64 / written as f64 - 1.0;
    let percent = off * 100.0;
    (off.abs() > TOLERANCE).then(|| {
        format!("{part} takes {count} instructions, {percent:+.1} % beside the {written} that are written down")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_and_fewer_instructions_than_written_are_both_a_difference() {
        assert_eq!(difference("read", 1_000, Some(1_000)), None);
        assert_eq!(difference("read", 1_040, Some(1_000)), None);
        assert!(difference("read", 1_060, Some(1_000)).is_some_and(|text| text.contains("+6.0 %")));
        assert!(difference("read", 900, Some(1_000)).is_some_and(|text| text.contains("-10.0 %")));
        assert!(difference("read", 900, None).is_some());
    }
}
