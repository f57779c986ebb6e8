//! `cargo xtask up`: from a fresh clone to a gateway that serves, with nothing installed but rustup.

mod demo;
mod welcome;

use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::step::step;
use crate::up::demo::Demo;
use crate::workspace::Workspace;
use crate::{Outcome, plugins, programs};

/// What `up` may be told.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Where the gateway listens.
    #[arg(long, default_value = "127.0.0.1:8080")]
    address: SocketAddr,
    /// Build without optimisation: sooner done, slower served.
    #[arg(long)]
    debug: bool,
}

/// Builds, writes the demo's manifest, says how to call it, and becomes the gateway.
pub(crate) fn up(workspace: &Workspace, options: &Options) -> Outcome {
    plugins::plugins(workspace)?;
    let folder = if options.debug { "debug" } else { "release" };
    step("gateway and notes server", || match options.debug {
        true => programs::debug(workspace, &["cardea", "cardea-notes-server"]),
        false => programs::release(workspace, &[]),
    })?;
    let demo = Demo::prepare(workspace, &workspace.program(folder, "cardea-notes-server"), options.address)?;
    println!("{}", welcome::welcome(&demo.key, options.address, &demo.manifest));
    let mut gateway = Command::new(workspace.program(folder, "cardea"));
    let error = gateway.arg("serve").arg("--manifest").arg(&demo.manifest).exec();
    Err(format!("the gateway cannot be started: {error}"))
}
