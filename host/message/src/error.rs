//! JSON-RPC errors and the codes MCP gives them.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The body is not JSON.
pub const PARSE: i64 = -32700;
/// The body is JSON, and no JSON-RPC message.
pub const INVALID_REQUEST: i64 = -32600;
/// Nobody here knows the method.
pub const METHOD_NOT_FOUND: i64 = -32601;
/// `params` are wrong: a missing member, an unknown tool, a bad cursor.
pub const INVALID_PARAMS: i64 = -32602;
/// Something broke inside.
pub const INTERNAL: i64 = -32603;
/// HTTP headers and body say different things (2026-07-28).
pub const HEADER_MISMATCH: i64 = -32020;
/// The client did not declare a capability the request needs (2026-07-28).
pub const MISSING_CAPABILITY: i64 = -32021;
/// The request names a version that is not spoken here (2026-07-28).
pub const UNSUPPORTED_VERSION: i64 = -32022;
/// There is no such resource (legacy; 2026-07-28 says [`INVALID_PARAMS`]).
pub const RESOURCE_NOT_FOUND_LEGACY: i64 = -32002;

/// The `error` member of a response.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ErrorObject {
    /// What kind of error it is.
    pub code: i64,
    /// One sentence for people.
    pub message: String,
    /// More about it, as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Box<RawValue>>,
}

impl ErrorObject {
    /// An error without data.
    pub fn new(code: i64, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), data: None }
    }

    /// Adds data.
    #[must_use]
    pub fn with_data(self, data: Box<RawValue>) -> Self {
        Self { data: Some(data), ..self }
    }

    /// Reads the `error` member of a response. Members JSON-RPC does not know are passed over.
    pub fn parse(json: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(json)
    }

    /// The error as JSON text.
    pub fn to_json(&self) -> Bytes {
        let mut text =
            format!(r#"{{"code":{},"message":{}"#, self.code, serde_json::Value::from(self.message.as_str()));
        if let Some(data) = &self.data {
            text.push_str(r#","data":"#);
            text.push_str(data.get());
        }
        text.push('}');
        text.into()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn an_error_keeps_its_data_as_it_was() {
        let text = r#"{"code":-32602,"message":"no \"x\"","data":{"b":1.0,"a":[ 1]}}"#;
        let error = ErrorObject::parse(text.as_bytes()).unwrap();
        assert_eq!((error.code, error.message.as_str()), (INVALID_PARAMS, "no \"x\""));
        assert_eq!(error.to_json(), text);
        assert_eq!(ErrorObject::new(INTERNAL, "broken").to_json(), r#"{"code":-32603,"message":"broken"}"#);
    }

    #[test]
    fn what_is_no_error_is_refused() {
        for text in ["{}", "[]", r#"{"code":"x","message":""}"#, r#"{"code":1}"#, r#"{"code":1,"code":1,"message":""}"#]
        {
            assert!(ErrorObject::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
