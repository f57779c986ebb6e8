//! What is measured against what: the echo server, the bare proxy before it, and a gateway for each manifest, all running side by side.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde_json::Value;

use crate::Outcome;
use crate::bench::load::Load;
use crate::bench::process::{Process, Says};
use crate::workspace::Workspace;

/// Every manifest of `tests/load/manifests`, by its number of stages.
pub(crate) const EVERY: [&str; 4] = ["zero", "one", "four", "eight"];

const MANIFEST_URL: &str = "http://127.0.0.1:1/mcp";

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
        let (echo, echo_address) = Process::start(&load, &["echo"], Says::Output, native_address)?;
        let to = format!("http://{echo_address}");
        let (proxy, proxy_address) = Process::start(&load, &["proxy", "--to", &to], Says::Output, native_address)?;
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
    let manifest = manifest(workspace, name, echo)?;
    let words = ["serve", "--manifest", &manifest.display().to_string()];
    Process::start(&workspace.program("release", "cardea"), &words, Says::Error, gateway_address)
}

/// The manifest with the echo server's address, in a folder of its own that keeps compiled plugins from run to run, but not the
/// journal, which a measurement fills with every call it makes.
fn manifest(workspace: &Workspace, name: &str, echo: SocketAddr) -> Outcome<PathBuf> {
    let written = workspace.root.join(format!("tests/load/manifests/{name}.toml"));
    let text =
        fs::read_to_string(&written).map_err(|error| format!("{} cannot be read: {error}", written.display()))?;
    let folder = workspace.target.join("bench").join(name);
    let filled_in = folder.join("cardea.toml");
    let journal = folder.join(".cardea/journal");
    if journal.exists() {
        fs::remove_dir_all(&journal).map_err(|error| format!("{} cannot be removed: {error}", journal.display()))?;
    }
    let text = text.replace(MANIFEST_URL, &format!("http://{echo}/mcp"));
    fs::create_dir_all(&folder)
        .and_then(|()| fs::write(&filled_in, text))
        .map_err(|error| format!("{} cannot be written: {error}", filled_in.display()))?;
    Ok(filled_in)
}

/// `{"address":"127.0.0.1:…"}`, as `cardea-load` says it.
fn native_address(line: &str) -> Option<SocketAddr> {
    let line: Value = serde_json::from_str(line).ok()?;
    line["address"].as_str()?.parse().ok()
}

/// The log line in which the gateway says that it serves; its fields stand in the line itself or under `fields`.
fn gateway_address(line: &str) -> Option<SocketAddr> {
    let line: Value = serde_json::from_str(line).ok()?;
    let fields = line.get("fields").unwrap_or(&line);
    fields["address"].as_str().filter(|_| fields["message"] == "serving")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gateway_s_address_is_in_the_line_that_says_serving() {
        let address = "127.0.0.1:4000".parse().ok();
        assert_eq!(gateway_address(r#"{"fields":{"message":"serving","address":"127.0.0.1:4000"}}"#), address);
        assert_eq!(gateway_address(r#"{"message":"serving","address":"127.0.0.1:4000"}"#), address);
        assert_eq!(gateway_address(r#"{"message":"stopping","address":"127.0.0.1:4000"}"#), None);
        assert_eq!(gateway_address("not JSON"), None);
    }

    #[test]
    fn every_manifest_has_the_place_for_the_echo_server_s_address() {
        let workspace = Workspace::find().unwrap();
        for name in EVERY {
            let path = workspace.root.join(format!("tests/load/manifests/{name}.toml"));
            assert_eq!(fs::read_to_string(path).unwrap().matches(MANIFEST_URL).count(), 1, "{name}");
        }
    }
}
