//! What the fake server answers to each method, in each protocol.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use tokio::task::{AbortHandle, JoinHandle};

use crate::diary::Diary;
use crate::listeners::Listeners;
use crate::message::{LEGACY, MODERN, Message, Trouble};
use crate::options::{Eras, Options};
use crate::peer::{Asks, Peer};
use crate::tools::ToolCall;
use crate::{offers, tasks};

/// The server behind every transport.
pub(crate) struct Server {
    pub(crate) options: Options,
    pub(crate) diary: Diary,
    pub(crate) asks: Arc<Asks>,
    listeners: Listeners,
    running: Mutex<HashMap<String, AbortHandle>>,
    greeting: Mutex<Value>,
}

impl Server {
    pub(crate) fn new(options: Options) -> Self {
        Self {
            diary: Diary::new(options.diary.clone()),
            options,
            asks: Arc::default(),
            listeners: Listeners::default(),
            running: Mutex::default(),
            greeting: Mutex::default(),
        }
    }

    /// Answers a request: its result as JSON text, or why there is none.
    pub(crate) async fn answer(&self, message: &Message, peer: &Peer) -> Result<String, Trouble> {
        let method = message.method.as_deref().unwrap_or_default();
        let modern = message.is_modern();
        self.speaks(method, modern)?;
        let params = message.params();
        if let Some((key, all)) = offers::list(method, &self.options) {
            let (items, next) = offers::page(&all, &params["cursor"], self.options.pages)?;
            let mut result = json!({ key: items });
            if let Some(next) = next {
                result["nextCursor"] = next.into();
            }
            return Ok(cacheable(result, modern).to_string());
        }
        match (method, modern) {
            ("initialize", false) => {
                *self.greeting.lock().unwrap_or_else(PoisonError::into_inner) = params;
                Ok(self.initialized().to_string())
            }
            ("ping" | "logging/setLevel", false) => Ok("{}".to_owned()),
            ("resources/subscribe" | "resources/unsubscribe", false) => {
                self.diary.note(&format!("{method} {}", params["uri"].as_str().unwrap_or_default()));
                Ok("{}".to_owned())
            }
            ("server/discover", true) => Ok(cacheable(self.discovered(), true).to_string()),
            ("subscriptions/listen", true) => {
                let listened = self.listeners.listen(message, peer, || self.diary.note("listening"));
                Ok(listened.await.to_string())
            }
            ("fake/change", _) => {
                self.listeners.tell(params["what"].as_str().unwrap_or_default());
                Ok(complete(json!({}), modern).to_string())
            }
            ("tasks/get" | "tasks/update" | "tasks/cancel", true) => Ok(tasks::answer(method, &params)?.to_string()),
            ("prompts/get", _) => Ok(complete(offers::prompt(&params)?, modern).to_string()),
            ("resources/read", _) => {
                Ok(cacheable(offers::resource(&params, modern, &self.options)?, modern).to_string())
            }
            ("completion/complete", _) => Ok(complete(offers::completion(&self.options), modern).to_string()),
            ("tools/call", _) => self.call(message, params, modern, peer).await,
            _ => Err(Trouble::new(-32601, format!("Method not found: {method}"))),
        }
    }

    /// Takes a notification.
    pub(crate) fn notified(&self, message: &Message) {
        let method = message.method.as_deref().unwrap_or_default();
        if method == "notifications/roots/list_changed" {
            self.diary.note("roots changed");
        }
        if method != "notifications/cancelled" {
            return;
        }
        let id = message.params()["requestId"].to_string();
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        if let Some(running) = running {
            running.abort();
            self.diary.note("cancelled by notification");
        }
    }

    /// Starts a request and remembers it, so that it can be cancelled; in one step, lest it end before it is remembered.
    pub(crate) fn start<T>(&self, id: &str, spawn: impl FnOnce() -> JoinHandle<T>) -> JoinHandle<T> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let task = spawn();
        running.insert(id.to_owned(), task.abort_handle());
        task
    }

    /// Forgets a request that has ended.
    pub(crate) fn ended(&self, id: &str) {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }

    fn speaks(&self, method: &str, modern: bool) -> Result<(), Trouble> {
        match (self.options.era, modern) {
            (Eras::Modern, false) => Err(Trouble::new(-32022, "Unsupported protocol version")
                .with_data(json!({ "supported": [MODERN], "requested": LEGACY }))),
            (Eras::Legacy, true) => Err(Trouble::new(-32601, format!("Method not found: {method}"))),
            _ => Ok(()),
        }
    }

    async fn call(&self, message: &Message, params: Value, modern: bool, peer: &Peer) -> Result<String, Trouble> {
        let name = params["name"].as_str().unwrap_or_default();
        self.diary.note(&format!("called {name}"));
        if !self.options.tools.is_empty() && !self.options.tools.iter().any(|tool| tool == name) {
            return Err(Trouble::new(-32602, format!("Unknown tool: {name}")));
        }
        if modern && name == tasks::TOOL {
            return Ok(tasks::created(&params)?.to_string());
        }
        let greeting = self.greeting.lock().unwrap_or_else(PoisonError::into_inner).clone();
        ToolCall { message, params, modern, greeting, peer, diary: &self.diary }.run().await
    }

    fn initialized(&self) -> Value {
        json!({ "protocolVersion": LEGACY, "capabilities": capabilities(), "serverInfo": self.info() })
    }

    fn discovered(&self) -> Value {
        let versions = if self.options.era == Eras::Modern { vec![MODERN] } else { vec![MODERN, LEGACY] };
        json!({
            "supportedVersions": versions,
            "capabilities": with_tasks(capabilities()),
            "_meta": { "io.modelcontextprotocol/serverInfo": self.info() },
        })
    }

    fn info(&self) -> Value {
        json!({ "name": self.options.name, "version": "1" })
    }
}

fn capabilities() -> Value {
    json!({ "tools": { "listChanged": true }, "prompts": {}, "resources": { "subscribe": true }, "logging": {} })
}

fn with_tasks(mut capabilities: Value) -> Value {
    capabilities["extensions"] = json!({ tasks::EXTENSION: {} });
    capabilities
}

fn complete(mut result: Value, modern: bool) -> Value {
    if modern {
        result["resultType"] = "complete".into();
    }
    result
}

fn cacheable(result: Value, modern: bool) -> Value {
    let mut result = complete(result, modern);
    if modern {
        result["ttlMs"] = 0.into();
        result["cacheScope"] = "private".into();
    }
    result
}
