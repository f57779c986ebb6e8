//! Every case below a folder, several at once, told as `cargo test` tells of tests.
#![allow(clippy::print_stdout, reason = "this is the output of a test program")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::{Case, Failure, Outcome, Programs, run};

/// Cases mostly wait for processes to start, so there may be more than cores.
const AT_ONCE: usize = 4;

/// Runs the cases whose path contains one of the words given to the test program, all without any. To find none is to fail.
pub fn suite(folder: &Path, programs: &Programs) -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let cases = match found(folder) {
        Ok(cases) => cases,
        Err(complaint) => return failed(&complaint),
    };
    if cases.is_empty() {
        return failed(&format!("there is no case below {}", folder.display()));
    }
    if words.iter().any(|word| word == "--list") {
        cases.iter().for_each(|case| println!("{}: test", name(folder, case)));
        return ExitCode::SUCCESS;
    }
    // Options are meant for the usual harness, which this is not.
    let words: Vec<&String> = words.iter().filter(|word| !word.starts_with('-')).collect();
    let chosen =
        |case: &PathBuf| words.is_empty() || words.iter().any(|word| name(folder, case).contains(word.as_str()));
    let cases: Vec<PathBuf> = cases.into_iter().filter(chosen).collect();
    tell(folder, &cases, programs)
}

fn tell(folder: &Path, cases: &[PathBuf], programs: &Programs) -> ExitCode {
    let started = Instant::now();
    println!("\nrunning {} cases", cases.len());
    let failures = Mutex::new(Vec::new());
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let outcome = one(case, programs);
                    println!("case {} ... {}", name(folder, case), if outcome.is_ok() { "ok" } else { "FAILED" });
                    if let (Err(failure), Ok(mut failures)) = (outcome, failures.lock()) {
                        failures.push((case, failure));
                    }
                }
            });
        }
    });
    let mut failures = failures.into_inner().unwrap_or_default();
    failures.sort_by_key(|(case, _)| *case);
    for (case, Failure { line, what }) in &failures {
        println!("\n---- {}:{line} ----\n{what}", case.display());
    }
    let (passed, failed) = (cases.len() - failures.len(), failures.len());
    let word = if failed == 0 { "ok" } else { "FAILED" };
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "\ntest result: {word}. {passed} passed; {failed} failed; 0 ignored; 0 measured; 0 filtered out; finished in {seconds:.2}s\n"
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs a case on a runtime of its own, so that what one leaves undone cannot reach another.
fn one(file: &Path, programs: &Programs) -> Result<(), Failure> {
    let case = Case::read(file).map_err(|mistake| Failure { line: mistake.line, what: mistake.what })?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure { line: 1, what: format!("no runtime: {error}") })?;
    runtime.block_on(run(&case, programs))
}

fn found(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let mut cases = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries =
            std::fs::read_dir(&folder).map_err(|error| format!("cannot list {}: {error}", folder.display()))?;
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "case") {
                cases.push(path);
            }
        }
    }
    cases.sort();
    Ok(cases)
}

fn name(folder: &Path, case: &Path) -> String {
    case.strip_prefix(folder).unwrap_or(case).with_extension("").display().to_string()
}

fn failed(complaint: &str) -> ExitCode {
    println!(
        "{complaint}\n\ntest result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n"
    );
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn cases_are_found_in_folders_below_and_other_files_are_not() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("area")).unwrap();
        for file in ["area/b.case", "a.case", "README.md"] {
            std::fs::write(folder.path().join(file), "").unwrap();
        }
        let names: Vec<String> = found(folder.path()).unwrap().iter().map(|case| name(folder.path(), case)).collect();
        assert_eq!(names, ["a", "area/b"]);
    }
}
