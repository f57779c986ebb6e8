//! When a program that ends before it has said anything may be started again.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Counts the starts that came to nothing, one after another.
#[derive(Debug, Default)]
pub(crate) struct Restart {
    state: Mutex<Option<Failing>>,
}

#[derive(Clone, Copy, Debug)]
struct Failing {
    times: u32,
    not_before: Instant,
}

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A server may end at the probe and again at nothing: only more than that is failing.
const FREE: u32 = 2;

impl Restart {
    /// How long to wait before the next start; none if it may begin now.
    pub(crate) fn pause(&self) -> Option<Duration> {
        let failing = (*self.state.lock().unwrap_or_else(PoisonError::into_inner))?;
        Some(failing.not_before.saturating_duration_since(Instant::now())).filter(|left| !left.is_zero())
    }

    /// A process has ended without a word.
    pub(crate) fn failed(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let times = state.map_or(0, |failing| failing.times).saturating_add(1);
        let doubled = FIRST_PAUSE.saturating_mul(1 << times.saturating_sub(FREE).min(16));
        let pause = if times < FREE { Duration::ZERO } else { doubled.min(LONGEST_PAUSE) };
        *state = Some(Failing { times, not_before: Instant::now() + pause });
    }

    /// A process has answered.
    pub(crate) fn worked(&self) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound_and_end_with_success() {
        let restart = Restart::default();
        restart.failed();
        assert_eq!(restart.pause(), None, "a server may end at the probe");
        restart.failed();
        let first = restart.pause().unwrap_or_default();
        assert!(first > Duration::ZERO && first <= FIRST_PAUSE);
        (0..100).for_each(|_| restart.failed());
        let longest = restart.pause().unwrap_or_default();
        assert!(longest > LONGEST_PAUSE / 2 && longest <= LONGEST_PAUSE);
        restart.worked();
        assert_eq!(restart.pause(), None);
    }
}
