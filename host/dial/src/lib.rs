//! Back doors: what brings a call to its server and the server's words back.
//!
//! Inside the house every call has the modern shape. A back door finds out which of the two protocols its server speaks
//! ([`Protocol`]), keeps what that protocol needs (connections, sessions, processes), and translates where client and server
//! differ. Ids and progress tokens on the way are the gateway's own, so no two clients can ever meet in one.

mod asks;
mod audience;
mod blame;
mod child;
mod conversation;
mod door;
mod flight;
mod follower;
mod greeting;
mod http;
mod introduction;
mod listened;
mod mirror;
mod parked;
mod probe;
mod rounds;
mod session;
mod sessions;
mod spec;
mod subscription;
mod switchboard;
mod translate;
mod urls;
mod watch;
mod wire;

pub use child::ChildServer;
pub use http::{HttpClientFault, HttpServer};
pub use spec::{ChildSpec, HttpSpec, Protocol, SessionPolicy};
