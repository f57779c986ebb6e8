//! The limits of one namespace: look at every bucket, then take from all or from none.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::bounded::{Bounded, Idle};
use super::rate::{Arrival, Pace};
use super::saved::{Counted, Saved};
use super::window::Count;
use crate::limiter::{SLOT_RETRY, check, nothing_to_settle};
use crate::{Bucket, Period, Permit, Rule, StateFault, Taken, Window};

/// The limits of one namespace.
pub(super) struct Limits(Arc<Mutex<Tables>>);

struct Tables {
    rates: Bounded<Arrival>,
    windows: [Bounded<Count>; 4],
    slots: Bounded<InUse>,
}

/// Concurrent slots in use.
struct InUse(u32);

impl Idle for InUse {
    fn is_idle(&self, _: u64) -> bool {
        self.0 == 0
    }
}

/// What a bucket will be once the take is decided.
#[derive(Clone, Copy)]
enum Next {
    Rate(Arrival),
    Window(Period, Count),
    Slots(u32),
}

/// How a bucket stands.
struct Standing {
    next: Result<Next, Duration>,
    remaining: u64,
    reset: Duration,
}

impl Limits {
    pub(super) fn new(keys: usize) -> Self {
        let windows = std::array::from_fn(|_| Bounded::new(keys));
        Self(Arc::new(Mutex::new(Tables { rates: Bounded::new(keys), windows, slots: Bounded::new(keys) })))
    }

    pub(super) fn is_idle(&self, now_ms: u64) -> bool {
        let tables = self.lock();
        tables.rates.is_idle(now_ms)
            && tables.windows.iter().all(|window| window.is_idle(now_ms))
            && tables.slots.is_idle(now_ms)
    }

    pub(super) fn take(&self, buckets: &[Bucket], now_ms: u64) -> Result<Taken, StateFault> {
        check(buckets)?;
        let mut tables = self.lock();
        let mut nexts = Vec::with_capacity(buckets.len());
        let mut taken = Taken { allowed: true, remaining: u64::MAX, ..Taken::default() };
        for (position, bucket) in buckets.iter().enumerate() {
            let standing = tables.look(bucket, now_ms)?;
            match standing.next {
                Ok(next) => nexts.push(next),
                // Of several that refuse, the one that takes longest to have enough decides when to come back.
                Err(wait) if taken.allowed || wait > taken.retry_after => {
                    let Standing { remaining, reset, .. } = standing;
                    taken = Taken { bucket: position, remaining, reset, retry_after: wait, ..Taken::default() };
                    continue;
                }
                Err(_) => continue,
            }
            if taken.allowed && standing.remaining < taken.remaining {
                taken = Taken { bucket: position, remaining: standing.remaining, reset: standing.reset, ..taken };
            }
        }
        if taken.allowed {
            tables.make_room(buckets, now_ms)?;
            let mut slots = Vec::new();
            for (bucket, next) in buckets.iter().zip(nexts).filter(|(bucket, _)| bucket.cost > 0) {
                if matches!(next, Next::Slots(_)) {
                    slots.push((bucket.key.clone(), bucket.cost));
                }
                tables.store(&bucket.key, next);
            }
            if !slots.is_empty() {
                taken.permit = Some(Permit::new(Slots { tables: Arc::clone(&self.0), slots }));
            }
        }
        Ok(taken)
    }

    pub(super) fn settle(&self, bucket: &Bucket, delta: i64, now_ms: u64) -> Result<(), StateFault> {
        let mut tables = self.lock();
        let next = match bucket.rule {
            Rule::Rate(rate) => Next::Rate(Pace::new(rate)?.settle(tables.arrival(bucket, now_ms), delta, now_ms)),
            Rule::Window(window) => Next::Window(window.per, tables.count(bucket, window, now_ms)?.settle(delta)),
            Rule::Concurrent(_) => return Err(nothing_to_settle()),
        };
        tables.make_room(std::slice::from_ref(bucket), now_ms)?;
        tables.store(&bucket.key, next);
        Ok(())
    }

    /// How a counter stands, if it says anything.
    pub(super) fn saved(&self, counted: Counted, key: &str) -> Option<Saved> {
        let tables = self.lock();
        match counted {
            Counted::Rate => tables.rates.get(key).map(|arrival| arrival.saved()),
            Counted::Window(per) => tables.windows[per as usize].get(key).map(|count| count.saved()),
        }
    }

    /// Puts a counter where it stood in an earlier process.
    pub(super) fn restore(&self, counted: Counted, key: &str, saved: Saved) {
        let next = match counted {
            Counted::Rate => Next::Rate(Arrival::restored(saved)),
            Counted::Window(per) => Next::Window(per, Count::restored(saved)),
        };
        self.lock().store(key, next);
    }

