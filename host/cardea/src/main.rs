//! The `cardea` command: reads its arguments, runs one subcommand, chooses the exit code. Nothing else lives here.

mod assemble;
mod audit;
mod bridge;
mod check;
mod cluster;
mod control;
mod deliver;
mod explain;
mod gateway;
mod inspect;
mod journal;
mod log;
mod manifest;
mod metrics;
mod operate;
mod plan;
mod reload;
mod rights;
mod serve;
mod servers;
mod shadows;
mod source;
mod standard;
mod state;
mod status;
mod stdio;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::control::Wish;

/// A call makes many small allocations on one thread and frees some on another. glibc spends a quarter of the gateway's
/// own time on them; mimalloc is as fast and keeps more memory after a burst (docs/decisions/0007).
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// One door between MCP clients and MCP servers.
#[derive(Parser)]
#[command(name = "cardea", version, about, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve what the manifest says, and follow its changes.
    Serve(ManifestArguments),
    /// Speak MCP on standard input and output, for clients that start their servers: before a running gateway, or before a
    /// manifest in this process.
    Stdio(stdio::Arguments),
    /// Check a manifest and everything it names; show every problem at once; start nothing.
    Check(ManifestArguments),
    /// Show what a reload would change, compared with what was last served.
    Plan(ManifestArguments),
    /// Let the gateway that runs read its manifest again, now.
    Reload(ControlArguments),
    /// Show what the gateway that runs serves, and what it served before.
    Generations(ControlArguments),
    /// Let the gateway that runs serve again what it served before.
    Rollback(ControlArguments),
    /// Look at what runs beside the stages of the gateway that runs.
    #[command(subcommand)]
    Shadow(ShadowCommand),
    /// Show what became of a call, stage by stage; without an id, which calls ended last.
    Explain(ExplainArguments),
    /// Look at plugins.
    #[command(subcommand)]
    Plugin(PluginCommand),
    /// Ask the rights stages of a manifest what they would say, and which rule says so.
    #[command(subcommand)]
    Rbac(RbacCommand),
    /// Read the journal.
    #[command(subcommand)]
    Audit(audit::Command),
    /// Compile the standard plugins and leave the code beside this binary: the last step of its build.
    #[command(hide = true)]
    Precompile,
    /// Print the JSON Schema of the manifest.
    Schema,
    /// Print the reference page of the manifest.
    #[command(hide = true)]
    ManifestReference,
    /// Print the version.
    Version,
}

#[derive(clap::Args)]
struct ManifestArguments {
    /// The manifest.
    #[arg(long, short, default_value = "cardea.toml")]
    manifest: PathBuf,
}

#[derive(clap::Args)]
struct ControlArguments {
    /// The manifest of the gateway; its `[admin]` says where it is reached.
    #[arg(long, short, default_value = "cardea.toml")]
    manifest: PathBuf,
    /// Print what the gateway answers, as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
struct ExplainArguments {
    /// The call's id: the client has it as the header `x-request-id`, the log and the journal have it too.
    id: Option<String>,
    #[command(flatten)]
    manifest: ManifestArguments,
    /// Without an id: how many calls are shown.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
    /// Print what the admin API says, as it says it.
    #[arg(long)]
    json: bool,
}

#[derive(Subcommand)]
enum ShadowCommand {
    /// Show, for each stage with a shadow, how often both say the same, and where they differ.
    Report(ControlArguments),
}

#[derive(Subcommand)]
enum PluginCommand {
    /// Show a component's hooks, imports, size and digest.
    Inspect {
        /// A component, or the name of a standard plugin.
        plugin: String,
    },
    /// List the standard plugins.
    List,
}

#[derive(Subcommand)]
enum RbacCommand {
    /// Put every row of a file to the rights stages, and show those that come out otherwise.
    Test {
        #[command(flatten)]
        manifest: ManifestArguments,
        /// TOML: each `[[row]]` has `subject`, `call`, `expect` and perhaps `rule` and `shown`.
        file: PathBuf,
    },
    /// Show what comes of one call, and which rule says so.
    Explain {
        #[command(flatten)]
        manifest: ManifestArguments,
        #[command(flatten)]
        question: Box<rights::Arguments>,
    },
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Serve(arguments) => serve::run(&arguments.manifest),
        Command::Stdio(arguments) => stdio::run(&arguments),
        Command::Check(arguments) => check::run(&arguments.manifest),
        Command::Plan(arguments) => plan::run(&arguments.manifest),
        Command::Reload(arguments) => control::run(&arguments.manifest, arguments.json, Wish::Reload),
        Command::Generations(arguments) => control::run(&arguments.manifest, arguments.json, Wish::Generations),
        Command::Rollback(arguments) => control::run(&arguments.manifest, arguments.json, Wish::RollBack),
        Command::Shadow(ShadowCommand::Report(arguments)) => {
            control::run(&arguments.manifest, arguments.json, Wish::Shadows)
        }
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Plugin(PluginCommand::Inspect { plugin }) => inspect::run(&plugin),
        Command::Plugin(PluginCommand::List) => inspect::list(),
        Command::Rbac(RbacCommand::Test { manifest, file }) => rights::test(&manifest.manifest, &file),
        Command::Rbac(RbacCommand::Explain { manifest, question }) => {
            rights::explain(&manifest.manifest, &(*question).into())
        }
        Command::Audit(command) => audit::run(&command),
        Command::Precompile => standard::precompile(),
        Command::Schema => log::print(&format!("{:#}", cardea_config::schema())),
        Command::ManifestReference => log::print(&cardea_config::reference()),
        Command::Version => log::print(concat!("cardea ", env!("CARGO_PKG_VERSION"))),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            log::complain(&failure.text);
            ExitCode::from(failure.code)
        }
    }
}

/// Why a subcommand failed, and with which exit code (sysexits).
struct Failure {
    code: u8,
    text: String,
}

impl Failure {
    /// The manifest, or what it names, is not usable: `EX_CONFIG`.
    fn config(text: impl Into<String>) -> Self {
        Self { code: 78, text: text.into() }
    }

    /// What was to be shown does not hold.
    fn differs(text: impl Into<String>) -> Self {
        Self { code: 1, text: text.into() }
    }

    /// The arguments are not usable: `EX_USAGE`.
    fn usage(text: impl Into<String>) -> Self {
        Self { code: 64, text: text.into() }
    }

    /// The machine does not give what is needed: `EX_UNAVAILABLE`.
    fn unavailable(text: impl Into<String>) -> Self {
        Self { code: 69, text: text.into() }
    }
}
