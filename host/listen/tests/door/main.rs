//! The front door from outside: real sockets, a native house behind it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod asks;
mod hostile;
mod http_sse;
mod legacy;
mod life;
mod listening;
mod modern;
mod resource;
mod statuses;
mod stdio;
mod streams;
mod support;
