//! Servers that live in the tests, and calls to them.
#![allow(clippy::unwrap_used, dead_code, reason = "a test fails by panicking, and no test file uses everything")]

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use cardea_chain::{
    Call, CallId, Candidate, Client, Deadline, Directory, Duties, Endpoint, Event, Exchange, Fault, FaultKind, Health,
    ItemKind, Scratch, Side, Subject, Target, Upstream,
};
use cardea_message::{Id, Message, Method, Version, compose};
use cardea_registry::{Registry, Server};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream};
use http::HeaderMap;
use serde_json::{Value, json};

/// A server that offers what a test puts into it.
#[derive(Default)]
pub(crate) struct Fake {
    pub(crate) tools: Mutex<Vec<String>>,
    pub(crate) prompts: Vec<String>,
    /// URIs; with a `{` in it, a template.
    pub(crate) uris: Vec<&'static str>,
    pub(crate) instructions: Option<&'static str>,
    pub(crate) page_size: Option<usize>,
    pub(crate) lists_asked: AtomicUsize,
    pub(crate) sessions_ended: Mutex<Vec<String>>,
    pub(crate) seen: Mutex<Vec<Call>>,
    pub(crate) mood: Mood,
}

#[derive(Default, PartialEq)]
pub(crate) enum Mood {
    #[default]
    Well,
    Dead,
    Silent,
    Talkative,
}

impl Fake {
    pub(crate) fn with_tools(names: &[&str]) -> Self {
        let tools = names.iter().map(|name| format!(r#"{{ "title":"T", "name" : "{name}","n":1.0 }}"#)).collect();
        Self { tools: Mutex::new(tools), ..Self::default() }
    }

    fn page(&self, items: &[String], member: &str, call: &Call) -> String {
        self.lists_asked.fetch_add(1, Ordering::SeqCst);
        let params: Value = serde_json::from_slice(call.params()).unwrap();
        let start = params["cursor"].as_str().map_or(0, |cursor| cursor.parse().unwrap());
        let end = self.page_size.map_or(items.len(), |size| items.len().min(start + size));
        let next = if end < items.len() { format!(r#","nextCursor":"{end}""#) } else { String::new() };
        format!(r#"{{"{member}":[{}]{next}}}"#, items[start..end].join(","))
    }

    fn resources(&self, templates: bool) -> Vec<String> {
        let key = if templates { "uriTemplate" } else { "uri" };
        let wanted = self.uris.iter().filter(|uri| uri.contains('{') == templates);
        wanted.map(|uri| format!(r#"{{ "{key}" : "{uri}","name":"r" }}"#)).collect()
    }

    fn result(&self, call: &Call) -> String {
        match call.method.as_str() {
            "server/discover" => {
                let mut capabilities = json!({ "tools": {} });
                if !self.prompts.is_empty() {
                    capabilities["prompts"] = json!({});
                }
                if !self.uris.is_empty() {
                    capabilities["resources"] = json!({});
                    capabilities["completions"] = json!({});
                }
                json!({ "capabilities": capabilities, "instructions": self.instructions }).to_string()
            }
            "tools/list" => self.page(&self.tools.lock().unwrap(), "tools", call),
            "prompts/list" => self.page(&self.prompts, "prompts", call),
            "resources/list" => self.page(&self.resources(false), "resources", call),
            "resources/templates/list" => self.page(&self.resources(true), "resourceTemplates", call),
            _ => json!({ "params": serde_json::from_slice::<Value>(call.params()).unwrap() }).to_string(),
        }
    }
}

impl Upstream for Fake {
    fn open<'a>(&'a self, call: &'a Arc<Call>) -> BoxFuture<'a, Result<Exchange, Fault>> {
        async move {
            self.seen.lock().unwrap().push((**call).clone());
            let message = Message::parse(compose::result(&Id::number(1), self.result(call).as_bytes())).unwrap();
            let Message::Response(response) = message else { panic!("a result is a response") };
            match self.mood {
                Mood::Well => Ok(Exchange::Ended(response)),
                Mood::Dead => Err(Fault::new(Side::Server, FaultKind::Unreachable, "away", "connection refused")),
                Mood::Silent => pending().await,
                Mood::Talkative => Ok(Exchange::Open(stream::iter([Ok(Event::End(response))]).boxed())),
            }
        }
        .boxed()
    }

    fn health(&self) -> Health {
        match self.mood {
            Mood::Dead => Health::Down { inside: "connection refused".to_owned() },
            _ => Health::Up { era: "modern" },
        }
    }

    fn session_ended(&self, session: &str) {
        self.sessions_ended.lock().unwrap().push(session.to_owned());
    }
}

pub(crate) fn registry(servers: &[(&str, &Arc<Fake>)]) -> Registry {
    let server = |(name, fake): &(&str, &Arc<Fake>)| {
        let upstream: Arc<dyn Upstream> = Arc::<Fake>::clone(fake);
        let facts = Candidate::new(format!("{name}/0"), *name);
        Server { name: Arc::from(*name), endpoints: vec![Endpoint { facts, upstream }], call_timeout: None }
    };
    Registry::new(servers.iter().map(server).collect()).unwrap()
}

pub(crate) fn call(directory: &Arc<dyn Directory>, method: &str, params: Value) -> Arc<Call> {
    let name = params["name"].as_str().or(params["uri"].as_str()).map(Box::from);
    Arc::new(Call {
        id: CallId::new("test"),
        method: Method::parse(method),
        params: Some(params.to_string().into()),
        name,
        native_name: None,
        server: None,
        endpoint: "/mcp".into(),
        directory: Arc::clone(directory),
        client: Arc::new(Client {
            version: Version::LATEST,
            capabilities: "{}".into(),
            info: None,
            log_level: None,
            progress_token: Some("1".into()),
            session: None,
        }),
        subject: Arc::new(Subject { id: "alice".into(), ..Subject::default() }),
        headers: Arc::new(HeaderMap::new()),
        deadline: Deadline::new(Duration::from_secs(20), Duration::from_secs(20)),
        traceparent: None,
        received: std::time::SystemTime::now(),
        scratch: Scratch::default(),
        duties: Duties::default(),
    })
}

pub(crate) fn by(subject: &str, call: &Arc<Call>) -> Arc<Call> {
    let mut call = (**call).clone();
    Arc::make_mut(&mut call.subject).id = subject.to_owned();
    Arc::new(call)
}

pub(crate) async fn resolve(directory: &Arc<dyn Directory>, method: &str, params: Value) -> Result<Target, Fault> {
    directory.resolve(&call(directory, method, params)).await
}

/// What a directory answers itself.
pub(crate) async fn composed(directory: &Arc<dyn Directory>, call: &Arc<Call>) -> Bytes {
    let target = directory.resolve(call).await.unwrap();
    match target.endpoints[0].upstream.open(call).await.unwrap() {
        Exchange::Composed(result) => result,
        _ => panic!("the house composes its answers"),
    }
}

pub(crate) async fn names(directory: &Arc<dyn Directory>, call: &Arc<Call>) -> Vec<String> {
    let list: Value = serde_json::from_slice(&composed(directory, call).await).unwrap();
    let kind = ItemKind::of_method(&call.method).unwrap();
    list[kind.member()].as_array().unwrap().iter().map(|item| item[kind.key()].as_str().unwrap().to_owned()).collect()
}
