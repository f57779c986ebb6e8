//! What holds for every text (properties), for the bad ones (hostile) and for messages as peers send them (messages).
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod hostile;
mod messages;
mod properties;
