//! The server behind the gateway: MCP of both eras with one tool that answers what it was told, and as little work as that takes.

use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::Outcome;
use crate::serve::{Answer, serve};

const MODERN: &str = "2026-07-28";
const LEGACY: &str = "2025-11-25";

/// Serves until the process is ended.
pub(crate) async fn echo() -> Outcome {
    serve(answer).await
}

/// Answers one POST; anything else is not allowed, as the modern protocol has it.
pub(crate) async fn answer(request: Request<Incoming>) -> Answer {
    if request.method() != Method::POST {
        return plain(StatusCode::METHOD_NOT_ALLOWED);
    }
    match request.into_body().collect().await {
        Ok(body) => reply(&body.to_bytes()),
        Err(_) => plain(StatusCode::BAD_REQUEST),
    }
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    method: &'a str,
    #[serde(borrow)]
    params: Option<Params<'a>>,
}

#[derive(Deserialize)]
struct Params<'a> {
    name: Option<&'a str>,
    #[serde(borrow)]
    arguments: Option<Arguments<'a>>,
}

#[derive(Deserialize)]
struct Arguments<'a> {
    #[serde(borrow)]
    text: Option<&'a RawValue>,
}

fn reply(body: &[u8]) -> Answer {
    let Ok(message) = serde_json::from_slice::<Message<'_>>(body) else {
        let error = json!({ "jsonrpc": "2.0", "id": null, "error": { "code": -32700, "message": "Parse error" } });
        return json_answer(StatusCode::BAD_REQUEST, error.to_string());
    };
    let Some(id) = message.id else {
        return plain(StatusCode::ACCEPTED);
    };
    match result(&message) {
        Ok(result) => json_answer(StatusCode::OK, format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#)),
        Err((status, error)) => json_answer(status, format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{error}}}"#)),
    }
}

fn result(message: &Message<'_>) -> Result<String, (StatusCode, Value)> {
    match message.method {
        "tools/call" => call(message.params.as_ref()),
        "tools/list" => Ok(tools().to_string()),
        "server/discover" => Ok(discovered().to_string()),
        "initialize" => Ok(initialized().to_string()),
        "ping" => Ok("{}".to_owned()),
        method => {
            let error = json!({ "code": -32601, "message": format!("Method not found: {method}") });
            Err((StatusCode::NOT_FOUND, error))
        }
    }
}

/// The one hot path: the text is carried over as it was written.
fn call(params: Option<&Params<'_>>) -> Result<String, (StatusCode, Value)> {
    let asked = params.filter(|params| params.name == Some("echo"));
    let text = asked.and_then(|params| params.arguments.as_ref()).and_then(|arguments| arguments.text);
    match text {
        Some(text) => Ok(format!(r#"{{"resultType":"complete","content":[{{"type":"text","text":{text}}}]}}"#)),
        None => Err((StatusCode::OK, json!({ "code": -32602, "message": "The one tool is echo{text}" }))),
    }
}

fn tools() -> Value {
    json!({
        "resultType": "complete",
        "ttlMs": 60_000,
        "cacheScope": "public",
        "tools": [{
            "name": "echo",
            "description": "Answers the text it is given.",
            "inputSchema": { "type": "object", "properties": { "text": { "type": "string" } }, "required": ["text"] },
            "annotations": { "readOnlyHint": true, "openWorldHint": false },
        }],
    })
}

fn discovered() -> Value {
    json!({
        "resultType": "complete",
        "supportedVersions": [MODERN],
        "capabilities": { "tools": {} },
        "ttlMs": 60_000,
        "cacheScope": "public",
        "_meta": { "io.modelcontextprotocol/serverInfo": server_info() },
    })
}

fn initialized() -> Value {
    json!({ "protocolVersion": LEGACY, "capabilities": { "tools": {} }, "serverInfo": server_info() })
}

fn server_info() -> Value {
    json!({ "name": "cardea-load-echo", "version": env!("CARGO_PKG_VERSION") })
}

fn json_answer(status: StatusCode, text: String) -> Answer {
    let mut answer = Answer::new(full(text.into()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    answer
}

fn plain(status: StatusCode) -> Answer {
    let mut answer = Answer::new(full(Bytes::new()));
    *answer.status_mut() = status;
    answer
}

fn full(bytes: Bytes) -> http_body_util::combinators::BoxBody<Bytes, hyper::Error> {
    Full::new(bytes).map_err(|never| match never {}).boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ask(body: &str) -> (StatusCode, Value) {
        let answer = reply(body.as_bytes());
        let status = answer.status();
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    #[tokio::test]
    async fn a_call_answers_its_own_text_and_id() {
        let (status, answer) = ask(
            r#"{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"name":"echo","arguments":{"text":"x \"y\""}}}"#,
        )
        .await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(answer["id"], "a");
        assert_eq!(answer["result"]["content"][0]["text"], "x \"y\"");
    }

    #[tokio::test]
    async fn both_eras_open_and_list() {
        let (_, discovered) = ask(r#"{"jsonrpc":"2.0","id":1,"method":"server/discover"}"#).await;
        assert_eq!(discovered["result"]["supportedVersions"], json!([MODERN]));
        let (_, initialized) = ask(r#"{"jsonrpc":"2.0","id":1,"method":"initialize"}"#).await;
        assert_eq!(initialized["result"]["protocolVersion"], LEGACY);
        let (status, _) = ask(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#).await;
        assert_eq!(status, StatusCode::ACCEPTED);
        let (_, listed) = ask(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#).await;
        assert_eq!(listed["result"]["tools"][0]["name"], "echo");
    }

    #[tokio::test]
    async fn what_is_wrong_is_an_error_of_the_protocol() {
        let (status, answer) = ask("{").await;
        assert_eq!((status, &answer["error"]["code"]), (StatusCode::BAD_REQUEST, &json!(-32700)));
        let (status, answer) = ask(r#"{"jsonrpc":"2.0","id":1,"method":"prompts/list"}"#).await;
        assert_eq!((status, &answer["error"]["code"]), (StatusCode::NOT_FOUND, &json!(-32601)));
        let (_, answer) = ask(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x"}}"#).await;
        assert_eq!(answer["error"]["code"], -32602);
    }
}
