//! Servers and their endpoints, and who offers what at each path of the gateway. Immutable: a reload builds another one.
//!
//! `/servers/<name>/mcp` is one server, names untouched; `/mcp` is all of them, tools and prompts named `<server>_<name>`.
//! This crate does not know how a server is spoken to; that is `dial`.

mod account;
mod all;
mod ask;
mod catalog;
mod house;
mod learned;
mod measured;
mod one;
mod refusals;
mod registry;
mod shelf;
mod slice;
mod tasks;

pub use registry::{Fare, Registry, Server};
