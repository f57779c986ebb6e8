//! Calls and a server that answers each at once, for measurements that need no network.

mod calls;

pub use calls::{call, of_path};
