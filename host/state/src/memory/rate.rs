//! A rate as one number: the theoretical arrival time of GCRA, in nanoseconds.

use std::time::Duration;

use super::bounded::Idle;
use super::saved::Saved;
use crate::{Rate, StateFault};

/// When the bucket is full again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Arrival(u128);

/// A rate, read once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Nanoseconds that one unit costs.
    interval: u128,
    capacity: u32,
}

impl Idle for Arrival {
    fn is_idle(&self, now_ms: u64) -> bool {
        self.0 <= nanos(now_ms)
    }
}

impl Arrival {
    /// A bucket that is full now.
    pub(super) fn full(now_ms: u64) -> Self {
        Self(nanos(now_ms))
    }

    pub(super) fn saved(self) -> Saved {
        Saved { at: u64::try_from(self.0).unwrap_or(u64::MAX), used: 0 }
    }

    pub(super) fn restored(saved: Saved) -> Self {
        Self(saved.at.into())
    }
}

impl Pace {
    pub(super) fn new(rate: Rate) -> Result<Self, StateFault> {
        Ok(Self { interval: rate.interval()?.into(), capacity: rate.capacity })
    }

    /// The arrival time after taking `cost`, or how long until that can be done.
    pub(super) fn take(self, arrival: Arrival, cost: u32, now_ms: u64) -> Result<Arrival, Duration> {
        let now = nanos(now_ms);
        let next = self.full_at(arrival, now).saturating_add(self.interval.saturating_mul(cost.into()));
        let latest = now.saturating_add(self.tolerance());
        if next > latest { Err(duration(next - latest)) } else { Ok(Arrival(next)) }
    }

    /// The arrival time after a correction, which may leave the bucket in debt.
    pub(super) fn settle(self, arrival: Arrival, delta: i64, now_ms: u64) -> Arrival {
        let now = nanos(now_ms);
        let shift = self.interval.saturating_mul(delta.unsigned_abs().into());
        let full_at = self.full_at(arrival, now);
        Arrival(if delta < 0 { full_at.saturating_sub(shift).max(now) } else { full_at.saturating_add(shift) })
    }

    pub(super) fn remaining(self, arrival: Arrival, now_ms: u64) -> u64 {
        let now = nanos(now_ms);
        let used = self.full_at(arrival, now) - now;
        (self.tolerance().saturating_sub(used) / self.interval) as u64
    }

    pub(super) fn reset(self, arrival: Arrival, now_ms: u64) -> Duration {
        let now = nanos(now_ms);
        duration(self.full_at(arrival, now) - now)
    }

    fn full_at(self, arrival: Arrival, now: u128) -> u128 {
        arrival.0.max(now)
    }

    fn tolerance(self) -> u128 {
        self.interval.saturating_mul(self.capacity.into())
    }
}

fn nanos(ms: u64) -> u128 {
    u128::from(ms) * 1_000_000
}

fn duration(nanos: u128) -> Duration {
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_burst_then_one_per_interval() {
        let pace = Pace::new(Rate { capacity: 2, refill_per_second: 4.0 }).unwrap();
        let first = pace.take(Arrival::full(0), 1, 0).unwrap();
        let second = pace.take(first, 1, 0).unwrap();
        assert_eq!(pace.remaining(second, 0), 0);
        assert_eq!(pace.take(second, 1, 0), Err(Duration::from_millis(250)));
        assert!(pace.take(second, 1, 250).is_ok());
        assert_eq!(pace.reset(second, 100), Duration::from_millis(400));
    }

    #[test]
    fn a_rate_that_is_no_rate_is_refused() {
        for refill_per_second in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(matches!(Pace::new(Rate { capacity: 1, refill_per_second }), Err(StateFault::Invalid(_))));
        }
    }

    proptest! {
        #[test]
        fn never_more_than_the_burst_and_what_came_back(
            capacity in 1u32..50,
            refill in 0.01f64..2000.0,
            takes in prop::collection::vec((0u64..500, 1u32..5), 1..200),
        ) {
            let pace = Pace::new(Rate { capacity, refill_per_second: refill }).unwrap();
            let (mut now, mut arrival, mut total) = (1_000_000, Arrival::full(0), 0u64);
            for (wait, cost) in takes {
                now += wait;
                match pace.take(arrival, cost, now) {
                    Ok(next) => {
                        arrival = next;
                        total += u64::from(cost);
                    }
                    // What it promises is true to the millisecond.
                    Err(wait) if cost <= capacity => {
                        let then = now + wait.as_millis() as u64 + 1;
                        prop_assert!(pace.take(arrival, cost, then).is_ok());
                    }
                    Err(_) => {}
                }
                let most = f64::from(capacity) + (now - 1_000_000) as f64 / 1000.0 * refill;
                prop_assert!(total as f64 <= most + 1e-6, "{total} of {most}");
            }
        }

        #[test]
        fn a_correction_and_its_opposite_cancel_out(cost in 1u32..10, delta in 1i64..100) {
            let pace = Pace::new(Rate { capacity: 10, refill_per_second: 1.0 }).unwrap();
            let taken = pace.take(Arrival::full(0), cost, 5000).unwrap();
            let there = pace.settle(taken, delta, 5000);
            prop_assert_eq!(pace.settle(there, -delta, 5000), taken);
        }
    }
}
