//! How the fake server is told to behave.

use std::path::PathBuf;

/// An MCP server for tests.
#[derive(clap::Parser, Clone, Debug, Default)]
pub(crate) struct Options {
    /// The protocol it speaks.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) era: Eras,
    /// Serve HTTP on a free port of the loopback address and say the URL on standard output; without it, standard input and output.
    #[arg(long)]
    pub(crate) http: bool,
    /// The tools it has, such as `echo,fail`; all of them if not said.
    #[arg(long, value_delimiter = ',')]
    pub(crate) tools: Vec<String>,
    /// Ask for the argument `text` of its tools to be repeated in the header `Mcp-Param-Text`.
    #[arg(long)]
    pub(crate) marked: bool,
    /// How many pages its lists come in.
    #[arg(long, default_value_t = 1)]
    pub(crate) pages: usize,
    /// Append what happens to this file, one line each.
    #[arg(long)]
    pub(crate) diary: Option<PathBuf>,
    /// Read everything and never say a word.
    #[arg(long)]
    pub(crate) mute: bool,
    /// What its resources are called: `fake://<notes>/1` and so on.
    #[arg(long, default_value = "note")]
    pub(crate) notes: String,
    /// The name it gives itself.
    #[arg(long, default_value = "fake")]
    pub(crate) name: String,
}

/// Which of the two protocols are spoken.
#[derive(clap::ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Eras {
    /// 2026-07-28 only.
    Modern,
    /// Up to 2025-11-25 only.
    Legacy,
    /// Each message in its own.
    #[default]
    Both,
}
