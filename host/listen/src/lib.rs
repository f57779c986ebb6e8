//! Front doors: MCP over HTTP and over standard input and output, as clients of both eras speak it. Rooms 1, 3 and 9 of the
//! house.
//!
//! [`bind`] takes an address and [`Bound::serve`] serves it. An HTTP exchange goes through `gate` (may it come in at all),
//! the chain's authenticators, `body` (read once, bounded), `era` (which of the two protocols) and then `modern` or
//! `legacy`, which make a [`Call`](cardea_chain::Call) and let the chain walk it. `respond` alone chooses HTTP statuses.
//! This crate knows neither wasm nor servers: who answers is a [`Directory`](cardea_chain::Directory).

mod account;
mod activity;
mod batch;
mod bind;
mod body;
mod connection;
mod conversation;
mod era;
mod errands;
mod front;
mod gate;
mod handover;
mod head;
mod http_sse;
mod ids;
mod initialize;
mod legacy;
mod limits;
mod line;
mod listening;
mod modern;
mod outgoing;
mod parameters;
mod paths;
mod peers;
mod questions;
mod reader;
mod replay;
mod repoll;
mod resource;
mod respond;
mod session;
mod settings;
mod sse;
mod streams;
mod ticket;
mod visit;
mod walking;
mod wire;

pub mod stdio;
pub mod tls;

pub use bind::{Bound, bind};
pub use handover::Link;
pub use limits::Limits;
pub use resource::Resource;
pub use settings::{Gauges, Generation, Settings};
