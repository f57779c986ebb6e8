//! What the suite runs against: the fixture's server and client, each alone and with the gateway before it.

use std::env;
use std::path::{Path, PathBuf};

use crate::Outcome;
use crate::gateway::{self, Manifest, native_address};
use crate::process::{Process, Says};
use crate::step::run;
use crate::workspace::{Workspace, cargo};

/// Which gateway.
pub(crate) struct Gateway {
    /// Its program.
    pub(crate) program: PathBuf,
    /// The name of its manifest in `tests/conformance/manifests`.
    pub(crate) manifest: &'static str,
}

/// All of it, running.
pub(crate) struct Stand {
    /// The fixture alone.
    pub(crate) direct: Way,
    /// The fixture with the gateway, if there is one.
    pub(crate) through: Option<Way>,
    _processes: Vec<Process>,
}

/// One way for the suite to reach the fixture, or to be reached by it.
pub(crate) struct Way {
    /// What its results are filed under.
    pub(crate) name: &'static str,
    /// Where the server is.
    pub(crate) url: String,
    /// What runs the client, to a shell; the suite adds its mock server's URL.
    pub(crate) client: String,
}

/// Checks and builds the fixture, a workspace of its own, to a target folder of its own.
pub(crate) fn build(workspace: &Workspace) -> Outcome {
    let folder = workspace.root.join("tests/conformance");
    let words: [&[&str]; 4] = [
        &["fmt", "--check"],
        &["clippy", "--locked", "--quiet", "--all-targets", "--", "-D", "warnings"],
        &["test", "--locked", "--quiet"],
        &["build", "--locked"],
    ];
    for words in words {
        let mut command = cargo();
        command.args(words).current_dir(&folder).env("CARGO_TARGET_DIR", target(workspace));
        run(&mut command)?;
    }
    Ok(())
}

impl Stand {
    /// Starts the fixture, and the gateway if there is one.
    pub(crate) fn start(workspace: &Workspace, gateway: Option<&Gateway>) -> Outcome<Self> {
        let server = program(workspace, "cardea-conformance-server");
        let client = program(workspace, "cardea-conformance-client");
        let (fixture, address) = Process::start(&server, &[], Says::Output, native_address)?;
        let direct = Way { name: "direct", url: format!("http://{address}/mcp"), client: quoted(&client) };
        let Some(gateway) = gateway else { return Ok(Self { direct, through: None, _processes: vec![fixture] }) };
        let manifest = gateway.manifest(workspace, gateway.manifest);
        let (process, address) = gateway::start(&gateway.program, &manifest, &direct.url)?;
        let through = Way {
            name: gateway.manifest,
            url: format!("http://{address}/servers/fixture/mcp"),
            client: gateway.client(workspace, &client)?,
        };
        Ok(Self { direct, through: Some(through), _processes: vec![process, fixture] })
    }
}

impl Gateway {
    /// Its manifest, filled in below this folder.
    fn manifest(&self, workspace: &Workspace, folder: &str) -> Manifest {
        Manifest {
            written: workspace.root.join(format!("tests/conformance/manifests/{}.toml", self.manifest)),
            folder: workspace.target.join("conformance").join(folder),
        }
    }

    /// A gateway for every run of the client: each has a mock server of its own.
    fn client(&self, workspace: &Workspace, client: &Path) -> Outcome<String> {
        let xtask = env::current_exe().map_err(|error| format!("this program's own file is unknown: {error}"))?;
        let manifest = self.manifest(workspace, &format!("client-{}", self.manifest));
        Ok(format!(
            "{} behind-gateway --program {} --manifest {} --folder {} {}",
            quoted(&xtask),
            quoted(&self.program),
            quoted(&manifest.written),
            quoted(&manifest.folder),
            quoted(client)
        ))
    }
}

fn program(workspace: &Workspace, name: &str) -> PathBuf {
    target(workspace).join("debug").join(name)
}

fn target(workspace: &Workspace) -> PathBuf {
    workspace.target.join("conformance/build")
}

/// One word to a shell.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_manifest_has_the_place_for_the_fixture_s_url() {
        let workspace = Workspace::find().unwrap();
        for name in ["plain", "stages"] {
            let path = workspace.root.join(format!("tests/conformance/manifests/{name}.toml"));
            assert!(gateway::has_the_place(&path), "{name}");
        }
    }

    #[test]
    fn a_path_is_one_word_to_a_shell() {
        assert_eq!(quoted(Path::new("it's a/b")), r"'it'\''s a/b'");
    }
}
