//! Requests out of the house that somebody else decides on: what a plugin sends goes through here and nowhere else.
//!
//! An [`Outlet`] reaches the public internet and the private networks it was given, and nothing beside: a name is resolved
//! once a connection, every address it stands for is looked at, and the connection goes to one of these very addresses, so
//! that a name cannot mean one thing when it is checked and another when it is used. An outlet shares its connections with
//! no other. Redirects are not followed, proxies of the environment are not used, and size and time have limits.

mod address;
mod error;
mod exchange;
mod outlet;
mod resolve;

pub use address::{is_public, may_reach};
pub use error::{EgressError, EgressFault};
pub use exchange::{Limits, Request, Response};
pub use outlet::{Egress, Outlet};
pub use resolve::{Resolve, SystemResolver};
