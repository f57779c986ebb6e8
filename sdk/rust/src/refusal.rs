//! Refusals, built a word at a time: `Refusal::forbidden("…").reason("…")`.

use crate::{HostError, Refusal, RefusalForm, RefusalKind};

impl Refusal {
    /// A refusal of a kind, with one sentence for the client.
    pub fn new(kind: RefusalKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            reason: String::new(),
            scopes: Vec::new(),
            data_json: None,
            headers: Vec::new(),
            retry_after_ms: None,
            form: RefusalForm::Error,
            ext_json: None,
        }
    }

    /// No valid credential.
    pub fn unauthenticated(message: impl Into<String>) -> Self {
        Self::new(RefusalKind::Unauthenticated, message)
    }

    /// The subject may not do this.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(RefusalKind::Forbidden, message)
    }

    /// The subject may not do this, and these scopes would help.
    pub fn insufficient_scope<S: Into<String>>(
        message: impl Into<String>,
        scopes: impl IntoIterator<Item = S>,
    ) -> Self {
        Self {
            scopes: scopes.into_iter().map(Into::into).collect(),
            ..Self::new(RefusalKind::InsufficientScope, message)
        }
    }

    /// Answers exactly as for a name that does not exist. The client gets the gateway's own words, so there is only a
    /// reason for the operator.
    pub fn unknown(reason: impl Into<String>) -> Self {
        Self::new(RefusalKind::Unknown, "").reason(reason)
    }

    /// Too much in too short a time.
    pub fn limited(message: impl Into<String>) -> Self {
        Self::new(RefusalKind::Limited, message)
    }

    /// The arguments are not acceptable.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(RefusalKind::Invalid, message)
    }

    /// Something the decision needs is down.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(RefusalKind::Unavailable, message)
    }

    /// One sentence for the operator: which rule, and why. It never reaches the client.
    #[must_use]
    pub fn reason(self, reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), ..self }
    }

    /// Milliseconds after which the same call may succeed.
    #[must_use]
    pub fn retry_after_ms(self, ms: u64) -> Self {
        Self { retry_after_ms: Some(ms), ..self }
    }

    /// One more HTTP response header; the gateway keeps those on its allow-list.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// A JSON object for the error's `data`.
    #[must_use]
    pub fn data(self, data: &serde_json::Map<String, serde_json::Value>) -> Self {
        Self { data_json: serde_json::to_string(data).ok(), ..self }
    }

    /// Words a refused `tools/call` as a tool result, which a model reads as text.
    #[must_use]
    pub fn as_tool_result(self) -> Self {
        Self { form: RefusalForm::ToolResult, ..self }
    }
}

impl HostError {
    /// The name of the case, as in `wit/`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Denied(_) => "denied",
            Self::NotFound => "not-found",
            Self::Timeout => "timeout",
            Self::TooLarge => "too-large",
            Self::Busy => "busy",
            Self::Invalid(_) => "invalid",
            Self::Unavailable(_) => "unavailable",
            Self::Other(_) => "other",
        }
    }
}
