//! The `cardea` command: reads its arguments, runs one subcommand, chooses the exit code. Nothing else lives here.

mod assemble;
mod check;
mod cluster;
mod deliver;
mod gateway;
mod inspect;
mod log;
mod manifest;
mod plan;
mod reload;
mod serve;
mod servers;
mod source;
mod standard;
mod state;
mod status;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

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
    /// Check a manifest and everything it names; show every problem at once; start nothing.
    Check(ManifestArguments),
    /// Show what a reload would change, compared with what was last served.
    Plan(ManifestArguments),
    /// Look at plugins.
    #[command(subcommand)]
    Plugin(PluginCommand),
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

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Serve(arguments) => serve::run(&arguments.manifest),
        Command::Check(arguments) => check::run(&arguments.manifest),
        Command::Plan(arguments) => plan::run(&arguments.manifest),
        Command::Plugin(PluginCommand::Inspect { plugin }) => inspect::run(&plugin),
        Command::Plugin(PluginCommand::List) => inspect::list(),
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

    /// The arguments are not usable: `EX_USAGE`.
    fn usage(text: impl Into<String>) -> Self {
        Self { code: 64, text: text.into() }
    }

    /// The machine does not give what is needed: `EX_UNAVAILABLE`.
    fn unavailable(text: impl Into<String>) -> Self {
        Self { code: 69, text: text.into() }
    }
}
