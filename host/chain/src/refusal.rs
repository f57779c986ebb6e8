//! A stage's decision against a call.

use std::time::Duration;

/// A decision against the call. `reason` is for the operator; the rest reaches the client.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// What sort of refusal; the wording table maps it to status and code.
    pub kind: RefusalKind,
    /// One sentence for the client.
    pub message: String,
    /// One sentence for the operator.
    pub reason: String,
    /// Scopes that would have allowed the call.
    pub scopes: Vec<String>,
    /// JSON object for the error's `data`.
    pub data_json: Option<String>,
    /// HTTP response headers the stage asks for.
    pub headers: Vec<(String, String)>,
    /// When the same call may succeed.
    pub retry_after: Option<Duration>,
    /// JSON-RPC error or tool result.
    pub form: Form,
}

impl Refusal {
    /// A refusal with nothing but its kind and its two sentences.
    pub fn new(kind: RefusalKind, message: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            reason: reason.into(),
            scopes: Vec::new(),
            data_json: None,
            headers: Vec::new(),
            retry_after: None,
            form: Form::Error,
        }
    }
}

/// What sort of refusal it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// No valid credential.
    Unauthenticated,
    /// Known, and not allowed.
    Forbidden,
    /// Not allowed, and a wider scope would help.
    InsufficientScope,
    /// To be answered as a name that does not exist.
    Unknown,
    /// Too much in too short a time.
    Limited,
    /// The arguments are not acceptable.
    Invalid,
    /// Something the decision needs is down.
    Unavailable,
}

impl RefusalKind {
    /// The word used in logs and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::InsufficientScope => "insufficient-scope",
            Self::Unknown => "unknown",
            Self::Limited => "limited",
            Self::Invalid => "invalid",
            Self::Unavailable => "unavailable",
        }
    }
}

/// How a refusal of `tools/call` is worded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A JSON-RPC error.
    Error,
    /// A tool result with `isError: true`.
    ToolResult,
}
