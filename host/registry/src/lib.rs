//! Servers and their endpoints, and who offers what at each path of the gateway. Immutable: a reload builds another one.
//!
//! `/servers/<name>/mcp` is one server, names untouched; `/mcp` is all of them, tools and prompts named `<server>_<name>`; an
//! endpoint of the manifest shows some of them, under names by its own rules.
//! This crate does not know how a server is spoken to; that is `dial`.

mod account;
mod ask;
mod catalog;
mod claims;
mod house;
mod learned;
mod measured;
mod naming;
mod news;
mod offers;
mod one;
mod pages;
mod refusals;
mod registry;
mod several;
mod shelf;
mod slice;
mod tasks;
mod template;
mod uris;
mod view;

pub use registry::{Fare, Registry, Server};
pub use view::{Prefix, Rename, View};
