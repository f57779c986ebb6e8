//! The native house: a directory, a server and a stage that do by name what a test asks for.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use cardea_chain::{
    Ask, Call, CallVerdict, Candidate, Chain, Credential, Directory, Done, Endpoint, Event, Exchange, Fault, FaultKind,
    Finding, Health, Hook, HookFuture, Hooks, ItemKind, Matcher, OnError, Place, Placed, Record, Recorder, Refusal,
    RefusalKind, Role, Side, Stage, Subject, Target, Unrecorded, Upstream,
};
use cardea_listen::{Generation, Limits, Resource, Settings, bind};
use cardea_message::{ErrorObject, Id, Message, Method, Notification, Pointer, Response, compose, json};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream};
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::Conn;

/// A listener that runs.
pub(crate) struct House {
    pub(crate) address: SocketAddr,
    pub(crate) server: Arc<FakeServer>,
    pub(crate) journal: Arc<Journal>,
    pub(crate) generation: Arc<ArcSwap<Generation>>,
    pub(crate) shutdown: CancellationToken,
    served: JoinHandle<()>,
}

/// What happened at the server.
pub(crate) struct FakeServer {
    pub(crate) name: &'static str,
    /// Calls that came.
    pub(crate) calls: Mutex<Vec<Arc<Call>>>,
    /// Told when a call of `hang` begins.
    pub(crate) hanging: Notify,
    /// Told when a call of `hang` is dropped.
    pub(crate) dropped: Arc<Notify>,
    /// Lets calls of `wait` end.
    pub(crate) release: Semaphore,
    /// Sessions whose end was told.
    pub(crate) ended: Mutex<Vec<String>>,
    pub(crate) session_over: Notify,
}

/// Outcomes of calls, as a journal would keep them.
#[derive(Default)]
pub(crate) struct Journal {
    pub(crate) outcomes: Mutex<Vec<(String, &'static str)>>,
}

impl House {
    pub(crate) async fn start() -> Self {
        Self::with(Settings::default()).await
    }

    pub(crate) async fn with_limits(limits: Limits) -> Self {
        Self::with(Settings { limits, ..Settings::default() }).await
    }

    pub(crate) async fn with(settings: Settings) -> Self {
        let bound = bind("127.0.0.1:0").await.unwrap();
        let address = bound.address();
        let server = FakeServer::new("first");
        let journal = Arc::new(Journal::default());
        let generation = Arc::new(ArcSwap::from_pointee(generation(1, &server, &journal)));
        let shutdown = CancellationToken::new();
        let served = tokio::spawn(bound.serve(settings, Arc::clone(&generation), shutdown.clone()));
        Self { address, server, journal, generation, shutdown, served }
    }

    pub(crate) async fn connect(&self) -> Conn {
        Conn::open(self.address).await
    }

    /// Publishes a second generation with another server.
    pub(crate) fn publish(&self, number: u64, name: &'static str) -> Arc<FakeServer> {
        let server = FakeServer::new(name);
        self.generation.store(Arc::new(generation(number, &server, &self.journal)));
        server
    }

    /// Waits for the listener to end by itself.
    pub(crate) async fn ended(self) {
        timeout(Duration::from_secs(20), self.served).await.expect("the listener does not end").unwrap();
    }
}

fn generation(number: u64, server: &Arc<FakeServer>, journal: &Arc<Journal>) -> Generation {
    let stage =
        Placed { stage: Arc::new(Doorman("doorman".into())), matcher: Matcher::default(), on_error: OnError::Refuse };
    let recorder: Arc<dyn Recorder> = Arc::<Journal>::clone(journal);
    let directory: Arc<dyn Directory> = Arc::new(OneServer(Arc::clone(server)));
    let paths = ["/mcp", "/servers/x/mcp"];
    Generation {
        number,
        chain: Arc::new(Chain::new(vec![stage], number, recorder)),
        endpoints: HashMap::from(paths.map(|path| (Arc::from(path), Arc::clone(&directory)))),
        resources: HashMap::from([(Arc::from("/servers/x/mcp"), declared())]),
        retired: CancellationToken::new(),
    }
}

/// What the doorman declares of one of the endpoints.
fn declared() -> Resource {
    let issuer = "https://id.example".to_owned();
    Resource { authorization_servers: vec![issuer], scopes: vec!["mcp:tools".to_owned()], ..Resource::default() }
}

// ---- The server ----------------------------------------------------------------------------------------------------

impl FakeServer {
    fn new(name: &'static str) -> Arc<Self> {
        Arc::new(Self {
            name,
            calls: Mutex::default(),
            hanging: Notify::new(),
            dropped: Arc::default(),
            release: Semaphore::new(0),
            ended: Mutex::default(),
            session_over: Notify::new(),
        })
    }

    pub(crate) fn last(&self) -> Arc<Call> {
        Arc::clone(self.calls.lock().unwrap().last().unwrap())
    }

    /// What servers call the session of the last call. Clients know it by its ticket alone.
    pub(crate) fn last_session(&self) -> String {
        self.last().client.session.as_deref().unwrap().to_owned()
    }