    fn lock(&self) -> MutexGuard<'_, Tables> {
        // Nothing between two writes of a take can panic, so what a poisoned lock guards is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tables {
    fn look(&self, bucket: &Bucket, now_ms: u64) -> Result<Standing, StateFault> {
        Ok(match bucket.rule {
            Rule::Rate(rate) => {
                let pace = Pace::new(rate)?;
                let stored = self.arrival(bucket, now_ms);
                // A look takes nothing, so it is allowed even when the bucket is in debt.
                let next = if bucket.cost == 0 { Ok(stored) } else { pace.take(stored, bucket.cost, now_ms) };
                let shown = next.unwrap_or(stored);
                let (remaining, reset) = (pace.remaining(shown, now_ms), pace.reset(shown, now_ms));
                Standing { next: next.map(Next::Rate), remaining, reset }
            }
            Rule::Window(window) => {
                let count = self.count(bucket, window, now_ms)?;
                let next = count.take(window, bucket.cost);
                let shown = next.unwrap_or(count);
                Standing {
                    next: next.map(|next| Next::Window(window.per, next)).ok_or_else(|| count.until_end(now_ms)),
                    remaining: shown.remaining(window),
                    reset: shown.reset(now_ms),
                }
            }
            Rule::Concurrent(most) => {
                let used = self.slots.get(&bucket.key).map_or(0, |slots| slots.0);
                let wanted = used.saturating_add(bucket.cost);
                let fits = wanted <= most || bucket.cost == 0;
                let shown = if fits { wanted } else { used };
                Standing {
                    next: if fits { Ok(Next::Slots(wanted)) } else { Err(SLOT_RETRY) },
                    remaining: most.saturating_sub(shown).into(),
                    reset: if shown == 0 { Duration::ZERO } else { SLOT_RETRY },
                }
            }
        })
    }

    fn arrival(&self, bucket: &Bucket, now_ms: u64) -> Arrival {
        self.rates.get(&bucket.key).copied().unwrap_or_else(|| Arrival::full(now_ms))
    }

    fn count(&self, bucket: &Bucket, window: Window, now_ms: u64) -> Result<Count, StateFault> {
        Count::at(self.windows[window.per as usize].get(&bucket.key), window, now_ms)
    }

    /// Sees to it that every bucket's key fits, before the first is stored.
    fn make_room(&mut self, buckets: &[Bucket], now_ms: u64) -> Result<(), StateFault> {
        let new = buckets.len();
        for bucket in buckets {
            let fits = match bucket.rule {
                Rule::Rate(_) => room(&mut self.rates, bucket, new, now_ms),
                Rule::Window(window) => room(&mut self.windows[window.per as usize], bucket, new, now_ms),
                Rule::Concurrent(_) => room(&mut self.slots, bucket, new, now_ms),
            };
            if !fits {
                return Err(StateFault::Full("too many limit keys are in use in this namespace".to_owned()));
            }
        }
        Ok(())
    }

    fn store(&mut self, key: &str, next: Next) {
        match next {
            Next::Rate(arrival) => {
                self.rates.insert(key, arrival);
            }
            Next::Window(per, count) => {
                self.windows[per as usize].insert(key, count);
            }
            Next::Slots(used) => {
                self.slots.insert(key, InUse(used));
            }
        }
    }
}

fn room<V: Idle>(table: &mut Bounded<V>, bucket: &Bucket, new: usize, now_ms: u64) -> bool {
    bucket.cost == 0 || table.get(&bucket.key).is_some() || table.has_room(new, now_ms, |_, _| {})
}

/// Slots in use; dropping them gives them back.
struct Slots {
    tables: Arc<Mutex<Tables>>,
    slots: Vec<(String, u32)>,
}

