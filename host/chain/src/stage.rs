//! What a stage is: a name, a role, and the hooks it implements.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;

use crate::{
    Call, CatalogVerdict, Cost, Credential, Definition, Effects, Listing, MessageVerdict, Passing, Refusal, Reply,
    Subject,
};

/// One stage of a chain. Every hook has a default that changes nothing; the corridor asks [`Stage::hooks`] first and
/// calls only what is there.
pub trait Stage: Send + Sync + 'static {
    /// Its name in the manifest.
    fn name(&self) -> &Arc<str>;

    /// What it is for; decides where it may stand and what it may touch.
    fn role(&self) -> Role;

    /// The hooks it implements.
    fn hooks(&self) -> Hooks;

    /// True if it holds the `journal` grant: then the chain writes a record per call.
    fn keeps_journal(&self) -> bool {
        false
    }

    /// Room 2: looks at a credential.
    fn authenticate<'a>(&'a self, _credential: &'a Arc<Credential>) -> HookFuture<'a, Finding> {
        ready(Finding::None)
    }

    /// Judges everything of one kind that one server offers, once a revision: one verdict a definition. There is no call in
    /// sight, because what is said holds for every caller.
    fn admit<'a>(&'a self, definitions: &'a Arc<Vec<Definition>>) -> HookFuture<'a, Vec<CatalogVerdict>> {
        ready(vec![CatalogVerdict::keep(); definitions.len()])
    }

    /// Lists: which of the items this subject may see, one bool an item.
    fn keep<'a>(&'a self, _call: &'a Arc<Call>, listing: &'a Arc<Listing>) -> HookFuture<'a, Vec<bool>> {
        ready(vec![true; listing.items.len()])
    }

    /// Room 5: judges a call.
    fn judge_call<'a>(&'a self, _call: &'a Arc<Call>) -> HookFuture<'a, CallVerdict> {
        ready(CallVerdict::Pass)
    }

    /// Room 5 again: judges a call whose arguments a condition has changed. Only the verdict counts, and nothing that outlasts
    /// the hook may be changed.
    fn judge_again<'a>(&'a self, call: &'a Arc<Call>) -> HookFuture<'a, CallVerdict> {
        self.judge_call(call)
    }

    /// Room 6: orders the endpoints.
    fn choose<'a>(&'a self, _call: &'a Arc<Call>, candidates: &'a [Candidate]) -> HookFuture<'a, Choice> {
        let order = candidates.iter().map(|candidate| candidate.id.clone()).collect();
        ready(Choice { order, ..Choice::default() })
    }

    /// Room 7: judges what passes before the end.
    fn judge_message<'a>(&'a self, _call: &'a Arc<Call>, _passing: &'a Arc<Passing>) -> HookFuture<'a, MessageVerdict> {
        ready(MessageVerdict::Pass)
    }

    /// Room 8: judges a reply.
    fn judge_reply<'a>(&'a self, _call: &'a Arc<Call>, _reply: &'a Arc<Reply>) -> HookFuture<'a, ReplyVerdict> {
        ready(ReplyVerdict::Pass)
    }
}

/// What a hook returns.
pub type HookFuture<'a, T> = BoxFuture<'a, HookResult<T>>;
/// What a hook returns once it has run.
pub type HookResult<T> = Result<Done<T>, HookFault>;

fn ready<'a, T: Send + 'a>(verdict: T) -> HookFuture<'a, T> {
    Box::pin(std::future::ready(Ok(Done { verdict, effects: Effects::default() })))
}

/// A hook that returned.
pub struct Done<T> {
    /// Its decision.
    pub verdict: T,
    /// What else it did; committed now that it has returned.
    pub effects: Effects,
}

impl<T> From<T> for Done<T> {
    fn from(verdict: T) -> Self {
        Self { verdict, effects: Effects::default() }
    }
}

/// A hook that did not return.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookFault {
    /// What stopped it.
    pub kind: HookFaultKind,
    /// For the operator.
    pub inside: String,
    /// What the hook took until then.
    pub cost: Cost,
}

impl HookFault {
    /// A hook that was stopped.
    pub fn new(kind: HookFaultKind, inside: impl Into<String>) -> Self {
        Self { kind, inside: inside.into(), cost: Cost::default() }
    }

    /// A hook whose answer makes no sense.
    pub fn bad_answer(inside: impl Into<String>) -> Self {
        Self::new(HookFaultKind::BadAnswer, inside)
    }
}

/// What stopped a hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookFaultKind {
    /// It trapped: panic, `unreachable`, out of bounds, out of memory.
    Trap,
    /// It used up its CPU budget.
    CpuBudget,
    /// It took too long by the clock.
    WallBudget,
    /// No instance came free in time.
    Busy,
    /// It returned something that makes no sense.
    BadAnswer,
    /// It did something that it has no grant for.
    Denied,
    /// It was not asked: it has failed too often of late.
    Suspended,
}

impl HookFaultKind {
    /// All kinds.
    pub const ALL: [Self; 7] =
        [Self::Trap, Self::CpuBudget, Self::WallBudget, Self::Busy, Self::BadAnswer, Self::Denied, Self::Suspended];

