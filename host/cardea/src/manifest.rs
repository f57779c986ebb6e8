//! Reading the manifest with the environment and the files it refers to.

use std::io;
use std::path::{Path, PathBuf};

use cardea_config::{Plan, Report, Source, World};

use crate::{Failure, log};

/// A manifest that was read.
pub(crate) struct Manifest {
    /// Its text and name.
    pub(crate) source: Source,
    /// What it means. Its paths are absolute.
    pub(crate) plan: Plan,
}

/// Why a manifest could not be used.
pub(crate) enum Unusable {
    /// The file cannot be read.
    Unreadable(String),
    /// The file was read and is not right.
    Wrong(Source, Report),
}

impl Manifest {
    /// Reads a manifest and finds every problem in it.
    pub(crate) fn read(path: &Path) -> Result<Self, Unusable> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Unusable::Unreadable(format!(
                "cannot read the manifest {}: {error}\nhelp: name one with --manifest FILE; examples/ has some to start from",
                path.display()
            ))
        })?;
        Self::parse(path, text)
    }

    /// Reads a manifest's text as if it stood at `path`.
    pub(crate) fn parse(path: &Path, text: String) -> Result<Self, Unusable> {
        let source = Source { name: path.display().to_string(), text };
        let base = folder(path)
            .map_err(|error| Unusable::Unreadable(format!("cannot tell where {} is: {error}", path.display())))?;
        match cardea_config::read(&source, &Surroundings { base }) {
            Ok(plan) => Ok(Self { source, plan }),
            Err(report) => Err(Unusable::Wrong(source, report)),
        }
    }

    /// The folder for everything the gateway keeps.
    pub(crate) fn data(&self) -> &Path {
        &self.plan.data_directory
    }

    /// The report as a failure of the command.
    pub(crate) fn wrong(&self, report: &Report) -> Failure {
        Failure::config(report.render(&self.source, log::colour()))
    }
}

impl From<Unusable> for Failure {
    fn from(unusable: Unusable) -> Self {
        match unusable {
            Unusable::Unreadable(text) => Self::config(text),
            Unusable::Wrong(source, report) => Self::config(report.render(&source, log::colour())),
        }
    }
}

/// The folder relative paths start at, absolute so that it means the same to a child in another working directory.
fn folder(path: &Path) -> io::Result<PathBuf> {
    let file = std::path::absolute(path)?;
    Ok(file.parent().map_or_else(|| PathBuf::from("/"), Path::to_path_buf))
}

/// What a manifest may refer to: the environment and files beside it.
struct Surroundings {
    base: PathBuf,
}

impl World for Surroundings {
    fn env(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn file(&self, path: &Path) -> io::Result<String> {
        std::fs::read_to_string(path)
    }

    fn base(&self) -> &Path {
        &self.base
    }
}
