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
    through: Vec<(Behind, Way)>,
    /// They end with this.
    processes: Vec<Process>,
}

/// What the fixture behind the gateway speaks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behind {
    /// Every revision.
    Both,
    /// What came before 2026-07-28 alone.
    Legacy,
    /// 2026-07-28 alone.
    Modern,
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
    /// Starts the fixture; if there is a gateway, one before it and one before a fixture of each era alone.
    pub(crate) fn start(workspace: &Workspace, gateway: Option<&Gateway>) -> Outcome<Self> {
        let client = program(workspace, "cardea-conformance-client");
        let (fixture, url) = Behind::Both.start(workspace)?;
        let direct = Way { name: "direct", url, client: quoted(&client) };
        let mut stand = Self { direct, through: Vec::new(), processes: vec![fixture] };
        if let Some(gateway) = gateway {
            for behind in [Behind::Both, Behind::Legacy, Behind::Modern] {
                let url = match behind {
                    Behind::Both => stand.direct.url.clone(),
                    Behind::Legacy | Behind::Modern => stand.keep(behind.start(workspace)?),
                };
                let manifest = gateway.manifest(workspace, behind.name());
                let (process, address) = gateway::start(&gateway.program, &manifest, &url)?;
                let url = stand.keep((process, format!("http://{address}/servers/fixture/mcp")));
                let client = gateway.client(workspace, &client)?;
                stand.through.push((behind, Way { name: gateway.manifest, url, client }));
            }
        }
        Ok(stand)
    }

    /// The way through the gateway to such a fixture, if there is a gateway.
    pub(crate) fn through(&self, behind: Behind) -> Option<&Way> {
        self.through.iter().find(|(it, _)| *it == behind).map(|(_, way)| way)
    }

    fn keep(&mut self, (process, url): (Process, String)) -> String {
        self.processes.push(process);
        url
    }
}

impl Behind {
    fn name(self) -> &'static str {
        match self {
            Self::Both => "both",
            Self::Legacy => "legacy",
            Self::Modern => "modern",
        }
    }

    fn start(self, workspace: &Workspace) -> Outcome<(Process, String)> {
        let server = program(workspace, "cardea-conformance-server");
        let words: &[&str] = if self == Self::Both { &[] } else { &[self.name()] };
        let (process, address) = Process::start(&server, words, Says::Output, native_address)?;
        Ok((process, format!("http://{address}/mcp")))
    }
}

impl Gateway {
    /// Its manifest, filled in below a folder of this name.
    fn manifest(&self, workspace: &Workspace, folder: &str) -> Manifest {
        Manifest {
            written: workspace.root.join(format!("tests/conformance/manifests/{}.toml", self.manifest)),
            folder: workspace.target.join("conformance/gateways").join(self.manifest).join(folder),
        }
    }

    /// A gateway for every run of the client: each has a mock server of its own.
    fn client(&self, workspace: &Workspace, client: &Path) -> Outcome<String> {
        let xtask = env::current_exe().map_err(|error| format!("this program's own file is unknown: {error}"))?;
        let manifest = self.manifest(workspace, "client");
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
