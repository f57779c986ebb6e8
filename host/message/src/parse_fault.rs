//! Why a body is no message, in words for whoever sent it.

use std::{error, fmt};

use crate::{Id, IdFault, JsonFault, error as code};

/// Why a body is no JSON-RPC message of MCP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParseFault {
    /// It is not JSON, or JSON that two parsers could read differently.
    Json {
        /// What is wrong, and where.
        fault: JsonFault,
        /// The id, if it could be read all the same.
        id: Option<Id>,
    },
    /// It is an array. Only 2025-03-26 knows batches; split them with [`elements`](crate::json::elements).
    Batch,
    /// It is JSON, and not shaped as a message.
    Shape {
        /// Which rule it breaks.
        rule: Rule,
        /// The id, if it could be read all the same.
        id: Option<Id>,
    },
}

/// The rules about the shape of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rule {
    /// A message is an object.
    #[error("a message must be a JSON object")]
    Object,
    /// `jsonrpc` is `"2.0"`.
    #[error("`jsonrpc` must be \"2.0\"")]
    Version,
    /// `id` is a string or an integer.
    #[error(transparent)]
    Id(#[from] IdFault),
    /// A response to a request carries the request's id.
    #[error("a response with a `result` must carry an `id`")]
    ResultWithoutId,
    /// A notification carries none.
    #[error("a notification must not carry an `id`")]
    NotificationWithId,
    /// `method` is a string.
    #[error("`method` must be a string")]
    Method,
    /// `params` is an object.
    #[error("`params` must be an object")]
    Params,
    /// A message is a request, a notification or a response.
    #[error("a message must have a `method`, a `result` or an `error`")]
    Kind,
    /// … and only one of them.
    #[error("a message must have only one of `method`, `result` and `error`")]
    Ambiguous,
    /// `error` is an object.
    #[error("`error` must be an object")]
    Error,
}

impl ParseFault {
    /// The JSON-RPC error code.
    pub fn code(&self) -> i64 {
        match self {
            Self::Json { .. } => code::PARSE,
            Self::Batch | Self::Shape { .. } => code::INVALID_REQUEST,
        }
    }

    /// The JSON-RPC error message. It never repeats what was sent.
    pub fn message(&self) -> String {
        match self {
            Self::Json { fault, .. } => format!("Parse error: {fault}"),
            Self::Batch => "Invalid request: a body is one message, not a batch".to_owned(),
            Self::Shape { rule, .. } => format!("Invalid request: {rule}"),
        }
    }

    /// The id of the message, if it could be read.
    pub fn id(&self) -> Option<&Id> {
        match self {
            Self::Json { id, .. } | Self::Shape { id, .. } => id.as_ref(),
            Self::Batch => None,
        }
    }
}

impl fmt::Display for ParseFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message())
    }
}

impl error::Error for ParseFault {}
