//! A gateway as a child process, on a manifest of the repository whose one server runs wherever it could.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::Outcome;
use crate::process::{Process, Says};

/// What a manifest says in place of its server's URL.
const SERVER_URL: &str = "http://127.0.0.1:1/mcp";

/// A manifest, and where it is put with its server's URL in it.
pub(crate) struct Manifest {
    /// The file in the repository.
    pub(crate) written: PathBuf,
    /// A folder of its own, which keeps compiled plugins from run to run.
    pub(crate) folder: PathBuf,
}

/// Starts this gateway before the server at this URL.
pub(crate) fn start(program: &Path, manifest: &Manifest, server: &str) -> Outcome<(Process, SocketAddr)> {
    let filled_in = manifest.fill_in(server)?;
    let words = ["serve", "--manifest", &filled_in.display().to_string()];
    Process::start(program, &words, Says::Error, gateway_address)
}

/// `{"address":"127.0.0.1:…"}`, as the servers of our own say where they listen.
pub(crate) fn native_address(line: &str) -> Option<SocketAddr> {
    let line: Value = serde_json::from_str(line).ok()?;
    line["address"].as_str()?.parse().ok()
}

impl Manifest {
    /// Removes the last run's journal, which would grow with every call of every run.
    fn fill_in(&self, server: &str) -> Outcome<PathBuf> {
        let text = fs::read_to_string(&self.written)
            .map_err(|error| format!("{} cannot be read: {error}", self.written.display()))?;
        let filled_in = self.folder.join("cardea.toml");
        let journal = self.folder.join(".cardea/journal");
        if journal.exists() {
            fs::remove_dir_all(&journal)
                .map_err(|error| format!("{} cannot be removed: {error}", journal.display()))?;
        }
        let text = text.replace(SERVER_URL, server);
        fs::create_dir_all(&self.folder)
            .and_then(|()| fs::write(&filled_in, text))
            .map_err(|error| format!("{} cannot be written: {error}", filled_in.display()))?;
        Ok(filled_in)
    }
}

/// The log line in which the gateway says that it serves; its fields stand in the line itself or under `fields`.
fn gateway_address(line: &str) -> Option<SocketAddr> {
    let line: Value = serde_json::from_str(line).ok()?;
    let fields = line.get("fields").unwrap_or(&line);
    fields["address"].as_str().filter(|_| fields["message"] == "serving")?.parse().ok()
}

/// Whether this manifest has exactly one place for its server's URL.
#[cfg(test)]
pub(crate) fn has_the_place(manifest: &Path) -> bool {
    fs::read_to_string(manifest).is_ok_and(|text| text.matches(SERVER_URL).count() == 1)
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
}
