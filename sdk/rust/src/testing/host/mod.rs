//! The imports of `wit/` for a plugin that runs natively: the signatures wit-bindgen makes, answered by the case that
//! runs.
//!
//! Types come from the bindings, so that plugin code is the same in both places.

mod always;
mod documents;
mod granted;
mod unscripted;

pub use always::{catalog, clock, config, credential, log, metric, obligation, scratch, subject};
pub use documents::{call, reply};
pub use granted::{jose, journal, kv, limiter};
pub use unscripted::{http, invoke, secret};