    fn said(&self) -> Response {
        let result =
            serde_json::json!({ "resultType": "complete", "content": [{ "type": "text", "text": self.name }] });
        response(compose::result(&Id::number(900), result.to_string().as_bytes()))
    }

    async fn act(self: Arc<Self>, name: &str) -> Result<Exchange, Fault> {
        let end = Event::End(self.said());
        match name {
            "stream" => Ok(events(stream::iter([progress(1), progress(2), Ok(end)]))),
            "hang" => {
                let guard = Dropped(Arc::clone(&self.dropped));
                self.hanging.notify_one();
                Ok(events(stream::once(async move {
                    let _guard = guard;
                    std::future::pending().await
                })))
            }
            "flood" => {
                let guard = Dropped(Arc::clone(&self.dropped));
                Ok(events(stream::unfold((0, guard), |(step, guard)| async move {
                    Some((progress(step), (step + 1, guard)))
                })))
            }
            "huge" => {
                let text = format!("\"{}\"", "x".repeat(64 << 20));
                Ok(Exchange::Ended(response(compose::result(&Id::number(900), text.as_bytes()))))
            }
            "wait-streaming" => {
                let last = async move {
                    self.release.acquire().await.unwrap().forget();
                    Ok(end)
                };
                Ok(events(stream::iter([progress(1)]).chain(stream::once(last))))
            }
            "wait" => {
                self.hanging.notify_one();
                self.release.acquire().await.unwrap().forget();
                Ok(Exchange::Ended(self.said()))
            }
            "ask" => {
                let (ask, answered) = Ask::new(Method::ROOTS_LIST, None);
                let end = async move {
                    let said = match answered.await {
                        Ok(Ok(result)) => String::from_utf8_lossy(&result).into_owned(),
                        Ok(Err(error)) => error.message,
                        Err(_) => "refused".to_owned(),
                    };
                    let result = serde_json::json!({ "said": said }).to_string();
                    Ok(Event::End(response(compose::result(&Id::number(900), result.as_bytes()))))
                };
                Ok(events(stream::iter([Ok(Event::Ask(ask))]).chain(stream::once(end))))
            }
            "rpc-error" => {
                let error = ErrorObject::new(cardea_message::error::MISSING_CAPABILITY, "sampling is needed");
                Ok(Exchange::Ended(response(compose::error(Some(&Id::number(900)), &error))))
            }
            "dead" => Err(Fault::new(Side::Server, FaultKind::Unreachable, "The server is not reachable", "10.0.0.7")),
            _ => Ok(Exchange::Ended(self.said())),
        }
    }
}

impl FakeServer {
    /// A subscription the server knows by an id of its own, and how it goes on.
    fn subscribe(self: Arc<Self>, then: String) -> impl futures_util::Stream<Item = Result<Event, Fault>> + Send {
        const META: &str = r#""_meta":{"io.modelcontextprotocol/subscriptionId":900}"#;
        let say = |method: &str, params: &str| Ok(Event::Notification(notification(method, params)));
        let honoured = format!(r#"{{"notifications":{{"toolsListChanged":true}},{META}}}"#);
        let acknowledged = say("notifications/subscriptions/acknowledged", &honoured);
        let changed = say("notifications/tools/list_changed", &format!("{{{META}}}"));
        let end = || {
            let result = format!(r#"{{"resultType":"complete",{META}}}"#);
            Ok(Event::End(response(compose::result(&Id::number(900), result.as_bytes()))))
        };
        let guard = Dropped(Arc::clone(&self.dropped));
        let rest = async move {
            let _guard = guard;
            match then.as_str() {
                "end" => vec![changed, end()],
                "wait" => {
                    self.release.acquire().await.unwrap().forget();
                    vec![end()]
                }
                "dead" => vec![Err(Fault::new(Side::Server, FaultKind::Unreachable, "The server is gone", "10.0.0.7"))],
                _ => std::future::pending().await,
            }
        };
        stream::once(std::future::ready(acknowledged)).chain(stream::once(rest).flat_map(stream::iter))
    }
}

struct Dropped(Arc<Notify>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

struct Handle(Arc<FakeServer>);

impl Upstream for Handle {
    fn open<'a>(&'a self, call: &'a Arc<Call>) -> BoxFuture<'a, Result<Exchange, Fault>> {
        self.0.calls.lock().unwrap().push(Arc::clone(call));
        if call.method == Method::SERVER_DISCOVER {
            let discovered = serde_json::json!({
                "supportedVersions": ["2026-07-28"], "resultType": "complete", "ttlMs": 0, "cacheScope": "private",
                "capabilities": { "tools": { "listChanged": true }, "logging": {} }, "instructions": "be kind",
                "_meta": { "io.modelcontextprotocol/serverInfo": { "name": self.0.name, "version": "1" } },
            });
            return std::future::ready(Ok(Exchange::Composed(discovered.to_string().into()))).boxed();
        }
        if call.method == Method::SUBSCRIPTIONS_LISTEN {
            let then = json::find_str(call.params(), &Pointer::parse("/notifications/then").unwrap()).unwrap();
            let subscription = Arc::clone(&self.0).subscribe(then);
            return std::future::ready(Ok(events(subscription))).boxed();
        }
        let name = call.native_name.as_deref().unwrap_or_default().to_owned();
        let server = Arc::clone(&self.0);
        async move { server.act(&name).await }.boxed()
    }

    fn health(&self) -> Health {
        Health::Unknown
    }
}

struct OneServer(Arc<FakeServer>);

impl Directory for OneServer {
    fn resolve<'a>(&'a self, call: &'a Arc<Call>) -> BoxFuture<'a, Result<Target, Fault>> {
        if call.name.as_deref() == Some("no-such-tool") {
            return std::future::ready(Err(Fault::unknown_name(&call.method, "no-such-tool"))).boxed();
        }
        if call.method.as_str() == "no/such-method" {
            return std::future::ready(Err(Fault::unknown_method(&call.method))).boxed();
        }
        let facts = Candidate::new("x#1", "x");
        let endpoint = Endpoint { facts, upstream: Arc::new(Handle(Arc::clone(&self.0))) };
        let target = Target {
            server: Some("x".into()),
            native_name: call.name.clone(),
            params: None,
            endpoints: Arc::new([endpoint]),
            call_timeout: None,
        };
        std::future::ready(Ok(target)).boxed()
    }

    fn place(&self, _call: &Call, _kind: ItemKind, _id: &str) -> Option<Place> {
        None
    }

    fn definition(&self, _call: &Call, _kind: ItemKind, id: &str) -> Option<Bytes> {
        let region = serde_json::json!({ "type": "string", "x-mcp-header": "Region" });
        let schema = serde_json::json!({ "type": "object", "properties": { "region": region } });
        (id == "marked").then(|| serde_json::json!({ "name": id, "inputSchema": schema }).to_string().into())
    }

    fn session_ended(&self, session: &str) {
        self.0.ended.lock().unwrap().push(session.to_owned());
        self.0.session_over.notify_one();
    }
}

fn response(bytes: Bytes) -> Response {
    match Message::parse_reply(bytes).unwrap() {
        Message::Response(response) => response,
        other => panic!("{other:?}"),
    }
}

fn progress(step: u32) -> Result<Event, Fault> {
    let params = serde_json::json!({ "progressToken": "p", "progress": step }).to_string();
    Ok(Event::Notification(notification("notifications/progress", &params)))
}

fn notification(method: &str, params: &str) -> Notification {
    match Message::parse(compose::notification(method, Some(params.as_bytes()))).unwrap() {
        Message::Notification(notification) => notification,
        other => panic!("{other:?}"),
    }
}

fn events(events: impl futures_util::Stream<Item = Result<Event, Fault>> + Send + 'static) -> Exchange {
    Exchange::Open(events.boxed())
}

// ---- The stage -----------------------------------------------------------------------------------------------------

/// Names the subject after the bearer token, and refuses tools by their names.
struct Doorman(Arc<str>);

impl Stage for Doorman {
    fn name(&self) -> &Arc<str> {
        &self.0
    }

    fn role(&self) -> Role {
        Role::Identity
    }

    fn hooks(&self) -> Hooks {
        Hooks::default().with(Hook::Authenticate).with(Hook::Call)
    }

    fn keeps_journal(&self) -> bool {
        true
    }

    fn authenticate<'a>(&'a self, credential: &'a Arc<Credential>) -> HookFuture<'a, Finding> {
        let given = credential.headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
        let finding = match given.as_deref().map(|value| value.trim_start_matches("Bearer ")) {
            Some("expired") => {
                Finding::Refuse(Refusal::new(RefusalKind::Unauthenticated, "The token has expired", "expired at noon"))
            }
            name => {
                Finding::Subject(Box::new(Subject { id: name.unwrap_or("anonymous").into(), ..Subject::default() }))
            }
        };
        std::future::ready(Ok(Done::from(finding))).boxed()
    }

    fn judge_call<'a>(&'a self, call: &'a Arc<Call>) -> HookFuture<'a, CallVerdict> {
        let refuse = |kind| {
            let mut refusal = Refusal::new(kind, "no", "a rule of the house");
            refusal.retry_after = (kind == RefusalKind::Limited).then_some(Duration::from_secs(7));
            CallVerdict::Refuse(refusal)
        };
        let verdict = match call.native_name.as_deref() {
            Some("forbidden") => refuse(RefusalKind::Forbidden),
            Some("limited") => refuse(RefusalKind::Limited),
            _ => CallVerdict::Pass,
        };
        std::future::ready(Ok(Done::from(verdict))).boxed()
    }
}

impl Recorder for Journal {
    fn record(&self, record: Box<Record>) -> BoxFuture<'_, Result<(), Unrecorded>> {
        self.record_now(record);
        std::future::ready(Ok(())).boxed()
    }

    fn record_now(&self, record: Box<Record>) {
        self.outcomes.lock().unwrap().push((record.method, record.outcome));
    }
}
