//! The call that load is made of: a modern `tools/call` of `echo`, with a text that no other call has.

use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::Full;

const VERSION: &str = "2026-07-28";

/// One call, and the text its answer must hold.
pub(crate) struct Question {
    /// The text to be echoed.
    pub(crate) nonce: String,
    body: Bytes,
}

/// The call with this number.
pub(crate) fn number(number: u64) -> Question {
    let nonce = format!("nonce-{number:016x}");
    let body = format!(
        concat!(
            r#"{{"jsonrpc":"2.0","id":{},"method":"tools/call","params":{{"name":"echo","arguments":{{"text":"{}"}},"#,
            r#""_meta":{{"io.modelcontextprotocol/protocolVersion":"{}","io.modelcontextprotocol/clientCapabilities":{{}},"#,
            r#""io.modelcontextprotocol/clientInfo":{{"name":"cardea-load","version":"1"}}}}}}}}"#
        ),
        number, nonce, VERSION
    );
    Question { nonce, body: body.into() }
}

impl Question {
    /// The call as an HTTP request to this URL.
    pub(crate) fn request(&self, url: &Uri) -> http::Result<Request<Full<Bytes>>> {
        Request::post(url.path())
            .header("host", url.authority().map_or("", |authority| authority.as_str()))
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", VERSION)
            .header("mcp-method", "tools/call")
            .header("mcp-name", "echo")
            .body(Full::new(self.body.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_json_and_holds_its_nonce() {
        let question = number(255);
        let body: serde_json::Value = serde_json::from_slice(&question.body).unwrap();
        assert_eq!(body["params"]["arguments"]["text"], question.nonce.as_str());
        assert_eq!(body["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"], VERSION);
        assert_ne!(number(1).nonce, number(2).nonce);
    }
}
