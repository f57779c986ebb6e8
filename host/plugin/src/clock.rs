//! Where the time comes from that plugins decide with.

use std::time::{SystemTime, UNIX_EPOCH};

/// Where the time comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clock {
    /// The machine.
    System,
    /// A case: always this one moment.
    #[cfg(test)]
    Fixed(u64),
}

impl Clock {
    /// Milliseconds since the epoch.
    pub(crate) fn now_ms(self) -> u64 {
        match self {
            Self::System => SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64),
            #[cfg(test)]
            Self::Fixed(ms) => ms,
        }
    }
}
