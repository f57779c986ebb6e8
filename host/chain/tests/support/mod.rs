//! Native fakes: a stage that says what it is told and writes down what it saw, a server that answers, a recorder that keeps.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "shared by test files, each of which uses what it needs"
)]

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use cardea_chain::*;
use cardea_message::{Message, Method, Response, Version};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::mpsc;

pub type Diary = Arc<Mutex<Vec<String>>>;

type OnCall = dyn Fn(&Call) -> HookResult<CallVerdict> + Send + Sync;
type OnReply = dyn Fn(&Call, &Reply) -> HookResult<ReplyVerdict> + Send + Sync;

pub struct FakeStage {
    pub name: Arc<str>,
    pub role: Role,
    pub hooks: Hooks,
    pub diary: Diary,
    pub call: Box<OnCall>,
    pub reply: Box<OnReply>,
    pub keep: Box<dyn Fn(&Item) -> bool + Send + Sync>,
    pub journal: bool,
}

impl FakeStage {
    pub fn new(name: &str, diary: &Diary) -> Self {
        Self {
            name: name.into(),
            role: Role::Rights,
            hooks: [Hook::Call, Hook::Reply].into_iter().collect(),
            diary: Arc::clone(diary),
            call: Box::new(|_| Ok(CallVerdict::Pass.into())),
            reply: Box::new(|_, _| Ok(ReplyVerdict::Pass.into())),
            keep: Box::new(|_| true),
            journal: false,
        }
    }

    pub fn calls(mut self, call: impl Fn(&Call) -> HookResult<CallVerdict> + Send + Sync + 'static) -> Self {
        self.call = Box::new(call);
        self
    }

    pub fn replies(
        mut self,
        reply: impl Fn(&Call, &Reply) -> HookResult<ReplyVerdict> + Send + Sync + 'static,
    ) -> Self {
        self.reply = Box::new(reply);
        self
    }

    pub fn keeps(mut self, keep: impl Fn(&Item) -> bool + Send + Sync + 'static) -> Self {
        self.hooks = self.hooks.with(Hook::List);
        self.keep = Box::new(keep);
        self
    }

    pub fn role(mut self, role: Role) -> Self {
        self.role = role;
        self
    }

    pub fn journal(mut self) -> Self {
        self.journal = true;
        self
    }

    pub fn placed(self) -> Placed {
        Placed { stage: Arc::new(self), matcher: Matcher::default(), on_error: OnError::Refuse }
    }
}

impl Stage for FakeStage {
    fn name(&self) -> &Arc<str> {
        &self.name
    }
    fn role(&self) -> Role {
        self.role
    }
    fn hooks(&self) -> Hooks {
        self.hooks
    }
    fn keeps_journal(&self) -> bool {
        self.journal
    }
    fn judge_call<'a>(&'a self, call: &'a Arc<Call>) -> HookFuture<'a, CallVerdict> {
        self.diary.lock().unwrap().push(format!("{}.call", self.name));
        Box::pin(std::future::ready((self.call)(call)))
    }
    fn judge_reply<'a>(&'a self, call: &'a Arc<Call>, reply: &'a Arc<Reply>) -> HookFuture<'a, ReplyVerdict> {
        self.diary.lock().unwrap().push(format!("{}.reply", self.name));
        Box::pin(std::future::ready((self.reply)(call, reply)))
    }
    fn keep<'a>(&'a self, _call: &'a Arc<Call>, listing: &'a Arc<Listing>) -> HookFuture<'a, Vec<bool>> {
        self.diary.lock().unwrap().push(format!("{}.keep({})", self.name, listing.items.len()));
        let verdict: Vec<bool> = listing.items.iter().map(|item| (self.keep)(item)).collect();
        Box::pin(std::future::ready(Ok(verdict.into())))
    }
}

/// A server that answers every call with the same message, and a directory that knows only it.
pub struct FakeServer {
    pub answer: String,
    pub hang: bool,
    pub diary: Diary,
}

impl Upstream for FakeServer {
    fn open<'a>(&'a self, call: &'a Arc<Call>) -> BoxFuture<'a, Result<Exchange, Fault>> {
        self.diary.lock().unwrap().push(format!("server {}", String::from_utf8_lossy(call.params())));
        if self.hang {
            return Box::pin(std::future::pending());
        }
        let response = response(&self.answer);
        Box::pin(std::future::ready(Ok(Exchange::Ended(response))))
    }
    fn health(&self) -> Health {
        Health::Unknown
    }
}

