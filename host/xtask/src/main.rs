//! `cargo xtask`: what it takes to build, serve, check and measure this repository, one file a task.
#![allow(clippy::print_stdout, reason = "this program's output is its terminal output")]

mod bench;
mod conformance;
mod docs;
mod examples;
mod features;
mod figure;
mod gateway;
mod guests;
mod instructions;
mod plugins;
mod process;
mod programs;
mod step;
mod test;
mod tidy;
mod up;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

/// What a task ends with: nothing, or what went wrong in words that say what to do.
type Outcome<T = ()> = Result<T, String>;

/// Builds, serves, checks and measures Cardea.
#[derive(Parser)]
#[command(bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build everything and serve the demo: a notes server behind api-key, rbac, rate-limit and audit.
    Up(up::Options),
    /// Run every check CI runs.
    Test(test::Options),
    /// Build the standard plugins, and the Rust guest of the tests, as components.
    Plugins,
    /// Build the C and QuickJS guests of the tests (the tools for it come from npm and PyPI).
    Guests,
    /// Drive every example by its own check.
    Examples,
    /// Check the rules of the house that no compiler checks.
    Tidy,
    /// Check the documentation: rustdoc without warnings, and the reference pages that are generated.
    Docs(docs::Options),
    /// Measure what the gateway adds, next to a bare proxy, in one run.
    Bench(bench::Options),
    /// Count the instructions of every call's path, against what is written down. Needs valgrind.
    Instructions(instructions::Options),
    /// Run the official MCP conformance suite against a fixture server, directly and through the gateway.
    Conformance(conformance::Options),
    /// Run a client of the conformance suite's with the gateway between it and its server; the suite calls this.
    #[command(hide = true)]
    BehindGateway(conformance::behind::Options),
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(complaint) => {
            eprintln!("xtask: {complaint}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Outcome {
    let workspace = Workspace::find()?;
    match task {
        Task::Up(options) => up::up(&workspace, &options),
        Task::Test(options) => test::test(&workspace, &options),
        Task::Plugins => plugins::plugins(&workspace),
        Task::Guests => guests::guests(&workspace),
        Task::Examples => examples::examples(&workspace),
        Task::Tidy => tidy::tidy(&workspace),
        Task::Docs(options) => docs::docs(&workspace, &options),
        Task::Bench(options) => bench::bench(&workspace, &options),
        Task::Instructions(options) => instructions::instructions(&workspace, &options),
        Task::Conformance(options) => conformance::conformance(&workspace, &options),
        Task::BehindGateway(options) => conformance::behind::behind_gateway(&options),
    }
}
