//! What is left of a hook's allowance to wait for others.

use std::time::Duration;

use crate::spec::IO_TIME;

/// Requests a hook may send.
const EXCHANGES: u32 = 16;

/// What a hook may still send and wait for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outgoing {
    pub(crate) time: Duration,
    pub(crate) exchanges: u32,
}

impl Default for Outgoing {
    fn default() -> Self {
        Self { time: IO_TIME, exchanges: EXCHANGES }
    }
}
