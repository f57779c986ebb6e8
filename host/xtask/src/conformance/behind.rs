//! `cargo xtask behind-gateway`: one of the suite's clients, with the gateway between it and the suite's mock server, so that what
//! reaches that server is the gateway's.

use std::path::PathBuf;
use std::process::Command;

use crate::Outcome;
use crate::gateway::{self, Manifest};
use crate::step::run;

/// What the suite's command line holds; the suite adds the URL.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The gateway.
    #[arg(long)]
    program: PathBuf,
    /// Its manifest in the repository.
    #[arg(long)]
    manifest: PathBuf,
    /// Where the manifest is put.
    #[arg(long)]
    folder: PathBuf,
    /// The client.
    client: PathBuf,
    /// The mock server.
    url: String,
}

/// Lives as long as the client does.
pub(crate) fn behind_gateway(options: &Options) -> Outcome {
    let manifest = Manifest { written: options.manifest.clone(), folder: options.folder.clone() };
    let (_gateway, address) = gateway::start(&options.program, &manifest, &options.url)?;
    run(Command::new(&options.client).arg(format!("http://{address}/servers/fixture/mcp")))
}