pub struct FakeDirectory(pub Arc<FakeServer>);

impl Directory for FakeDirectory {
    fn resolve<'a>(&'a self, call: &'a Arc<Call>) -> BoxFuture<'a, Result<Target, Fault>> {
        let found = match call.name.as_deref() {
            Some("nowhere") => Err(Fault::unknown_name(&call.method, "nowhere")),
            name => Ok(Target {
                server: Some("files".into()),
                native_name: name.map(Into::into),
                params: None,
                endpoints: Arc::from([Endpoint {
                    facts: Candidate::new("files", "files"),
                    upstream: Arc::clone(&self.0) as Arc<dyn Upstream>,
                }]),
                call_timeout: None,
            }),
        };
        Box::pin(std::future::ready(found))
    }
    fn place(&self, _call: &Call, _kind: ItemKind, id: &str) -> Option<Place> {
        Some(Place { server: "files".into(), native: id.to_owned() })
    }
    fn definition(&self, _call: &Call, _kind: ItemKind, _id: &str) -> Option<Bytes> {
        None
    }
}

/// What a server says, in the order in which it says it.
pub type Said = mpsc::UnboundedReceiver<Result<Event, Fault>>;

/// A server that says what a test says, to whoever opens an exchange first.
pub struct Speaker(Mutex<Option<Said>>);

impl Upstream for Speaker {
    fn open<'a>(&'a self, _call: &'a Arc<Call>) -> BoxFuture<'a, Result<Exchange, Fault>> {
        let said = self.0.lock().unwrap().take().unwrap();
        let events = futures_util::stream::unfold(said, |mut said| async { Some((said.recv().await?, said)) });
        std::future::ready(Ok(Exchange::Open(events.boxed()))).boxed()
    }
    fn health(&self) -> Health {
        Health::Unknown
    }
}

/// A directory that knows only a speaker.
pub struct Only(Arc<Speaker>);

impl Only {
    pub fn says(said: Said) -> Self {
        Self(Arc::new(Speaker(Mutex::new(Some(said)))))
    }
}

impl Directory for Only {
    fn resolve<'a>(&'a self, _call: &'a Arc<Call>) -> BoxFuture<'a, Result<Target, Fault>> {
        let upstream: Arc<dyn Upstream> = Arc::<Speaker>::clone(&self.0);
        let endpoints = Arc::from([Endpoint { facts: Candidate::new("files", "files"), upstream }]);
        let target = Target { server: None, native_name: None, params: None, endpoints, call_timeout: None };
        std::future::ready(Ok(target)).boxed()
    }
    fn place(&self, _call: &Call, _kind: ItemKind, _id: &str) -> Option<Place> {
        None
    }
    fn definition(&self, _call: &Call, _kind: ItemKind, _id: &str) -> Option<Bytes> {
        None
    }
}

#[derive(Default)]
pub struct Kept(pub Mutex<Vec<Record>>);

impl Recorder for Kept {
    fn record(&self, record: Box<Record>) -> BoxFuture<'_, Result<(), Unrecorded>> {
        self.record_now(record);
        Box::pin(std::future::ready(Ok(())))
    }
    fn record_now(&self, record: Box<Record>) {
        self.0.lock().unwrap().push(*record);
    }
}

pub fn response(text: &str) -> Response {
    match Message::parse_reply(Bytes::copy_from_slice(text.as_bytes())) {
        Ok(Message::Response(response)) => response,
        other => panic!("not a response: {other:?}"),
    }
}

pub fn call(method: Method, params: &str, name: Option<&str>, server: &Arc<FakeServer>) -> Arc<Call> {
    Arc::new(Call {
        id: CallId::new("call-1"),
        method,
        params: Some(Bytes::copy_from_slice(params.as_bytes())),
        name: name.map(Into::into),
        native_name: None,
        server: None,
        endpoint: "/mcp".into(),
        directory: Arc::new(FakeDirectory(Arc::clone(server))),
        client: Arc::new(Client {
            version: Version::LATEST,
            capabilities: Bytes::from_static(b"{}"),
            info: None,
            log_level: None,
            progress_token: None,
            session: None,
        }),
        subject: Arc::new(Subject { id: "ann".into(), ..Subject::default() }),
        headers: Arc::default(),
        deadline: Deadline::new(Duration::from_secs(5), Duration::from_secs(50)),
        traceparent: None,
        received: SystemTime::UNIX_EPOCH,
        scratch: Scratch::default(),
        duties: Duties::default(),
    })
}
