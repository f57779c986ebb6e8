//! The calls that ended last, bounded by number and by bytes.
//!
//! A ring of slots with a lock each. Who keeps a trace takes the next number and locks the slot of that number, which nobody
//! else wants before the ring has gone round; so callers do not wait for each other, and a reader makes one of them wait at
//! most for one copy.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use cardea_chain::Trace;

use crate::{Keep, trim};

/// The calls that ended last.
pub(crate) struct Recent {
    slots: Box<[Mutex<Option<Kept>>]>,
    /// Number of the next trace.
    next: AtomicUsize,
    /// Number below which none is kept any more.
    oldest: AtomicUsize,
    bytes: AtomicUsize,
    most_bytes: usize,
}

struct Kept {
    number: usize,
    bytes: usize,
    trace: Box<Trace>,
}

impl Recent {
    pub(crate) fn new(keep: Keep) -> Self {
        Self {
            slots: (0..keep.calls).map(|_| Mutex::default()).collect(),
            next: AtomicUsize::new(0),
            oldest: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            most_bytes: keep.bytes,
        }
    }

    /// Keeps a trace, and lets go of the oldest.
    pub(crate) fn keep(&self, mut trace: Trace) {
        if self.slots.is_empty() {
            return;
        }
        let bytes = trim::trim(&mut trace);
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let replaced = self.slot(number).replace(Kept { number, bytes, trace: Box::new(trace) });
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.forget(replaced);
        while self.bytes.load(Ordering::Relaxed) > self.most_bytes && self.drop_oldest() {}
    }

    /// The latest with this id.
    pub(crate) fn find(&self, id: &str) -> Option<Trace> {
        let fits = |kept: &Kept| kept.trace.call.as_str() == id;
        self.numbers().find_map(|number| self.read(number, fits))
    }

    /// The latest ones, latest first.
    pub(crate) fn latest(&self, most: usize) -> Vec<Trace> {
        self.numbers().filter_map(|number| self.read(number, |_| true)).take(most).collect()
    }

    /// Numbers of what may be there, latest first.
    fn numbers(&self) -> impl Iterator<Item = usize> {
        let next = self.next.load(Ordering::Relaxed);
        (next.saturating_sub(self.slots.len())..next).rev()
    }

    fn read(&self, number: usize, fits: impl Fn(&Kept) -> bool) -> Option<Trace> {
        let slot = self.slot(number);
        slot.as_ref().filter(|kept| kept.number == number && fits(kept)).map(|kept| (*kept.trace).clone())
    }

    /// False if nothing older is left.
    fn drop_oldest(&self) -> bool {
        let next = self.next.load(Ordering::Relaxed);
        let number = self.oldest.load(Ordering::Relaxed).max(next.saturating_sub(self.slots.len()));
        if number >= next {
            return false;
        }
        self.oldest.store(number + 1, Ordering::Relaxed);
        let oldest = self.slot(number).take_if(|kept| kept.number == number);
        self.forget(oldest);
        true
    }

    /// Its memory is given back outside the lock of its slot.
    fn forget(&self, kept: Option<Kept>) {
        if let Some(kept) = kept {
            self.bytes.fetch_sub(kept.bytes, Ordering::Relaxed);
        }
    }

    fn slot(&self, number: usize) -> MutexGuard<'_, Option<Kept>> {
        self.slots[number % self.slots.len()].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::sync::Arc;
    use std::time::SystemTime;

    use cardea_chain::{CallId, End, Subject};
    use cardea_message::Method;

    use super::*;

    fn trace(id: &str, reason: Option<String>) -> Trace {
        Trace {
            call: CallId::new(id),
            received: SystemTime::UNIX_EPOCH,
            generation: 1,
            endpoint: "/mcp".into(),
            version: "2026-07-28",
            method: Method::TOOLS_CALL,
            name: Some("read".into()),
            server: Some("files".into()),
            subject: Arc::new(Subject::default()),
            steps: Vec::new(),
            end: End { outcome: "ok", blame: "server", detail: None, reason },
            micros: 7,
            bytes_in: 1,
            bytes_out: 2,
        }
    }

    fn ids(recent: &Recent, most: usize) -> Vec<String> {
        recent.latest(most).iter().map(|trace| trace.call.to_string()).collect()
    }

    #[test]
    fn the_latest_are_kept_and_found_by_their_ids() {
        let recent = Recent::new(Keep { calls: 3, bytes: 1 << 20 });
        for id in ["a", "b", "c", "d"] {
            recent.keep(trace(id, None));
        }
        assert_eq!(ids(&recent, 10), ["d", "c", "b"]);
        assert_eq!(ids(&recent, 1), ["d"]);
        assert!(recent.find("a").is_none() && recent.find("b").is_some());
        recent.keep(trace("d", Some("second".into())));
        assert_eq!(recent.find("d").unwrap().end.reason.as_deref(), Some("second"), "of two with one id the later");
    }

    #[test]
    fn bytes_bound_it_as_well_as_numbers() {
        let one = trim::trim(&mut trace("x", None));
        let recent = Recent::new(Keep { calls: 100, bytes: 3 * one });
        for number in 0..10 {
            recent.keep(trace(&number.to_string(), None));
        }
        assert_eq!(ids(&recent, 100), ["9", "8", "7"]);
        recent.keep(trace("large", Some("x".repeat(2 * one))));
        assert!(ids(&recent, 100).len() < 3);
        let nothing = Recent::new(Keep { calls: 100, bytes: 1 });
        nothing.keep(trace("a", None));
        assert!(ids(&nothing, 100).is_empty());
    }

    #[test]
    fn without_slots_nothing_is_kept() {
        let recent = Recent::new(Keep { calls: 0, bytes: 1 << 20 });
        recent.keep(trace("a", None));
        assert!(recent.find("a").is_none() && ids(&recent, 1).is_empty());
    }

    #[test]
    fn many_threads_keep_at_once_and_the_bounds_hold() {
        let one = trim::trim(&mut trace("0-000", None));
        let recent = Recent::new(Keep { calls: 64, bytes: 32 * one });
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let recent = &recent;
                scope.spawn(move || {
                    (0..500).for_each(|number| recent.keep(trace(&format!("{thread}-{number:03}"), None)));
                });
            }
        });
        let kept = ids(&recent, 1000).len();
        assert!((1..=36).contains(&kept), "{kept}");
        assert_eq!(recent.bytes.load(Ordering::Relaxed), kept * one);
    }
}
