//! Calls, and a server that answers each at once.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use cardea_chain::{
    Call, CallId, Candidate, Client, Deadline, Directory, Duties, Endpoint, Exchange, Fault, Health, ItemKind, Place,
    Scratch, Subject, Target, Upstream,
};
use cardea_message::{Message, Method, Response, Version};
use futures_util::future::{BoxFuture, ready};

/// A `tools/call` whose arguments are about so many bytes.
pub fn call(bytes: usize) -> Arc<Call> {
    of_path("/etc/motd", bytes)
}

/// The same of another path.
pub fn of_path(path: &str, bytes: usize) -> Arc<Call> {
    let filling = "lorem ipsum ".repeat(bytes / 12 + 1);
    let params = format!(r#"{{"name":"read","arguments":{{"path":"{path}","text":"{}"}}}}"#, &filling[..bytes]);
    Arc::new(Call {
        id: CallId::new("measured"),
        method: Method::TOOLS_CALL,
        params: Some(params.into()),
        name: Some("read".into()),
        native_name: Some("read".into()),
        server: Some("files".into()),
        endpoint: "/mcp".into(),
        directory: Arc::new(OneServer),
        client: Arc::new(Client {
            version: Version::LATEST,
            capabilities: Bytes::from_static(b"{}"),
            info: None,
            log_level: None,
            progress_token: None,
            session: None,
        }),
        subject: Arc::new(Subject {
            issuer: "keys".into(),
            id: "ann".into(),
            roles: vec!["reader".into()],
            ..Subject::default()
        }),
        headers: Arc::default(),
        deadline: Deadline::new(Duration::from_secs(3600), Duration::from_secs(3600)),
        traceparent: None,
        received: SystemTime::now(),
        scratch: Scratch::default(),
        duties: Duties::default(),
    })
}

/// A directory of one server.
struct OneServer;

impl Directory for OneServer {
    fn resolve<'a>(&'a self, _: &'a Arc<Call>) -> BoxFuture<'a, Result<Target, Fault>> {
        let endpoint = Endpoint { facts: Candidate::new("files", "files"), upstream: Arc::new(AtOnce) };
        let target = Target {
            server: Some("files".into()),
            native_name: Some("read".into()),
            params: None,
            endpoints: Arc::from([endpoint]),
            call_timeout: None,
        };
        Box::pin(ready(Ok(target)))
    }

    fn place(&self, _: &Call, _: ItemKind, _: &str) -> Option<Place> {
        None
    }

    fn definition(&self, _: &Call, _: ItemKind, _: &str) -> Option<Bytes> {
        None
    }
}

/// A server that answers at once.
struct AtOnce;

impl Upstream for AtOnce {
    fn open<'a>(&'a self, _: &'a Arc<Call>) -> BoxFuture<'a, Result<Exchange, Fault>> {
        Box::pin(ready(answer().map(Exchange::Ended).ok_or_else(|| Fault::deadline("the measured server"))))
    }

    fn health(&self) -> Health {
        Health::Unknown
    }
}

fn answer() -> Option<Response> {
    let text = Bytes::from_static(br#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#);
    match Message::parse_reply(text) {
        Ok(Message::Response(response)) => Some(response),
        _ => None,
    }
}
