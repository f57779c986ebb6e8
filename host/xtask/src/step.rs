//! One step of a task: announced, run with its output in sight, and timed.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::Outcome;

/// Runs `work` between a line that announces it and a line with the time it took.
pub(crate) fn step<T>(name: &str, work: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    eprintln!("==> {name}");
    let start = Instant::now();
    let outcome = work();
    let word = if outcome.is_ok() { "done" } else { "FAILED" };
    eprintln!("    {name}: {word} in {}", minutes(start.elapsed()));
    outcome
}

/// Runs a command to its end; it must succeed.
pub(crate) fn run(command: &mut Command) -> Outcome {
    let status = command.status().map_err(|error| format!("{} cannot be run: {error}", program(command)))?;
    if status.success() { Ok(()) } else { Err(format!("{} ended with {status}", said(command))) }
}

/// Runs a command to its end and takes what it printed; it must succeed.
pub(crate) fn output(command: &mut Command) -> Outcome<String> {
    let output = command.output().map_err(|error| format!("{} cannot be run: {error}", program(command)))?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{} ended with {}\n{complaint}", said(command), output.status));
    }
    String::from_utf8(output.stdout).map_err(|_| format!("{} printed something that is not text", said(command)))
}

/// A duration as a person reads it.
pub(crate) fn minutes(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 60.. => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{:.1} s", time.as_secs_f64()),
    }
}

/// The command as it could be typed.
pub(crate) fn said(command: &Command) -> String {
    let words = command.get_args().map(|word| word.to_string_lossy());
    std::iter::once(program(command).into()).chain(words).collect::<Vec<_>>().join(" ")
}

fn program(command: &Command) -> String {
    let path = std::path::Path::new(command.get_program());
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_fails_is_said_as_it_could_be_typed() {
        let complaint = run(Command::new("sh").args(["-c", "exit 3"])).unwrap_err();
        assert!(complaint.starts_with("sh -c exit 3 ended with"), "{complaint}");
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let complaint = run(&mut Command::new("no-such-program-here")).unwrap_err();
        assert!(complaint.contains("no-such-program-here cannot be run"), "{complaint}");
    }

    #[test]
    fn short_times_are_seconds_and_long_ones_minutes() {
        assert_eq!(minutes(Duration::from_millis(1_240)), "1.2 s");
        assert_eq!(minutes(Duration::from_secs(125)), "2 min 05 s");
    }
}
