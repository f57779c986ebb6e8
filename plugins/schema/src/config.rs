//! The configuration as it is written.

use cardea_sdk::prelude::Deserialize;

/// The `config` table of the stage.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    pub(crate) arguments: Mode,
    pub(crate) results: Mode,
    pub(crate) answer: Answer,
    pub(crate) unlisted: Lacking,
    pub(crate) unusable: Lacking,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            arguments: Mode::Enforce,
            results: Mode::Warn,
            answer: Answer::ToolResult,
            unlisted: Lacking::Refuse,
            unusable: Lacking::Refuse,
        }
    }
}

/// What happens to what does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Mode {
    /// It is refused.
    Enforce,
    /// It passes, and the log says so.
    Warn,
    /// Nobody looks.
    Off,
}

/// How a client is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Answer {
    /// As a result with `isError`, which a model reads.
    ToolResult,
    /// As a JSON-RPC error.
    Error,
}

/// What happens where there is nothing to go by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Lacking {
    /// The call is refused.
    Refuse,
    /// It passes.
    Pass,
}
