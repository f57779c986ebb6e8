//! What is measured against what: the echo server, the bare proxy before it, and a gateway for each manifest, all running side by side.

use std::net::SocketAddr;

use crate::Outcome;
use crate::bench::load::Load;
use crate::gateway::{self, Manifest};
use crate::process::{Process, Says};
use crate::workspace::Workspace;

/// Every manifest of `tests/load/manifests`, by its number of stages.
pub(crate) const EVERY: [&str; 4] = ["zero", "one", "four", "eight"];

/// All of it, running.
pub(crate) struct Stand {
    /// Makes the calls.
    pub(crate) load: Load,
    /// `direct` and `proxy` first, then the gateways in the order they were asked for.
    pub(crate) targets: Vec<Target>,
}

/// One way to the echo server.
pub(crate) struct Target {
    /// What figures call it.
    pub(crate) name: String,
    /// Where to call. The path is the same on every way, so that every request is.
    pub(crate) url: String,
    /// What runs there.
    pub(crate) process: Process,
}

impl Stand {
    /// Starts the echo server, the proxy, and these gateways.
    pub(crate) fn start(workspace: &Workspace, gateways: &[&str]) -> Outcome<Self> {
        let load = workspace.program("release", "cardea-load");
        let (echo, echo_address) = Process::start(&load, &["echo"], Says::Output, gateway::native_address)?;
        let to = format!("http://{echo_address}");
        let (proxy, proxy_address) =
            Process::start(&load, &["proxy", "--to", &to], Says::Output, gateway::native_address)?;
        let mut targets = vec![Target::new("direct", echo_address, echo), Target::new("proxy", proxy_address, proxy)];
        for name in gateways {
            let (gateway, address) = start_gateway(workspace, name, echo_address)?;
            targets.push(Target::new(name, address, gateway));
        }
        Ok(Self { load: Load::new(load), targets })
    }

    /// The way with this name.
    pub(crate) fn target(&self, name: &str) -> Outcome<&Target> {
        self.targets
            .iter()
            .find(|target| target.name == name)
            .ok_or_else(|| format!("nothing runs under the name {name}"))
    }
}

impl Target {
    fn new(name: &str, address: SocketAddr, process: Process) -> Self {
        Self { name: name.to_owned(), url: format!("http://{address}/servers/echo/mcp"), process }
    }
}

fn start_gateway(workspace: &Workspace, name: &str, echo: SocketAddr) -> Outcome<(Process, SocketAddr)> {
    let manifest = Manifest {
        written: workspace.root.join(format!("tests/load/manifests/{name}.toml")),
        folder: workspace.target.join("bench").join(name),
    };
    gateway::start(&workspace.program("release", "cardea"), &manifest, &format!("http://{echo}/mcp"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_manifest_has_the_place_for_the_echo_server_s_address() {
        let workspace = Workspace::find().unwrap();
        for name in EVERY {
            let path = workspace.root.join(format!("tests/load/manifests/{name}.toml"));
            assert!(gateway::has_the_place(&path), "{name}");
        }
    }
}
