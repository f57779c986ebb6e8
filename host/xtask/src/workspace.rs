//! Where things are: the repository, its target folder and its packages, as `cargo metadata` tells them.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use crate::Outcome;

/// The workspace this xtask belongs to.
#[derive(Deserialize)]
pub(crate) struct Workspace {
    /// The repository's folder.
    #[serde(rename = "workspace_root")]
    pub(crate) root: PathBuf,
    /// Where cargo puts what it builds, wherever the user has moved that.
    #[serde(rename = "target_directory")]
    pub(crate) target: PathBuf,
    /// The members of the workspace.
    pub(crate) packages: Vec<Package>,
}

/// One member of the workspace.
#[derive(Deserialize)]
pub(crate) struct Package {
    /// Its name as cargo knows it.
    pub(crate) name: String,
    /// Its `Cargo.toml`.
    pub(crate) manifest_path: PathBuf,
    /// What its `Cargo.toml` names, of the workspace and not.
    pub(crate) dependencies: Vec<Dependency>,
}

/// One line of a package's dependencies.
#[derive(Deserialize)]
pub(crate) struct Dependency {
    /// The package depended on.
    pub(crate) name: String,
    /// `None` for a normal dependency, else `dev` or `build`.
    pub(crate) kind: Option<String>,
}

impl Workspace {
    /// Asks cargo, from this package's own folder, so that it works from wherever it is called.
    pub(crate) fn find() -> Outcome<Self> {
        let here = env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from("."), PathBuf::from);
        let output = cargo()
            .args(["metadata", "--no-deps", "--format-version=1"])
            .current_dir(here)
            .output()
            .map_err(|error| format!("cargo cannot be run: {error}"))?;
        if !output.status.success() {
            return Err(format!("cargo metadata failed:\n{}", String::from_utf8_lossy(&output.stderr)));
        }
        serde_json::from_slice(&output.stdout).map_err(|error| format!("cargo metadata is not understood: {error}"))
    }

    /// A program that cargo built under this profile's folder.
    pub(crate) fn program(&self, profile_folder: &str, name: &str) -> PathBuf {
        self.target.join(profile_folder).join(name)
    }

    /// The packages whose folder lies directly in this folder of the repository.
    pub(crate) fn packages_in<'a>(&'a self, folder: &str) -> impl Iterator<Item = &'a Package> {
        let folder = self.root.join(folder);
        self.packages.iter().filter(move |package| package.folder().parent() == Some(&folder))
    }
}

impl Package {
    /// Where its `Cargo.toml` is.
    pub(crate) fn folder(&self) -> &Path {
        self.manifest_path.parent().unwrap_or(Path::new(""))
    }

    /// The last part of its folder: the short name it goes by in the house.
    pub(crate) fn short_name(&self) -> String {
        self.folder().file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

/// The cargo that runs this xtask, so that no other toolchain's slips in.
pub(crate) fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}
