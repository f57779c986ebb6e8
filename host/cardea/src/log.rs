//! Where text goes: results to standard output, complaints and the log to standard error.

use std::io::{IsTerminal, Write, stderr, stdout};

use cardea_config::{Log, LogFormat};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::Failure;

/// Starts the log as the manifest wants it: readable on a terminal, JSON lines elsewhere.
pub(crate) fn start(plan: &Log) {
    let filter = EnvFilter::new(plan.level.as_str());
    let json = match plan.format {
        LogFormat::Json => true,
        LogFormat::Pretty => false,
        LogFormat::Auto => !stderr().is_terminal(),
    };
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_span_events(FmtSpan::NONE).with_writer(stderr);
    // Whoever read the log may be gone. To complain about that on the same broken pipe panics, in whatever task has logged:
    // the one that listens for SIGTERM among them.
    let log = log.log_internal_errors(false);
    if json {
        log.json().flatten_event(true).with_current_span(false).with_span_list(false).init();
    } else {
        log.with_ansi(stderr().is_terminal()).with_target(false).init();
    }
}

/// Prints a result.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = stdout().lock();
    // A reader that closed the pipe (`cardea plan | head`) has what it wanted.
    let _ = writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush());
    Ok(())
}

/// Prints what went wrong.
pub(crate) fn complain(text: &str) {
    let _ = writeln!(stderr().lock(), "{}", text.trim_end());
}

/// Whether complaints may be coloured.
pub(crate) fn colour() -> bool {
    stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}
