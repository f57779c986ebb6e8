//! What plugins count and keep between calls: limits and keys with values, behind two traits and three back ends: memory,
//! a file, and a Redis that several gateways share.
//!
//! Time is a parameter everywhere, in milliseconds since the epoch: this crate reads no clock, so a test sets it and a
//! hook sees one moment for as long as it runs. Only what machines share goes by the clock of the machine that keeps it.
//! Namespaces are texts the caller makes (the plugin and the tenant); keys of two namespaces never meet.

mod fault;
mod file;
mod kv;
mod limiter;
mod loss;
mod memory;
mod redis;
mod store;

pub use fault::StateFault;
pub use file::{File, Unusable};
pub use kv::{Kv, Quota, Space};
pub use limiter::{Bucket, Limiter, Period, Permit, Rate, Rule, Taken, Window};
pub use loss::{KvLoss, LimiterLoss};
pub use memory::{Bounds, Memory};
pub use redis::{Redis, Settings as RedisSettings, WrongAddress};
pub use store::{Keep, Store};
