//! One JSON-RPC message as the fake server reads and writes it. Values that are compared byte for byte stay raw.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// What came in.
#[derive(Deserialize)]
pub(crate) struct Message {
    pub(crate) id: Option<Box<RawValue>>,
    pub(crate) method: Option<String>,
    params: Option<Box<RawValue>>,
    result: Option<Box<RawValue>>,
    error: Option<Box<RawValue>>,
}

/// The version of `_meta` that makes a message a modern one.
pub(crate) const MODERN: &str = "2026-07-28";
pub(crate) const LEGACY: &str = "2025-11-25";
pub(crate) const VERSION_KEY: &str = "io.modelcontextprotocol/protocolVersion";

impl Message {
    /// Reads a line or a body.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|error| format!("no JSON-RPC message: {error}"))
    }

    /// The params, `null` without any.
    pub(crate) fn params(&self) -> Value {
        self.params.as_ref().and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or(Value::Null)
    }

    /// The arguments of a call, exactly as they were written.
    pub(crate) fn arguments(&self) -> Box<RawValue> {
        #[derive(Deserialize)]
        struct Params {
            arguments: Option<Box<RawValue>>,
        }
        let params = self.params.as_ref().and_then(|raw| serde_json::from_str::<Params>(raw.get()).ok());
        params.and_then(|params| params.arguments).unwrap_or_else(|| RawValue::NULL.to_owned())
    }

    /// True if its `_meta` claims the modern protocol.
    pub(crate) fn is_modern(&self) -> bool {
        self.params()["_meta"][VERSION_KEY] == MODERN
    }

    /// The answer to something the server asked, as one JSON object: `{"result": …}` or `{"error": …}`.
    pub(crate) fn into_answer(self) -> Option<String> {
        match (self.result, self.error) {
            (Some(result), _) => Some(format!(r#"{{"result":{result}}}"#)),
            (None, Some(error)) => Some(format!(r#"{{"error":{error}}}"#)),
            (None, None) => None,
        }
    }
}

/// Why a request gets no result.
#[derive(Debug)]
pub(crate) struct Trouble {
    pub(crate) code: i64,
    message: String,
    data: Option<Value>,
}

impl Trouble {
    pub(crate) fn new(code: i64, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), data: None }
    }

    pub(crate) fn with_data(self, data: Value) -> Self {
        Self { data: Some(data), ..self }
    }
}

/// A response as it goes over the wire: oddly spaced and with a member nobody knows, so that whoever takes it apart and puts it
/// together again is found out.
pub(crate) fn response(id: &RawValue, outcome: &Result<String, Trouble>) -> String {
    match outcome {
        Ok(result) => format!(r#"{{ "jsonrpc":"2.0" ,"id": {id},"x-odd" : 1.0, "result" : {result} }}"#),
        Err(trouble) => {
            let mut error = serde_json::json!({ "code": trouble.code, "message": trouble.message });
            if let Some(data) = &trouble.data {
                error["data"] = data.clone();
            }
            format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{error}}}"#)
        }
    }
}

/// A notification as it goes over the wire.
pub(crate) fn notification(method: &str, params: &Value) -> String {
    format!(r#"{{"jsonrpc":"2.0","method":"{method}","params":{params}}}"#)
}
