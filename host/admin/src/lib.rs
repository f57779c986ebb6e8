//! The operator's door: health, readiness and state of a gateway, on a listener of its own.
//!
//! `/livez` says that the process runs, `/readyz` whether it can serve, `/status` what it serves, `/v1/calls` what became of calls, `/metrics`
//! all of it in numbers. This crate knows nothing
//! of chains or servers: what it shows comes from a [`Status`]. It only reads; nothing can be changed through it.

mod bind;
mod guard;
mod look;
mod route;
mod settings;
mod status;

pub use bind::{BindError, Bound, bind};
pub use settings::Settings;
pub use status::{Readiness, ServerState, Status};
