//! The operator's door: health, readiness and state of a gateway, on a listener of its own.
//!
//! `/livez` says that the process runs, `/readyz` whether it can serve, `/status` what it serves, `/v1/calls` what became of
//! calls, `/metrics` all of it in numbers; `/v1/generations` shows what serves and served, `/v1/reload` and `/v1/rollback` change
//! it. This crate knows nothing of chains or servers: what it shows comes from a [`Status`], what it does is done by an
//! [`Operator`]. [`ask`] is the other side of the door.

mod bind;
mod client;
mod guard;
mod look;
mod operate;
mod operator;
mod route;
mod settings;
mod status;

pub use bind::{BindError, Bound, bind};
pub use client::ask;
pub use operator::{Operator, Ran};
pub use settings::Settings;
pub use status::{Readiness, ServerState, Status};
