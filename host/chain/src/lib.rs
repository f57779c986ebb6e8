//! The corridor every call walks: what a stage, a server and a directory are, and the one function that brings a
//! [`Call`] from a client to a server and its [`Reply`] back.
//!
//! This crate knows neither HTTP servers nor wasm. `plugin` implements [`Stage`], `dial` implements [`Upstream`],
//! `registry` implements [`Directory`], `listen` calls [`Chain::authenticate`] and [`Chain::walk`]; the tests here use
//! native fakes for all of them.

mod admission;
mod ask;
mod call;
mod chain;
mod cost;
mod effects;
mod exchange;
mod fault;
mod intent;
mod list;
mod listener;
mod matching;
mod obligation;
mod passing;
mod record;
mod redaction;
mod refusal;
mod reply;
mod stage;
mod step;
mod subject;
mod trace;
mod under_way;
mod upstream;
mod walk;
mod wording;

pub use admission::{CatalogVerdict, Decision, Definition, DefinitionEdit, Offered};
pub use ask::{Answered, Ask};
pub use call::{Call, CallId, Client, Deadline};
pub use chain::{Admission, Chain, OnError, Placed};
pub use cost::{Cost, HostCalls, Import, Origination};
pub use effects::{Document, Effects, Include, Scratch, Treatment};
pub use exchange::{Answerer, Event, Exchange, Outlet};
pub use fault::{Fault, FaultKind, Side};
pub use intent::Intent;
pub use list::{Hints, Item, ItemKind, Listing};
pub use listener::{ClientSession, Listener};
pub use matching::Matcher;
pub use obligation::{Condition, Duties, Duty};
pub use passing::{MessageVerdict, Passing, PassingKind};
pub use record::{Entry, Record, Recorder, Unrecorded};
pub use refusal::{Form, Refusal, RefusalKind};
pub use reply::{Answer, Origin, Reply};
pub use stage::{
    CallVerdict, Candidate, Choice, Done, Finding, Hook, HookFault, HookFaultKind, HookFuture, HookResult, Hooks,
    ReplyVerdict, Role, Stage,
};
pub use step::Step;
pub use subject::{Credential, Peer, Subject};
pub use trace::{End, Observer, Trace};
pub use upstream::{Directory, Endpoint, Health, Load, Place, Target, Upstream};
pub use wording::{Wording, code};
