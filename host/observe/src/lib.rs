//! What an operator sees of calls that have ended: the recent ones stage by stage, and numbers of all of them.
//!
//! A [`Watch`] hangs on the chain of every generation. On the path of a call it adds to a few atomics and puts the call's trace
//! into a ring; text is made of it when somebody asks. What is counted where, and under which name Prometheus knows it, says
//! the table in [`metrics`].

mod counts;
mod exposition;
mod recent;
mod story;
mod trim;
mod watch;

pub mod metrics;

pub use exposition::{Exposition, Histogram};
pub use watch::{Keep, Watch};
