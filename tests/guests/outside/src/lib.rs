//! A guest that does what the call's arguments tell it to do with everything that needs a grant. A test says what it asks for
//! in a `plugin.toml` of its own around this one.

use cardea_sdk::http::{self, Request, Response};
use cardea_sdk::prelude::*;
use cardea_sdk::secret;
use serde_json::{Value, json};

/// Holds nothing.
pub struct Outside;

#[cardea_sdk::plugin]
impl Plugin for Outside {
    type Config = Value;

    fn new(_config: Value) -> Result<Self, String> {
        Ok(Self)
    }

    fn on_call(&self) -> CallVerdict {
        let answer = match run(&text("do")) {
            Ok(Value::Null) => return CallVerdict::Pass,
            Ok(answer) => answer,
            Err(error) => json!({ "error": error.name() }),
        };
        CallVerdict::Answer(answer.to_string())
    }
}

/// What comes of a command; nothing is `pass`.
fn run(command: &str) -> Result<Value, HostError> {
    match command {
        "send" => http::send(&request()).map(told),
        "send-many" => {
            let many = vec![request(); number("many")];
            let answers = http::send_many(&many).into_iter().map(|answer| answer.map_or_else(failed, told));
            Ok(json!({ "answers": answers.collect::<Vec<_>>() }))
        }
        "hmac" => secret::hmac_sha256(&text("name"), text("data").as_bytes()).map(|mac| json!({ "mac": mac })),
        "reveal" => secret::reveal(&text("name")).map(|bytes| json!({ "secret": String::from_utf8_lossy(&bytes) })),
        "count" => kv::add("n", 1, None).map(|sum| json!({ "sum": sum })),
        "keep" => kv::put(&text("key"), text("value").as_bytes(), None).map(|()| json!({})),
        "read" => Ok(json!({
            "value": call::get(&text("pointer")),
            "texts": call::texts(0).leaves.into_iter().map(|leaf| leaf.pointer).collect::<Vec<_>>(),
            "header": call::header("x-team"),
        })),
        // What the host says to it is not listened to: only the host decides what comes of an edit.
        "set" => {
            let _ = call::set(&text("pointer"), "1");
            Ok(Value::Null)
        }
        "remove" => {
            let _ = call::remove(&text("pointer"));
            Ok(Value::Null)
        }
        _ => Ok(Value::Null),
    }
}

fn request() -> Request {
    let header = |name: String| (name, text("value").into_bytes());
    Request {
        method: call::text("/arguments/method").unwrap_or_else(|| "GET".to_owned()),
        url: text("url"),
        headers: call::text("/arguments/header").map(header).into_iter().collect(),
        body: text("body").into_bytes(),
        timeout_ms: u32::try_from(number("timeout")).unwrap_or(u32::MAX),
    }
}

fn told(response: Response) -> Value {
    json!({ "status": response.status, "body": String::from_utf8_lossy(&response.body) })
}

fn failed(error: HostError) -> Value {
    json!({ "error": error.name() })
}

fn text(name: &str) -> String {
    call::text(&format!("/arguments/{name}")).unwrap_or_default()
}

fn number(name: &str) -> usize {
    call::get(&format!("/arguments/{name}")).and_then(|json| json.parse().ok()).unwrap_or(0)
}
