//! One MCP message as Rust values: envelope, eras, methods, names, errors. No I/O, no clock, no async.
//!
//! A message is read once and never reshaped: [`Message`] knows the few members that decide, and everything else stays the
//! bytes it came as. What has to change is changed by span, through [`json`] and [`Splice`], so that a member this crate has
//! never heard of leaves the gateway exactly as it entered.

pub mod compose;
pub mod error;
pub mod header;
pub mod json;
pub mod mark;
pub mod message;
pub mod meta;
pub mod method;
pub mod name;
pub mod splice;
pub mod traceparent;
pub mod version;

mod envelope;
mod filter;
mod id;
mod parse_fault;

pub use error::ErrorObject;
pub use filter::Filter;
pub use header::{HeaderMismatch, Mirrored};
pub use id::{Id, IdFault};
pub use json::{EditFault, JsonFault, JsonFaultKind, Pointer, PointerFault};
pub use mark::Mark;
pub use message::{Message, Notification, Outcome, Request, Response};
pub use meta::{Envelope, EnvelopeFault, Meta, MetaEdit};
pub use method::{Membership, Method, NameField};
pub use name::{NameFault, ServerName};
pub use parse_fault::{ParseFault, Rule};
pub use splice::Splice;
pub use traceparent::{Traceparent, TraceparentFault};
pub use version::{Era, Version};
