//! Calls to make, and how to wait for what becomes of them.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    reason = "shared by several test binaries, none of which uses all of it"
)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

pub mod fake_http;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cardea_chain::{
    Ask, Call, CallId, Client, ClientSession, Deadline, Directory, Duties, Event, Exchange, Fault, ItemKind, Listener,
    Place, Scratch, Subject, Target, Upstream,
};
use cardea_message::{Method, Notification, Version};
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use http::HeaderMap;
use serde_json::{Value, json};

/// A directory nobody asks.
struct Nowhere;

impl Directory for Nowhere {
    fn resolve<'a>(&'a self, call: &'a Arc<Call>) -> BoxFuture<'a, Result<Target, Fault>> {
        Box::pin(async { Err(Fault::unknown_method(&call.method)) })
    }

    fn place(&self, _: &Call, _: ItemKind, _: &str) -> Option<Place> {
        None
    }

    fn definition(&self, _: &Call, _: ItemKind, _: &str) -> Option<Bytes> {
        None
    }
}

/// A modern client's call. Its params carry what a modern client's would.
pub fn modern(method: &str, mut params: Value) -> Call {
    params["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!("2026-07-28");
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
    call(method, Some(params), Version::V2026_07_28)
}

/// A legacy client's call.
pub fn legacy(method: &str, params: Value) -> Call {
    call(method, Some(params), Version::V2025_11_25)
}

/// A legacy client's call within its session.
pub fn legacy_in(session: &str, method: &str, params: Value) -> Call {
    let mut call = legacy(method, params);
    Arc::make_mut(&mut call.client).session = Some(session.into());
    call
}

/// A client's session that can be told things outside calls.
pub struct Ear {
    said: tokio::sync::mpsc::UnboundedSender<Value>,
}

impl Listener for Ear {
    fn hear(&self, notification: &Notification) {
        let _ = self.said.send(serde_json::from_slice(notification.bytes()).unwrap());
    }
}

/// A legacy client's session, and what it is told outside calls.
pub fn listening(session: &str) -> (ClientSession, tokio::sync::mpsc::UnboundedReceiver<Value>) {
    let (said, heard) = tokio::sync::mpsc::unbounded_channel();
    (ClientSession::new(session.into(), Arc::new(Ear { said })), heard)
}

/// A legacy client's call within such a session.
pub fn legacy_of(session: &ClientSession, method: &str, params: Value) -> Call {
    let mut call = legacy(method, params);
    Arc::make_mut(&mut call.client).session = Some(session.clone());
    call
}

/// The same call by a client that declared what it can be asked.
pub fn able(mut call: Call, capabilities: Value) -> Call {
    Arc::make_mut(&mut call.client).capabilities = capabilities.to_string().into();
    call
}

/// A call of a tool, by a modern client.
pub fn tool(name: &str, arguments: Value) -> Call {
    modern("tools/call", json!({ "name": name, "arguments": arguments }))
}

fn call(method: &str, params: Option<Value>, version: Version) -> Call {
    let name = params.as_ref().and_then(|params| params["name"].as_str().or(params["uri"].as_str()).map(Box::from));
    Call {
        id: CallId::new("test"),
        method: Method::parse(method),
        params: params.map(|params| params.to_string().into()),
        native_name: name.clone(),
        name,
        server: Some("fake".into()),
        endpoint: "/mcp".into(),
        directory: Arc::new(Nowhere),
        client: Arc::new(Client {
            version,
            capabilities: "{}".into(),
            info: None,
            log_level: None,
            progress_token: None,
            session: None,
        }),
        subject: Arc::new(Subject { id: "alice".into(), ..Subject::default() }),
        headers: Arc::new(HeaderMap::new()),
        deadline: Deadline::new(Duration::from_secs(20), Duration::from_secs(20)),
        traceparent: None,
        received: std::time::SystemTime::now(),
        scratch: Scratch::default(),
        duties: Duties::default(),
    }
}

/// What a call came to.
#[derive(Debug)]
pub struct Told {
    /// Notifications on the way.
    pub notifications: Vec<Value>,
    /// Asks on the way.
    pub asks: Vec<Value>,
    /// The whole last message, or the result the house composed.
    pub end: Bytes,
}

impl Told {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.end).unwrap()
    }

    pub fn result(&self) -> Value {
        self.json()["result"].clone()
    }

    /// The text of a tool's result.
    pub fn text(&self) -> String {
        self.result()["content"][0]["text"].as_str().unwrap_or_else(|| panic!("no text in {self:?}")).to_owned()
    }
}

/// Makes a call and reads it to its end. Nobody answers what is asked on the way.
pub async fn ask(upstream: &dyn Upstream, call: Call) -> Result<Told, Fault> {
    answering(upstream, call, drop).await
}

/// Makes a call and reads it to its end, with somebody who deals with what is asked on the way.
pub async fn answering(upstream: &dyn Upstream, call: Call, mut person: impl FnMut(Ask)) -> Result<Told, Fault> {
    let call = Arc::new(call);
    within(async {
        let mut told = Told { notifications: Vec::new(), asks: Vec::new(), end: Bytes::new() };
        let mut events = match upstream.open(&call).await? {
            Exchange::Ended(response) => return Ok(Told { end: response.bytes().clone(), ..told }),
            Exchange::Composed(end) => return Ok(Told { end, ..told }),
            Exchange::Open(events) => events,
        };
        loop {
            match events.next().await.expect("an exchange ends with an end")? {
                Event::Notification(said) => told.notifications.push(serde_json::from_slice(said.bytes()).unwrap()),
                Event::Ask(ask) => {
                    told.asks.push(serde_json::from_slice(&ask.message()).unwrap());
                    person(ask);
                }
                Event::End(response) => return Ok(Told { end: response.bytes().clone(), ..told }),
            }
        }
    })
    .await
}

/// The same, when nothing may fail.
pub async fn told(upstream: &dyn Upstream, call: Call) -> Told {
    ask(upstream, call).await.unwrap()
}

/// Waits, but not for ever.
pub async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), work).await.expect("it did not happen in time")
}

/// Waits until a condition holds that nothing announces.
pub async fn until(mut holds: impl FnMut() -> bool) {
    within(async {
        while !holds() {
            tokio::task::yield_now().await;
            std::thread::yield_now();
        }
    })
    .await;
}
