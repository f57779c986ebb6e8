//! A child process of a task: started, waited for until it says it is ready, and ended with its value, whatever happens.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::Outcome;

/// How long a child may take to say it is ready; a gateway without compiled plugins compiles them first.
const PATIENCE: Duration = Duration::from_secs(60);
/// How many of its last lines are shown when a child fails.
const LAST_LINES: usize = 20;

/// A running child.
pub(crate) struct Process {
    child: Child,
    name: String,
}

/// Where a child says that it is ready.
#[derive(Clone, Copy)]
pub(crate) enum Says {
    /// On standard output.
    Output,
    /// On standard error.
    Error,
}

impl Process {
    /// Starts a program and waits for the line in which `ready` finds what it is looking for.
    pub(crate) fn start<T>(
        program: &Path,
        words: &[&str],
        says: Says,
        ready: impl Fn(&str) -> Option<T>,
    ) -> Outcome<(Self, T)> {
        let name = format!("{} {}", program.file_name().unwrap_or_default().display(), words.join(" "));
        let mut command = with_all_files(program);
        command.args(words).stdin(Stdio::piped());
        match says {
            Says::Output => command.stdout(Stdio::piped()),
            Says::Error => command.stdout(Stdio::null()).stderr(Stdio::piped()),
        };
        let mut child = command.spawn().map_err(|error| format!("{name} cannot be started: {error}"))?;
        let lines = match says {
            Says::Output => child.stdout.take().map(lines),
            Says::Error => child.stderr.take().map(lines),
        };
        // From here on the child is ended if this fails.
        let process = Self { child, name };
        let lines = lines.ok_or_else(|| format!("{} has no output to read", process.name))?;
        let found = wait_until(&process.name, &lines, ready)?;
        Ok((process, found))
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Resident memory, in KiB, as the kernel counts it.
    pub(crate) fn resident(&self) -> Outcome<f64> {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(&path).map_err(|error| format!("{path} cannot be read: {error}"))?;
        resident(&status).ok_or_else(|| format!("{path} says nothing of VmRSS: {} has ended", self.name))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only for a child that has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The shell lifts the number of open files as far as it may and becomes the program: a proxy of 1,000 connections needs 2,000.
fn with_all_files(program: &Path) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", r#"ulimit -n "$(ulimit -H -n)"; exec "$0" "$@""#]).arg(program);
    command
}

/// Reads to the end in a thread of its own, so that a child never waits for us to read.
fn lines(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            // Nobody listens any more once the child is ready; the reading goes on.
            drop(sender.send(line));
        }
    });
    receiver
}

fn wait_until<T>(name: &str, lines: &Receiver<String>, ready: impl Fn(&str) -> Option<T>) -> Outcome<T> {
    let deadline = Instant::now() + PATIENCE;
    let mut last = VecDeque::new();
    loop {
        let why = match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => match ready(&line) {
                Some(found) => return Ok(found),
                None => {
                    last.push_back(line);
                    last.drain(..last.len().saturating_sub(LAST_LINES));
                    continue;
                }
            },
            Err(RecvTimeoutError::Timeout) => format!("was not ready within {} s", PATIENCE.as_secs()),
            Err(RecvTimeoutError::Disconnected) => "ended before it was ready".to_owned(),
        };
        return Err(format!("{name} {why}\n{}", Vec::from(last).join("\n")));
    }
}

fn resident(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(script: &str, says: Says) -> Outcome<(Process, String)> {
        let ready = |line: &str| line.strip_prefix("ready ").map(str::to_owned);
        Process::start(Path::new("sh"), &["-c", script], says, ready)
    }

    #[test]
    fn a_child_is_ready_when_it_says_so_and_gone_with_its_value() {
        let (process, found) = start("echo one; echo ready now; cat", Says::Output).unwrap();
        assert_eq!(found, "now");
        assert!(process.resident().unwrap() > 0.0);
        let status = format!("/proc/{}/status", process.child.id());
        drop(process);
        assert!(!Path::new(&status).exists());
    }

    #[test]
    fn a_child_that_ends_before_is_shown_with_its_last_words() {
        let complaint = start("echo no config >&2", Says::Error).err().unwrap();
        assert!(complaint.contains("ended before it was ready\nno config"), "{complaint}");
    }

    #[test]
    fn resident_memory_is_read_in_kibibytes() {
        assert_eq!(resident("Name:\tx\nVmRSS:\t    5120 kB\n"), Some(5120.0));
        assert_eq!(resident("Name:\tx\n"), None);
    }
}