    /// The word used in logs and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trap => "trap",
            Self::CpuBudget => "cpu-budget",
            Self::WallBudget => "wall-budget",
            Self::Busy => "busy",
            Self::BadAnswer => "bad-answer",
            Self::Denied => "denied",
            Self::Suspended => "suspended",
        }
    }
}

/// What an authenticator found.
#[derive(Clone, Debug, PartialEq)]
pub enum Finding {
    /// Not its sort of credential.
    None,
    /// The caller.
    Subject(Box<Subject>),
    /// Its sort of credential, and not acceptable.
    Refuse(Refusal),
}

/// A verdict on a call.
#[derive(Clone, Debug, PartialEq)]
pub enum CallVerdict {
    /// Go on.
    Pass,
    /// This is the result, raw JSON.
    Answer(Bytes),
    /// Stop.
    Refuse(Refusal),
}

/// A verdict on a reply.
#[derive(Clone, Debug, PartialEq)]
pub enum ReplyVerdict {
    /// Deliver.
    Pass,
    /// Deliver this in its place.
    Refuse(Refusal),
}

/// An endpoint that could take a call.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Names it in a [`Choice`].
    pub id: String,
    /// The server.
    pub server: String,
    /// From the manifest.
    pub weight: u32,
    /// From the manifest.
    pub labels: Vec<(String, String)>,
    /// Calls under way.
    pub in_flight: u32,
    /// Moving average to the first byte, microseconds.
    pub latency_us: u64,
    /// What the health check says.
    pub healthy: bool,
}

impl Candidate {
    /// One of weight 1 without labels, idle and healthy.
    pub fn new(id: impl Into<String>, server: impl Into<String>) -> Self {
        let (id, server) = (id.into(), server.into());
        Self { id, server, weight: 1, labels: Vec::new(), in_flight: 0, latency_us: 0, healthy: true }
    }
}

/// Where to send a call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Choice {
    /// Candidate ids, best first.
    pub order: Vec<String>,
    /// Candidates that get a copy. Not acted on yet.
    pub mirrors: Vec<String>,
    /// When to ask the second as well. Not acted on yet.
    pub hedge_after_ms: Option<u64>,
    /// Affinity. Not acted on yet.
    pub sticky: Option<String>,
}

/// What a stage is for. The order of the cases is the order in which they must stand in a chain, as far as it matters:
/// shape before rights and limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Says who calls.
    Identity,
    /// Rewrites arguments.
    Shape,
    /// Says who may.
    Rights,
    /// Says how often.
    Limit,
    /// Looks at what passes, and may mask it.
    Content,
    /// Says where to.
    Route,
    /// Brings credentials for servers.
    Connect,
    /// Watches.
    Observe,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 8] = [
        Self::Identity,
        Self::Shape,
        Self::Rights,
        Self::Limit,
        Self::Content,
        Self::Route,
        Self::Connect,
        Self::Observe,
    ];

    /// The word of `plugin.toml`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Shape => "shape",
            Self::Rights => "rights",
            Self::Limit => "limit",
            Self::Content => "content",
            Self::Route => "route",
            Self::Connect => "connect",
            Self::Observe => "observe",
        }
    }

    /// The role of a word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }
}

/// A point of the corridor where a stage is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum Hook {
    /// `on-authenticate`
    Authenticate = 1,
    /// `on-catalog`
    Catalog = 1 << 1,
    /// `on-list`
    List = 1 << 2,
    /// `on-call`
    Call = 1 << 3,
    /// `on-route`
    Route = 1 << 4,
    /// `on-connect`
    Connect = 1 << 5,
    /// `on-message`
    Message = 1 << 6,
    /// `on-reply`
    Reply = 1 << 7,
    /// `on-record`
    Record = 1 << 8,
    /// `on-serve`
    Serve = 1 << 9,
}

impl Hook {
    /// All hooks, in the order a call meets them.
    pub const ALL: [Self; 10] = [
        Self::Authenticate,
        Self::Catalog,
        Self::List,
        Self::Call,
        Self::Route,
        Self::Connect,
        Self::Message,
        Self::Reply,
        Self::Record,
        Self::Serve,
    ];

    /// Name of the WIT interface.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Authenticate => "on-authenticate",
            Self::Catalog => "on-catalog",
            Self::List => "on-list",
            Self::Call => "on-call",
            Self::Route => "on-route",
            Self::Connect => "on-connect",
            Self::Message => "on-message",
            Self::Reply => "on-reply",
            Self::Record => "on-record",
            Self::Serve => "on-serve",
        }
    }
}

/// A set of hooks.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Hooks(u16);

impl Hooks {
    /// The set with one more.
    #[must_use]
    pub const fn with(self, hook: Hook) -> Self {
        Self(self.0 | hook as u16)
    }

    /// Whether a hook is in it.
    pub const fn has(self, hook: Hook) -> bool {
        self.0 & hook as u16 != 0
    }

    /// The hooks in it.
    pub fn iter(self) -> impl Iterator<Item = Hook> {
        Hook::ALL.into_iter().filter(move |hook| self.has(*hook))
    }
}

impl FromIterator<Hook> for Hooks {
    fn from_iter<I: IntoIterator<Item = Hook>>(hooks: I) -> Self {
        hooks.into_iter().fold(Self::default(), Self::with)
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Hook::as_str)).finish()
    }
}
