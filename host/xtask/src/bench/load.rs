//! The load generator, one run at a time, and what it says it measured.

use std::path::PathBuf;
use std::process::Command;

use serde::Deserialize;

use crate::Outcome;
use crate::bench::stand::Target;
use crate::process::{Process, Says};
use crate::step::{output, said};

/// `cardea-load` as a caller.
pub(crate) struct Load(PathBuf);

/// The line it prints; times are microseconds.
#[derive(Deserialize)]
pub(crate) struct Measured {
    /// The middle time of a call.
    pub(crate) p50: f64,
    /// Calls per second.
    pub(crate) rps: f64,
    errors: u64,
}

impl Load {
    /// This program.
    pub(crate) fn new(program: PathBuf) -> Self {
        Self(program)
    }

    /// One call after the other.
    pub(crate) fn latency(&self, target: &Target, requests: u32, warmup: u32) -> Outcome<Measured> {
        let (requests, warmup) = (requests.to_string(), warmup.to_string());
        self.measure(&["latency", "--url", &target.url, "--requests", &requests, "--warmup", &warmup])
    }

    /// Many at once.
    pub(crate) fn throughput(&self, target: &Target, connections: u32, seconds: f64) -> Outcome<Measured> {
        let (connections, seconds) = (connections.to_string(), seconds.to_string());
        self.measure(&["throughput", "--url", &target.url, "--connections", &connections, "--seconds", &seconds])
    }

    /// Connections that wait as long as the value lives.
    pub(crate) fn idle(&self, target: &Target, connections: u32) -> Outcome<Process> {
        let words = ["idle", "--url", &target.url, "--connections", &connections.to_string()];
        let opened = |line: &str| line.contains("connections").then_some(());
        Process::start(&self.0, &words, Says::Output, opened).map(|(process, ())| process)
    }

    fn measure(&self, words: &[&str]) -> Outcome<Measured> {
        let mut command = Command::new(&self.0);
        let text = output(command.args(words))?;
        let measured: Measured = serde_json::from_str(&text)
            .map_err(|error| format!("{} is not understood: {error}\n{text}", said(&command)))?;
        match measured.errors {
            0 => Ok(measured),
            errors => Err(format!("{} had {errors} errors: figures of failing calls mean nothing", said(&command))),
        }
    }
}
