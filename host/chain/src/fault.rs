//! Why a call got no reply from its server, with a text for each of its two readers.

use std::fmt;

/// A call that came to nothing. `outside` is for the client and names nothing of the inside; `inside` is for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Whose it is.
    pub side: Side,
    /// What it is.
    pub kind: FaultKind,
    /// One sentence for the client.
    pub outside: String,
    /// One sentence for the operator.
    pub inside: String,
}

/// Whose fault it is: the first question at night.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The client sent something unusable.
    Client,
    /// A plugin failed.
    Stage,
    /// The MCP server failed.
    Server,
    /// The gateway itself.
    House,
}

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// No such tool, prompt or resource.
    UnknownName,
    /// No such method here, or not bridged to this server.
    UnknownMethod,
    /// The params lack what the method needs.
    InvalidParams,
    /// The server cannot be reached, or died.
    Unreachable,
    /// The server answered something that is not MCP.
    BadReply,
    /// The server wants credentials the gateway does not have.
    ServerAuth,
    /// The deadline passed.
    Deadline,
    /// A limit of the house is reached.
    Overloaded,
    /// The message is larger than the house takes.
    TooLarge,
    /// The client cancelled.
    Cancelled,
    /// The generation it began with is older than the house keeps.
    Superseded,
    /// A stage failed, and its failure refuses the call.
    StageFailed,
    /// The journal must have the call and cannot take it.
    Unrecorded,
    /// Anything else: a bug of ours.
    Internal,
}

impl Fault {
    /// A fault with both sentences.
    pub fn new(side: Side, kind: FaultKind, outside: impl Into<String>, inside: impl Into<String>) -> Self {
        Self { side, kind, outside: outside.into(), inside: inside.into() }
    }

    /// A name that does not exist, in the words every hidden name gets too.
    pub fn unknown_name(method: &cardea_message::Method, name: &str) -> Self {
        let (outside, kind) = (unknown_name_wording(method, name), FaultKind::UnknownName);
        Self { side: Side::Client, kind, inside: outside.clone(), outside }
    }

    /// A method this endpoint does not have.
    pub fn unknown_method(method: &cardea_message::Method) -> Self {
        let outside = format!("Method not found: {}", method.as_str());
        Self { side: Side::Client, kind: FaultKind::UnknownMethod, inside: outside.clone(), outside }
    }

    /// The deadline passed while `whom` was asked.
    pub fn deadline(whom: &str) -> Self {
        Self::new(
            Side::Server,
            FaultKind::Deadline,
            "The server did not answer in time",
            format!("{whom} did not answer before the call's deadline"),
        )
    }

    /// The journal must have the call and cannot take it.
    pub(crate) fn unrecorded(outside: &str) -> Self {
        let inside = "the journal cannot be written, and its mode is strict";
        Self::new(Side::House, FaultKind::Unrecorded, outside, inside)
    }

    /// The word used in logs and records.
    pub fn word(&self) -> &'static str {
        match self.kind {
            FaultKind::UnknownName => "unknown-name",
            FaultKind::UnknownMethod => "unknown-method",
            FaultKind::InvalidParams => "invalid-params",
            FaultKind::Unreachable => "unreachable",
            FaultKind::BadReply => "bad-reply",
            FaultKind::ServerAuth => "server-auth",
            FaultKind::Deadline => "deadline",
            FaultKind::Overloaded => "overloaded",
            FaultKind::TooLarge => "too-large",
            FaultKind::Cancelled => "cancelled",
            FaultKind::Superseded => "superseded",
            FaultKind::StageFailed => "stage-failed",
            FaultKind::Unrecorded => "unrecorded",
            FaultKind::Internal => "internal",
        }
    }
}

/// What a client reads about a name that does not exist, or that it may not know of ([`crate::RefusalKind::Unknown`]).
fn unknown_name_wording(method: &cardea_message::Method, name: &str) -> String {
    let shown: String = name.chars().take(128).collect();
    match method.as_str() {
        "tools/call" => format!("Unknown tool: {shown}"),
        "prompts/get" => format!("Unknown prompt: {shown}"),
        "resources/read" | "resources/subscribe" | "resources/unsubscribe" => format!("Resource not found: {shown}"),
        "tasks/get" | "tasks/update" | "tasks/cancel" => format!("Unknown task: {shown}"),
        _ => format!("Unknown name: {shown}"),
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.word(), self.inside)
    }
}

impl std::error::Error for Fault {}

impl Side {
    /// The word used in logs and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Stage => "stage",
            Self::Server => "server",
            Self::House => "house",
        }
    }
}
