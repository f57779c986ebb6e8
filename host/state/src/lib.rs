//! What plugins count and keep between calls: limits and keys with values, behind two traits and one back end in memory.
//!
//! Time is a parameter everywhere, in milliseconds since the epoch: this crate reads no clock, so a test sets it and a
//! hook sees one moment for as long as it runs. Namespaces are texts the caller makes (the plugin and the tenant); keys
//! of two namespaces never meet.

mod fault;
mod kv;
mod limiter;
mod memory;

pub use fault::StateFault;
pub use kv::{Kv, Quota, Space};
pub use limiter::{Bucket, Limiter, Period, Permit, Rate, Rule, Taken, Window};
pub use memory::{Bounds, Memory};
