//! Why a plugin cannot be used, in words for the person who configured it.

use std::fmt;

/// Why a plugin cannot be used: which one, what is wrong, what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError {
    /// The plugin, as the manifest names it; empty where only bytes are known.
    pub plugin: String,
    /// What sort of trouble it is.
    pub kind: LoadErrorKind,
    /// What is wrong.
    pub problem: String,
    /// What to do about it.
    pub remedy: String,
    /// For [`LoadErrorKind::Config`]: the places in the stage's `config` table.
    pub places: Vec<ConfigProblem>,
}

/// What sort of trouble a plugin makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadErrorKind {
    /// The file is no component: text, a core module, machine code, damaged, too large.
    File,
    /// `plugin.toml` inside the component is missing or unusable.
    Manifest,
    /// It exports or imports something that this interface does not have, or in a version that this host does not speak.
    Interface,
    /// It uses a part of the interface that this version of the gateway does not have yet.
    Unavailable,
    /// It imports something that the stage does not grant.
    NotGranted,
    /// Its hooks do not fit its role.
    Role,
    /// The stage's `config` does not fit the plugin's schema.
    Config,
    /// The component is not valid, or does not fit together with this host.
    Compile,
    /// `init` or `selftest` failed.
    Init,
}

/// One place where the configuration does not fit the plugin's schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigProblem {
    /// RFC 6901 pointer into the `config` table.
    pub pointer: String,
    /// What is wrong there.
    pub message: String,
}

impl LoadError {
    pub(crate) fn new(kind: LoadErrorKind, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { plugin: String::new(), kind, problem: problem.into(), remedy: remedy.into(), places: Vec::new() }
    }

    pub(crate) fn of(self, plugin: &str) -> Self {
        Self { plugin: plugin.to_owned(), ..self }
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.plugin.is_empty() {
            write!(f, "plugin `{}`: ", self.plugin)?;
        }
        write!(f, "{}", self.problem)?;
        for ConfigProblem { pointer, message } in &self.places {
            match pointer.as_str() {
                "" => write!(f, "; {message}")?,
                pointer => write!(f, "; at `{pointer}`: {message}")?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for LoadError {}

/// Why plugins cannot be run at all.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// wasmtime does not start on this machine.
    #[error("the WebAssembly engine does not start: {0}")]
    Wasm(String),
    /// The directory for compiled code cannot be used.
    #[error("the cache directory {0}")]
    Cache(String),
    /// A thread cannot be started.
    #[error("a thread of the WebAssembly engine does not start: {0}")]
    Thread(#[source] std::io::Error),
}
