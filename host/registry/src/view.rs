//! What an endpoint of several servers shows of them, as the manifest has it.

use std::sync::Arc;

/// An endpoint of several servers. By default all of everything, with the server's name before every name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    /// The servers, in the order in which a name that several have is given to the first; none means all, in manifest order.
    pub servers: Vec<Arc<str>>,
    /// Whether names carry their server.
    pub prefix: Prefix,
    /// Patterns over `<server>/<name or URI>`; where there are any, only what fits one of them is shown.
    pub include: Vec<String>,
    /// Patterns likewise; what fits one of them is not shown.
    pub exclude: Vec<String>,
    /// Names of this endpoint's own.
    pub rename: Vec<Rename>,
}

/// Whether names of tools and prompts carry their server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Prefix {
    /// Every name does.
    #[default]
    Always,
    /// Those do that an earlier server of the endpoint has too.
    OnConflict,
    /// None does. What an earlier server has too is not shown.
    Never,
}

/// A name of an endpoint's own for a tool or prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rename {
    /// The server that has it.
    pub server: Arc<str>,
    /// What the server calls it.
    pub native: String,
    /// What it is called at the endpoint.
    pub name: String,
}
