//! The tools: one for each thing a gateway can be shown, good or bad.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::diary::Diary;
use crate::message::{Message, Trouble};
use crate::peer::Peer;

/// Their names and descriptions, in the order they are listed.
pub(crate) const ALL: [(&str, &str); 12] = [
    ("echo", "Answers its arguments, as they were written."),
    ("fail", "Answers an error of its own."),
    ("progress", "Tells `steps` times how far it is, then answers."),
    ("wait", "Answers once the file `for` is there; without one, never."),
    ("crash", "Ends the process."),
    ("garbage", "Says something that is no message."),
    ("big", "Answers `bytes` letters."),
    ("whoami", "Tells what came in beside the arguments."),
    ("unicode", "Answers text from all over."),
    ("ask", "Asks the client for `method` and answers what came back."),
    ("log", "Tells the client `level` and `text`, then answers."),
    ("tell", "Tells the client the notification `method` with `params`, then answers."),
];

/// A call of a tool.
pub(crate) struct ToolCall<'c> {
    pub(crate) message: &'c Message,
    pub(crate) params: Value,
    pub(crate) modern: bool,
    /// The params of the client's `initialize`, if there was one.
    pub(crate) greeting: Value,
    pub(crate) peer: &'c Peer,
    pub(crate) diary: &'c Diary,
}

impl ToolCall<'_> {
    /// Runs the tool; the result comes as JSON text.
    pub(crate) async fn run(&self) -> Result<String, Trouble> {
        let name = self.params["name"].as_str().unwrap_or_default();
        let arguments = &self.params["arguments"];
        match name {
            "echo" => Ok(self.echo()),
            "fail" => Ok(self.text_result("it did not work", true)),
            "progress" => Ok(self.progress(arguments["steps"].as_u64().unwrap_or(3))),
            "wait" => Ok(self.wait(arguments["for"].as_str()).await),
            "crash" => {
                self.diary.note("crash");
                std::process::exit(3)
            }
            "garbage" => {
                self.peer.say("Listening on port 8080... (this is no message)");
                Ok(self.text_result("said it", false))
            }
            "big" => Ok(self.text_result(&"x".repeat(arguments["bytes"].as_u64().unwrap_or(0) as usize), false)),
            "whoami" => Ok(self.whoami()),
            "unicode" => Ok(self.text_result("Zażółć gęślą jaźń, 日本語, 👩‍👩‍👧‍👦, \u{202e}\u{0}\"\\/", false)),
            "ask" => Ok(self.ask(arguments["method"].as_str().unwrap_or("roots/list")).await),
            "log" => {
                self.peer.notify(
                    "notifications/message",
                    &json!({ "level": arguments["level"], "data": arguments["text"] }),
                );
                Ok(self.text_result("told", false))
            }
            "tell" => {
                self.peer.notify(arguments["method"].as_str().unwrap_or_default(), &arguments["params"]);
                Ok(self.text_result("told", false))
            }
            _ => Err(Trouble::new(-32602, format!("Unknown tool: {name}"))),
        }
    }

    /// Oddly spaced and with members nobody knows: what reaches the client must have every one of these bytes.
    fn echo(&self) -> String {
        let arguments = self.message.arguments();
        let text = Value::from(arguments.get());
        let kind = if self.modern { r#""resultType" :"complete","# } else { "" };
        format!(
            r#"{{ {kind}"content": [ {{"type" :"text","text":{text} }} ], "structuredContent" :{arguments} , "x-odd":{{"b":1.0,"a":[ 1 ,2e0]}} }}"#
        )
    }

    fn progress(&self, steps: u64) -> String {
        if let Some(token) = self.params["_meta"].get("progressToken") {
            for step in 1..=steps {
                let params = json!({ "progressToken": token, "progress": step, "total": steps });
                self.peer.notify("notifications/progress", &params);
            }
        }
        self.text_result(&format!("{steps} steps"), false)
    }

    async fn wait(&self, file: Option<&str>) -> String {
        self.diary.note("waiting");
        // The file is the condition; nothing tells of it, so it is looked at.
        while !file.is_some_and(|file| Path::new(file).exists()) {
            sleep(Duration::from_millis(5)).await;
        }
        self.text_result("the wait is over", false)
    }

    fn whoami(&self) -> String {
        let variables: serde_json::Map<String, Value> = std::env::vars().map(|(name, _)| (name, true.into())).collect();
        let seen = json!({
            "meta": self.params.get("_meta"),
            "headers": self.peer.headers,
            "initialize": self.greeting,
            "environment": variables,
        });
        self.result(json!({ "content": [], "structuredContent": seen }))
    }

    async fn ask(&self, method: &str) -> String {
        if self.modern {
            return json!({ "resultType": "input_required", "inputRequests": { "first": { "method": method, "params": {} } } })
                .to_string();
        }
        let answer = self.peer.ask(method).await;
        let answer: Value = serde_json::from_str(&answer).unwrap_or_default();
        self.result(json!({ "content": [], "structuredContent": answer }))
    }

    fn text_result(&self, text: &str, is_error: bool) -> String {
        let mut result = json!({ "content": [{ "type": "text", "text": text }] });
        if is_error {
            result["isError"] = true.into();
        }
        self.result(result)
    }

    fn result(&self, mut result: Value) -> String {
        if self.modern {
            result["resultType"] = "complete".into();
        }
        result.to_string()
    }
}
