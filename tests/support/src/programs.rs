//! Where the programs are: cargo tells a test only of the binary of its own package, and puts the others beside it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::Outcome;

/// The servers a manifest of a case may name.
const SERVERS: [&str; 2] = ["cardea-fake-server", "cardea-notes-server"];

/// The programs of a test run.
#[derive(Clone, Debug)]
pub struct Programs {
    pub(crate) cardea: PathBuf,
    pub(crate) code: PathBuf,
    folder: PathBuf,
}

impl Programs {
    /// The programs beside the gateway, which is what `CARGO_BIN_EXE_cardea` says. Below `scratch`, which is what
    /// `CARGO_TARGET_TMPDIR` says, compiled plugins are kept from run to run.
    pub fn beside(cardea: &str, scratch: &str) -> Outcome<Self> {
        let cardea = PathBuf::from(cardea);
        let folder = cardea.parent().map(Path::to_path_buf).unwrap_or_default();
        match SERVERS.iter().find(|server| !folder.join(server).is_file()) {
            None => Ok(Self { cardea, folder, code: Path::new(scratch).join("code") }),
            Some(missing) => Err(format!(
                "{missing} is not in {}; run `cargo build -p cardea-test-support -p cardea-notes-server` first",
                folder.display()
            )),
        }
    }

    /// The component of a standard plugin, where `cargo xtask plugins` puts it.
    pub fn plugin(&self, name: &str) -> PathBuf {
        self.built("plugins").join(format!("{name}.wasm"))
    }

    /// The component of a plugin that is for tests only, where `cargo xtask plugins` puts those written in Rust.
    pub fn guest(&self, name: &str) -> PathBuf {
        self.guests().join(format!("{name}.wasm"))
    }

    /// The components that are plugins for tests only; `cargo xtask plugins` builds those written in Rust.
    pub(crate) fn guests(&self) -> PathBuf {
        self.built("guests")
    }

    /// The fake server.
    pub(crate) fn fake_server(&self) -> PathBuf {
        self.folder.join(SERVERS[0])
    }

    fn built(&self, what: &str) -> PathBuf {
        self.folder.parent().unwrap_or(&self.folder).join(what)
    }

    /// A `PATH` on which manifests find the servers by name, as a user's would.
    pub(crate) fn path(&self) -> OsString {
        let mut path = OsString::from(&self.folder);
        if let Some(rest) = std::env::var_os("PATH") {
            path.push(":");
            path.push(rest);
        }
        path
    }
}
