//! The demo's own files in `.cardea/demo`: a key made once, and the example's manifest with that key, the notes server and the address filled in.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::Outcome;
use crate::workspace::Workspace;

const EXAMPLE: &str = "examples/quickstart-notes/cardea.toml";
const EXAMPLE_HASH: &str = "0000000000000000000000000000000000000000000000000000000000000000";
const EXAMPLE_COMMAND: &str = "command = [\"cardea-notes-server\"]";
const EXAMPLE_ADDRESS: &str = "address = \"127.0.0.1:8080\"";
const KEY_BYTES: usize = 24;

/// A demo ready to be served.
pub(crate) struct Demo {
    /// What a client shows.
    pub(crate) key: String,
    /// What the gateway reads.
    pub(crate) manifest: PathBuf,
}

impl Demo {
    /// Makes the key if there is none, and writes the manifest anew, so that it follows the example.
    pub(crate) fn prepare(workspace: &Workspace, notes_server: &Path, address: SocketAddr) -> Outcome<Self> {
        let folder = workspace.root.join(".cardea/demo");
        fs::create_dir_all(&folder).map_err(|error| format!("{} cannot be made: {error}", folder.display()))?;
        let key = key(&folder.join("key"))?;
        let example = workspace.root.join(EXAMPLE);
        let example =
            fs::read_to_string(&example).map_err(|error| format!("{} cannot be read: {error}", example.display()))?;
        let manifest = folder.join("cardea.toml");
        fs::write(&manifest, filled_in(&example, &key, notes_server, address)?)
            .map_err(|error| format!("{} cannot be written: {error}", manifest.display()))?;
        Ok(Self { key, manifest })
    }
}

/// The key in this file; a new one if there is no file.
fn key(file: &Path) -> Outcome<String> {
    match fs::read_to_string(file) {
        Ok(key) => Ok(key.trim().to_owned()),
        Err(error) if error.kind() == ErrorKind::NotFound => new_key(file),
        Err(error) => Err(format!("{} cannot be read: {error}", file.display())),
    }
}

fn new_key(file: &Path) -> Outcome<String> {
    let mut bytes = [0; KEY_BYTES];
    fs::File::open("/dev/urandom")
        .and_then(|mut random| random.read_exact(&mut bytes))
        .map_err(|error| format!("the system gives no random bytes: {error}"))?;
    let key = format!("cdk_{}", hex(&bytes));
    fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .and_then(|mut created| writeln!(created, "{key}"))
        .map_err(|error| format!("{} cannot be written: {error}", file.display()))?;
    Ok(key)
}

fn filled_in(example: &str, key: &str, notes_server: &Path, address: SocketAddr) -> Outcome<String> {
    let hash = hex(&Sha256::digest(key));
    let text = replace(example, EXAMPLE_HASH, &hash)?;
    let text = replace(&text, EXAMPLE_COMMAND, &format!("command = [{:?}]", notes_server.display().to_string()))?;
    let text = replace(&text, EXAMPLE_ADDRESS, &format!("address = \"{address}\""))?;
    Ok(format!("# Written by `cargo xtask up` from {EXAMPLE}; the next `up` writes it anew.\n{text}"))
}

/// Exactly one place, or the example has changed under this code.
fn replace(text: &str, from: &str, to: &str) -> Outcome<String> {
    match text.matches(from).count() {
        1 => Ok(text.replace(from, to)),
        count => Err(format!("{EXAMPLE} holds `{from}` {count} times; `up` fills it in where it stands once")),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const EXAMPLE_TEXT: &str = include_str!("../../../../examples/quickstart-notes/cardea.toml");

    #[test]
    fn the_example_has_every_place_that_is_filled_in() {
        let address = "127.0.0.1:9999".parse().unwrap();
        let text = filled_in(EXAMPLE_TEXT, "abc", Path::new("/x/notes"), address).unwrap();
        let hash_of_abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        for expected in [hash_of_abc, "command = [\"/x/notes\"]", "address = \"127.0.0.1:9999\""] {
            assert_eq!(text.matches(expected).count(), 1, "{expected}");
        }
        assert!(!text.contains(EXAMPLE_HASH));
    }

    #[test]
    fn an_example_without_a_place_to_fill_in_is_said() {
        let complaint = filled_in("[listen]", "abc", Path::new("x"), "127.0.0.1:1".parse().unwrap()).unwrap_err();
        assert!(complaint.contains("0 times"), "{complaint}");
    }

    #[test]
    fn a_key_is_made_once_and_only_its_owner_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        let made = key(&file).unwrap();
        assert_eq!(made.len(), "cdk_".len() + 2 * KEY_BYTES);
        assert_eq!(key(&file).unwrap(), made);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_ne!(key(&folder.path().join("other")).unwrap(), made);
    }
}
