//! One set of behaviours for every back end, and what each promises beside them. Those that need Redis start their own, and say
//! so where there is none.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod file;
mod limits;
mod shared;
mod support;
mod values;