impl Drop for Slots {
    fn drop(&mut self) {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, cost) in &self.slots {
            if let Some(used) = tables.slots.get_mut(key) {
                used.0 = used.0.saturating_sub(*cost);
                if used.0 == 0 {
                    tables.slots.remove(key);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Rate;

    fn rate(key: &str, capacity: u32, cost: u32) -> Bucket {
        Bucket { key: key.to_owned(), rule: Rule::Rate(Rate { capacity, refill_per_second: 1.0 }), cost }
    }

    fn day(key: &str, limit: u64, cost: u32) -> Bucket {
        let window = Window { limit, per: Period::Day, utc_offset_minutes: 0 };
        Bucket { key: key.to_owned(), rule: Rule::Window(window), cost }
    }

    fn slots(key: &str, most: u32, cost: u32) -> Bucket {
        Bucket { key: key.to_owned(), rule: Rule::Concurrent(most), cost }
    }

    #[test]
    fn all_or_nothing() {
        let limits = Limits::new(100);
        let taken = limits.take(&[rate("a", 5, 2), day("a", 1, 1), slots("a", 1, 1)], 0).unwrap();
        assert!(taken.allowed);
        let refused = limits.take(&[rate("a", 5, 2), day("a", 1, 1), slots("b", 1, 1)], 0).unwrap();
        assert_eq!((refused.allowed, refused.bucket, refused.remaining), (false, 1, 0));
        assert_eq!(refused.retry_after, Duration::from_secs(86_400));
        assert!(refused.permit.is_none());
        assert_eq!(limits.take(&[rate("a", 5, 0)], 0).unwrap().remaining, 3);
        assert_eq!(limits.take(&[slots("b", 1, 0)], 0).unwrap().remaining, 1);
    }

    #[test]
    fn the_bucket_with_least_left_is_told() {
        let taken = Limits::new(100).take(&[rate("a", 9, 1), day("a", 5, 1), slots("a", 7, 1)], 0).unwrap();
        assert_eq!((taken.bucket, taken.remaining), (1, 4));
    }

    #[test]
    fn slots_come_back_with_the_permit_and_only_then() {
        let limits = Limits::new(100);
        let first = limits.take(&[slots("a", 2, 1)], 0).unwrap();
        let second = limits.take(&[slots("a", 2, 1)], 0).unwrap();
        assert!(!limits.take(&[slots("a", 2, 1)], u64::MAX).unwrap().allowed);
        drop(first);
        assert!(limits.take(&[slots("a", 2, 1)], 0).unwrap().allowed);
        drop(second);
        assert!(limits.is_idle(0));
    }

    #[test]
    fn a_correction_counts_in_both_directions() {
        let limits = Limits::new(100);
        limits.take(&[day("a", 10, 5), rate("a", 10, 5)], 0).unwrap();
        limits.settle(&day("a", 10, 0), 7, 0).unwrap();
        limits.settle(&rate("a", 10, 0), -2, 0).unwrap();
        assert!(!limits.take(&[day("a", 10, 1)], 0).unwrap().allowed);
        assert_eq!(limits.take(&[rate("a", 10, 0)], 0).unwrap().remaining, 7);
        assert!(matches!(limits.settle(&slots("a", 1, 0), 1, 0), Err(StateFault::Invalid(_))));
    }

    #[test]
    fn a_take_that_can_never_succeed_or_names_a_counter_twice_is_an_error() {
        let limits = Limits::new(100);
        for buckets in [vec![rate("a", 1, 2)], vec![day("a", 0, 1)], vec![slots("a", 1, 2)], vec![rate("a", 1, 1); 2]] {
            assert!(matches!(limits.take(&buckets, 0), Err(StateFault::Invalid(_))), "{buckets:?}");
        }
    }

    #[test]
    fn keys_are_bounded_and_idle_ones_make_room() {
        let limits = Limits::new(2);
        assert!(limits.take(&[rate("a", 1, 1), day("a", 1, 1)], 0).unwrap().allowed);
        assert!(limits.take(&[rate("b", 1, 1)], 0).unwrap().allowed);
        assert!(matches!(limits.take(&[rate("c", 1, 1)], 0), Err(StateFault::Full(_))));
        // Nothing of a take that did not fit is left behind.
        assert!(matches!(limits.take(&[day("c", 1, 1), rate("c", 1, 1)], 0), Err(StateFault::Full(_))));
        assert_eq!(limits.take(&[day("c", 1, 0)], 0).unwrap().remaining, 1);
        assert!(limits.take(&[rate("c", 1, 1)], 1001).unwrap().allowed);
    }

    #[test]
    fn threads_together_never_take_more_than_there_is() {
        let limits = Limits::new(100);
        let taken = std::sync::atomic::AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..1000 {
                        if limits.take(&[day("a", 1500, 1), rate("b", 2000, 1)], 0).unwrap().allowed {
                            taken.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        assert_eq!(taken.into_inner(), 1500);
    }

    proptest! {
        #[test]
        fn a_refused_take_changes_nothing(
            takes in prop::collection::vec((0u64..2000, 0usize..3, 0usize..3, 1u32..4), 1..100),
        ) {
            let limits = Limits::new(100);
            let keys = ["a", "b", "c"];
            let mut now = 0;
            let look = |now| -> Vec<u64> {
                let all = keys.iter().flat_map(|key| [rate(key, 6, 0), day(key, 40, 0)]);
                all.map(|bucket| limits.take(&[bucket], now).unwrap().remaining).collect()
            };
            for (wait, one, other, cost) in takes {
                now += wait;
                let before = look(now);
                let taken = limits.take(&[rate(keys[one], 6, cost), day(keys[other], 40, cost)], now).unwrap();
                let after = look(now);
                for (at, (before, after)) in before.iter().zip(&after).enumerate() {
                    let asked = at == 2 * one || at == 2 * other + 1;
                    let expected = if taken.allowed && asked { before - u64::from(cost) } else { *before };
                    prop_assert_eq!(expected, *after);
                }
            }
        }
    }
}
