//! `cargo xtask test`: every check CI runs, in an order that fails early and builds nothing twice.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::step::{minutes, run, said, step};
use crate::workspace::{Workspace, cargo};
use crate::{Outcome, docs, examples, guests, instructions, plugins, tidy};

/// What `test` may be told.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Run this part alone, and not all there is.
    part: Option<Part>,
    /// Leave out what installs packages: the C and QuickJS guests, and the real servers and clients.
    #[arg(long)]
    fast: bool,
}

/// A part of the checks that can be run alone.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Part {
    /// Every misbehaving guest against the host: refused or stopped, and the rest served.
    Guests,
}

/// How many tests passed and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: u64,
    failed: u64,
}

/// Runs every step even after one has failed, so that one run shows all there is to mend. Only the components come before all
/// else and end the run: the gateway embeds them and does not compile without.
pub(crate) fn test(workspace: &Workspace, options: &Options) -> Outcome {
    if let Some(Part::Guests) = options.part {
        return step("misbehaving guests", || misbehaving_guests(workspace));
    }
    let start = Instant::now();
    plugins::plugins(workspace)?;
    let mut tally = Tally::default();
    let mut failures = Vec::new();
    let mut note = |outcome: Outcome| failures.extend(outcome.err());
    if !options.fast {
        note(guests::guests(workspace));
    }
    note(step("format", || run(cargo().args(["fmt", "--all", "--check"]).current_dir(&workspace.root))));
    note(tidy::tidy(workspace));
    note(step("clippy", || clippy(workspace)));
    note(step("tests", || cargo_test(workspace, &mut tally)));
    note(step("examples", || examples::check(workspace)));
    note(step("instructions", || instructions::check(workspace)));
    // The page of the manifest is checked by a test of `cardea-config`.
    note(step("docs: features", || docs::features(workspace, false)));
    note(step("docs: rustdoc", || docs::rustdoc(workspace)));
    if !options.fast {
        note(step("interop", || interop(workspace, &mut tally)));
    }
    println!("==> all of it took {}", minutes(start.elapsed()));
    println!("{} passed, {} failed", tally.passed, tally.failed);
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n")) }
}

fn clippy(workspace: &Workspace) -> Outcome {
    let words = ["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"];
    run(cargo().args(words).current_dir(&workspace.root))
}

/// One cargo for the whole workspace, so that each dependency is compiled with one set of features.
fn cargo_test(workspace: &Workspace, tally: &mut Tally) -> Outcome {
    let mut command = cargo();
    command.args(["test", "--workspace", "--no-fail-fast"]).current_dir(&workspace.root).stdout(Stdio::piped());
    counted(&mut command, tally)
}

fn misbehaving_guests(workspace: &Workspace) -> Outcome {
    let words = ["test", "-p", "cardea-plugin", "--test", "misbehaving", "--test", "failing", "--test", "dropped"];
    run(cargo().args(words).current_dir(&workspace.root))
}

/// The official clients and servers, through the gateway that the tests have built.
fn interop(workspace: &Workspace, tally: &mut Tally) -> Outcome {
    let mut command = Command::new("bash");
    // How soon a new plugin is in force depends on how soon it is compiled, and a busy machine is no failure: the second that
    // is promised is measured by hand, without `--within`.
    command
        .args(["tests/interop/run.sh", "--within", "15"])
        .current_dir(&workspace.root)
        .env("CARGO_TARGET_DIR", &workspace.target);
    counted(command.stdout(Stdio::piped()), tally)
}

/// Runs a command whose output passes through line by line while its results are counted.
fn counted(command: &mut Command, tally: &mut Tally) -> Outcome {
    let words = said(command);
    let failed = |error| format!("{words} cannot be run: {error}");
    let mut child = command.spawn().map_err(failed)?;
    for line in child.stdout.take().into_iter().flat_map(|stdout| BufReader::new(stdout).lines()) {
        let line = line.map_err(failed)?;
        println!("{line}");
        tally.count(&line);
    }
    let status = child.wait().map_err(failed)?;
    if status.success() { Ok(()) } else { Err(format!("{words} ended with {status}")) }
}

impl Tally {
    /// Adds what the last line of a run says: cargo's `test result: ok. 3 passed; 0 failed; …`, or a plain `3 passed, 0 failed`.
    fn count(&mut self, line: &str) {
        let words: Vec<&str> = line.split([' ', ';', ',']).filter(|word| !word.is_empty()).collect();
        let counts = match words.as_slice() {
            ["test", "result:", _, passed, "passed", failed, "failed", ..] => (passed, failed),
            [passed, "passed", failed, "failed"] => (passed, failed),
            _ => return,
        };
        if let (Ok(passed), Ok(failed)) = (counts.0.parse::<u64>(), counts.1.parse::<u64>()) {
            self.passed += passed;
            self.failed += failed;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_summed_and_other_lines_are_not() {
        let mut tally = Tally::default();
        tally.count("test result: ok. 13 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s");
        tally.count("test result: FAILED. 2 passed; 3 failed; 1 ignored; 0 measured; 0 filtered out");
        tally.count("40 passed, 1 failed");
        tally.count("test 7 passed; 7 failed");
        tally.count("test result: passed");
        tally.count("all passed, none failed");
        assert_eq!(tally, Tally { passed: 55, failed: 4 });
    }

    #[test]
    fn a_counted_command_that_fails_is_a_failure_with_its_count() {
        let mut tally = Tally::default();
        let script = "echo 'test result: FAILED. 1 passed; 2 failed;'; exit 101";
        let complaint =
            counted(Command::new("sh").args(["-c", script]).stdout(Stdio::piped()), &mut tally).unwrap_err();
        assert!(complaint.contains("101"), "{complaint}");
        assert_eq!(tally, Tally { passed: 1, failed: 2 });
    }
}
