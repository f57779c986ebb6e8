//! Write Cardea plugins in Rust: one trait, one macro.
//!
//! ```ignore
//! use cardea_sdk::prelude::*;
//!
//! #[derive(Deserialize)]
//! #[serde(deny_unknown_fields, rename_all = "kebab-case")]
//! struct Config { greeting: String }
//!
//! struct Greeter { greeting: String }
//!
//! #[cardea_sdk::plugin]
//! impl Plugin for Greeter {
//!     type Config = Config;
//!     fn new(config: Config) -> Result<Self, String> {
//!         Ok(Self { greeting: config.greeting })
//!     }
//!     fn on_call(&self) -> CallVerdict {
//!         match call::text("/arguments/name") {
//!             Some(name) if name.is_empty() => Refusal::invalid("A name is needed.").into(),
//!             _ => CallVerdict::Pass,
//!         }
//!     }
//! }
//! ```
//!
//! The component exports `lifecycle` and the hooks that the block defines, here `on-call`; it imports what it uses
//! and nothing else, so a plugin that never asks the limiter needs no grant for it. Modules carry the names of
//! `wit/`: [`call`], [`reply`], [`subject`], [`kv`] and so on.
//!
//! Away from wasm, with the feature `testing`, the same calls go to a scripted host: see `testing`.

#![allow(
    clippy::result_large_err,
    reason = "refusals cross the component boundary by value; boxing them would help nobody"
)]

#[cfg(not(all(feature = "testing", not(target_arch = "wasm32"))))]
use bindings::base::cardea::plugin as host;
#[cfg(all(feature = "testing", not(target_arch = "wasm32")))]
use testing::host;

pub mod bindings;
mod component;
mod glob;
mod hook;
mod plugin;
mod refusal;
mod verdict;

pub mod log;
#[cfg(all(feature = "testing", not(target_arch = "wasm32")))]
pub mod testing;

pub use cardea_sdk_macros::plugin;
pub use component::{Component, Described};
pub use glob::Glob;
pub use hook::Hook;
pub use plugin::Plugin;

pub use bindings::admits::exports::cardea::plugin::on_catalog::{Admission, Decision, Definition, Edit};
pub use bindings::authenticates::exports::cardea::plugin::on_authenticate::Finding;
pub use bindings::base::cardea::plugin::types::{
    HostError, Item, ItemHints, ItemKind, Refusal, RefusalForm, RefusalKind, Subject, TextLeaf, TextPage,
};
pub use bindings::connects::exports::cardea::plugin::on_connect::{ConnectReason, Credentials, HeaderTemplate};
pub use bindings::judges_calls::exports::cardea::plugin::on_call::CallVerdict;
pub use bindings::judges_messages::exports::cardea::plugin::on_message::{MessageKind, MessageVerdict};
pub use bindings::judges_replies::exports::cardea::plugin::on_reply::ReplyVerdict;
pub use bindings::records::exports::cardea::plugin::on_record::Entry;
pub use bindings::routes::exports::cardea::plugin::on_route::{Candidate, Choice};
pub use host::{
    call, catalog, clock, config, credential, http, invoke, jose, journal, kv, limiter, metric, obligation, reply,
    scratch, secret, subject,
};

/// What nearly every plugin names.
pub mod prelude {
    pub use crate::{
        CallVerdict, Candidate, Choice, Entry, Finding, Glob, HostError, Item, ItemHints, ItemKind, MessageKind,
        MessageVerdict, Plugin, Refusal, RefusalForm, RefusalKind, ReplyVerdict, Subject,
    };
    pub use crate::{
        call, catalog, clock, config, credential, jose, journal, kv, limiter, log, metric, obligation, reply, scratch,
        subject,
    };
    pub use serde::Deserialize;
}
