//! A map that holds a bounded number of keys and forgets what is idle before it refuses a new one.

use std::collections::HashMap;

/// Below this many entries nobody looks for idle ones.
const FEW: usize = 1024;
/// A full map is not searched again before this much time has passed: a flood of new keys must not make every take a search.
const SEARCH_PAUSE_MS: u64 = 1000;

/// An entry that can be forgotten when it says nothing any more.
pub(super) trait Idle {
    /// True if the entry is as good as absent.
    fn is_idle(&self, now_ms: u64) -> bool;
}

/// A map with at most `most` keys.
pub(super) struct Bounded<V> {
    entries: HashMap<Box<str>, V>,
    most: usize,
    search_at: usize,
    searched_ms: Option<u64>,
}

impl<V: Idle> Bounded<V> {
    pub(super) fn new(most: usize) -> Self {
        Self { entries: HashMap::new(), most, search_at: FEW.min(most), searched_ms: None }
    }

    pub(super) fn get(&self, key: &str) -> Option<&V> {
        self.entries.get(key)
    }

    pub(super) fn get_mut(&mut self, key: &str) -> Option<&mut V> {
        self.entries.get_mut(key)
    }

    pub(super) fn remove(&mut self, key: &str) -> Option<V> {
        self.entries.remove(key)
    }

    /// Puts an entry under a key; [`Bounded::has_room`] must have said yes if the key is new.
    pub(super) fn insert(&mut self, key: &str, entry: V) -> Option<V> {
        match self.entries.get_mut(key) {
            Some(present) => Some(std::mem::replace(present, entry)),
            None => self.entries.insert(key.into(), entry),
        }
    }

    /// How many keys there are, idle ones included.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether `new` more keys fit, after forgetting idle ones if need be. `forgotten` hears of each of those.
    pub(super) fn has_room(&mut self, new: usize, now_ms: u64, forgotten: impl FnMut(&str, &V)) -> bool {
        if self.entries.len() + new > self.search_at && self.may_search(now_ms) {
            self.forget_idle(now_ms, forgotten);
        }
        self.entries.len() + new <= self.most
    }

    pub(super) fn forget_idle(&mut self, now_ms: u64, mut forgotten: impl FnMut(&str, &V)) {
        self.entries.retain(|key, entry| {
            let idle = entry.is_idle(now_ms);
            if idle {
                forgotten(key, entry);
            }
            !idle
        });
        // Twice as many before the next search: the cost of searching stays a constant a key.
        self.search_at = (self.entries.len() * 2).clamp(FEW.min(self.most), self.most);
        self.searched_ms = Some(now_ms);
    }

    /// The same for a bound that is not this map's own, and not more often than a flood may make it.
    pub(super) fn forget_idle_again(&mut self, now_ms: u64, forgotten: impl FnMut(&str, &V)) {
        if self.searched_ms.is_none_or(|searched| now_ms.abs_diff(searched) >= SEARCH_PAUSE_MS) {
            self.forget_idle(now_ms, forgotten);
        }
    }

    pub(super) fn is_idle(&self, now_ms: u64) -> bool {
        self.entries.values().all(|entry| entry.is_idle(now_ms))
    }

    fn may_search(&self, now_ms: u64) -> bool {
        self.search_at < self.most
            || self.searched_ms.is_none_or(|searched| now_ms.abs_diff(searched) >= SEARCH_PAUSE_MS)
    }
}
