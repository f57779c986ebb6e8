//! The keys and values of one namespace.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use super::bounded::{Bounded, Idle};
use crate::{Quota, StateFault};

/// The keys and values of one namespace.
pub(super) struct Values {
    table: Mutex<Table>,
    most_bytes: usize,
}

struct Table {
    entries: Bounded<Entry>,
    bytes: usize,
}

struct Entry {
    value: Bytes,
    expires_ms: u64,
}

impl Idle for Entry {
    fn is_idle(&self, now_ms: u64) -> bool {
        self.expires_ms <= now_ms
    }
}

impl Values {
    pub(super) fn new(keys: usize, most_bytes: usize) -> Self {
        Self { table: Mutex::new(Table { entries: Bounded::new(keys), bytes: 0 }), most_bytes }
    }

    pub(super) fn is_empty(&self, now_ms: u64) -> bool {
        self.lock().entries.is_idle(now_ms)
    }

    pub(super) fn get(&self, key: &str, now_ms: u64) -> Option<Bytes> {
        self.lock().live(key, now_ms).map(|entry| entry.value.clone())
    }

    pub(super) fn put(
        &self,
        key: &str,
        value: Bytes,
        ttl: Option<Duration>,
        quota: Quota,
        now_ms: u64,
    ) -> Result<(), StateFault> {
        let entry = Entry { value, expires_ms: expiry(ttl, now_ms) };
        self.lock().store(key, entry, self.within(quota), now_ms)
    }

    pub(super) fn delete(&self, key: &str) {
        let mut table = self.lock();
        if let Some(entry) = table.entries.remove(key) {
            table.bytes -= size(key, &entry);
        }
    }

    pub(super) fn add(
        &self,
        key: &str,
        delta: i64,
        ttl: Option<Duration>,
        quota: Quota,
        now_ms: u64,
    ) -> Result<i64, StateFault> {
        let mut table = self.lock();
        let (present, expires_ms) = match table.live(key, now_ms) {
            Some(entry) => (number(key, &entry.value)?, entry.expires_ms),
            None => (0, expiry(ttl, now_ms)),
        };
        let sum = present.checked_add(delta).ok_or_else(|| {
            StateFault::Invalid(format!("`{key}` holds {present}; {delta} more do not fit into 64 bits"))
        })?;
        let entry = Entry { value: sum.to_string().into(), expires_ms };
        table.store(key, entry, self.within(quota), now_ms)?;
        Ok(sum)
    }

    pub(super) fn cas(
        &self,
        key: &str,
        expect: Option<&[u8]>,
        value: Bytes,
        ttl: Option<Duration>,
        quota: Quota,
        now_ms: u64,
    ) -> Result<bool, StateFault> {
        let mut table = self.lock();
        if table.live(key, now_ms).map(|entry| &entry.value[..]) != expect {
            return Ok(false);
        }
        let entry = Entry { value, expires_ms: expiry(ttl, now_ms) };
        table.store(key, entry, self.within(quota), now_ms)?;
        Ok(true)
    }

    fn within(&self, quota: Quota) -> Quota {
        Quota { bytes: quota.bytes.min(self.most_bytes), ..quota }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        // No step between two writes can panic, so what a poisoned lock guards is whole.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn live(&self, key: &str, now_ms: u64) -> Option<&Entry> {
        self.entries.get(key).filter(|entry| !entry.is_idle(now_ms))
    }

    fn store(&mut self, key: &str, entry: Entry, quota: Quota, now_ms: u64) -> Result<(), StateFault> {
        let wanted = size(key, &entry);
        let freed = self.entries.get(key).map(|present| size(key, present));
        let bytes = &mut self.bytes;
        let forgotten = |key: &str, entry: &Entry| *bytes -= size(key, entry);
        if freed.is_none() && !self.entries.has_room(1, now_ms, forgotten) {
            return Err(StateFault::Full("too many keys are in use in this namespace".to_owned()));
        }
        if freed.is_none() && self.entries.len() >= quota.keys {
            self.forget_idle(now_ms);
            if self.entries.len() >= quota.keys {
                return Err(StateFault::Full(format!("the {} keys of this namespace's quota are in use", quota.keys)));
            }
        }
        if self.bytes + wanted > quota.bytes.saturating_add(freed.unwrap_or(0)) {
            self.forget_idle(now_ms);
        }
        // The search may have taken the old entry of this very key.
        let freed = self.entries.get(key).map_or(0, |present| size(key, present));
        if self.bytes + wanted > quota.bytes.saturating_add(freed) {
            return Err(StateFault::Full(format!("the values of this namespace fill their {} bytes", quota.bytes)));
        }
        self.bytes = self.bytes + wanted - freed;
        self.entries.insert(key, entry);
        Ok(())
    }

    fn forget_idle(&mut self, now_ms: u64) {
        let bytes = &mut self.bytes;
        self.entries.forget_idle_again(now_ms, |key, entry| *bytes -= size(key, entry));
    }
}

fn size(key: &str, entry: &Entry) -> usize {
    key.len() + entry.value.len()
}

fn expiry(ttl: Option<Duration>, now_ms: u64) -> u64 {
    ttl.map_or(u64::MAX, |ttl| now_ms.saturating_add(u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX)))
}

fn number(key: &str, value: &[u8]) -> Result<i64, StateFault> {
    let text = std::str::from_utf8(value).ok();
    text.and_then(|text| text.parse().ok())
        .ok_or_else(|| StateFault::Invalid(format!("`{key}` holds something that is no whole number")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: Quota = Quota { keys: usize::MAX, bytes: usize::MAX };
    const SECOND: Option<Duration> = Some(Duration::from_secs(1));

    fn values() -> Values {
        Values::new(4, 40)
    }

    #[test]
    fn a_value_is_there_until_it_expires() {
        let values = values();
        values.put("k", Bytes::from_static(b"v"), SECOND, ANY, 0).unwrap();
        assert_eq!(values.get("k", 999).as_deref(), Some(&b"v"[..]));
        assert_eq!(values.get("k", 1000), None);
        assert!(values.is_empty(1000));
    }

    #[test]
    fn sums_are_kept_as_text_and_their_ttl_counts_from_the_first() {
        let values = values();
        assert_eq!(values.add("n", 2, SECOND, ANY, 0), Ok(2));
        assert_eq!(values.add("n", -5, SECOND, ANY, 500), Ok(-3));
        assert_eq!(values.get("n", 999).as_deref(), Some(&b"-3"[..]));
        assert_eq!(values.add("n", 1, SECOND, ANY, 1000), Ok(1));
        values.put("t", Bytes::from_static(b"text"), None, ANY, 0).unwrap();
        assert!(matches!(values.add("t", 1, None, ANY, 0), Err(StateFault::Invalid(_))));
        values.put("m", Bytes::from(i64::MAX.to_string()), None, ANY, 0).unwrap();
        assert!(matches!(values.add("m", 1, None, ANY, 0), Err(StateFault::Invalid(_))));
    }

    #[test]
    fn cas_writes_only_over_what_it_expects() {
        let values = values();
        let (one, two) = (Bytes::from_static(b"1"), Bytes::from_static(b"2"));
        assert_eq!(values.cas("k", Some(b"0"), one.clone(), None, ANY, 0), Ok(false));
        assert_eq!(values.cas("k", None, one.clone(), SECOND, ANY, 0), Ok(true));
        assert_eq!(values.cas("k", None, two.clone(), None, ANY, 0), Ok(false));
        assert_eq!(values.cas("k", Some(b"1"), two, SECOND, ANY, 0), Ok(true));
        assert_eq!(values.cas("k", None, one, None, ANY, 1000), Ok(true));
    }

    #[test]
    fn keys_and_bytes_are_bounded_and_the_expired_make_room() {
        let values = values();
        for key in ["a", "b", "c", "d"] {
            values.put(key, Bytes::from_static(b"123"), SECOND, ANY, 0).unwrap();
        }
        assert!(matches!(values.put("e", Bytes::new(), None, ANY, 0), Err(StateFault::Full(_))));
        values.put("e", Bytes::from(vec![0; 39]), SECOND, ANY, 1000).unwrap();
        assert!(matches!(values.put("f", Bytes::from_static(b"1"), None, ANY, 1500), Err(StateFault::Full(_))));
        values.put("e", Bytes::from(vec![1; 39]), SECOND, ANY, 1500).unwrap();
        values.delete("e");
        values.put("f", Bytes::from(vec![0; 39]), None, ANY, 1500).unwrap();
    }

    #[test]
    fn a_quota_is_less_than_the_bounds_and_only_ever_refuses_more() {
        let values = Values::new(100, 1000);
        let quota = Quota { keys: 2, bytes: 10 };
        let put = |key: &str, size: usize, now| values.put(key, vec![0; size].into(), SECOND, quota, now);
        put("a", 4, 0).unwrap();
        put("b", 4, 0).unwrap();
        assert!(matches!(put("c", 0, 0), Err(StateFault::Full(_))));
        assert!(matches!(put("b", 5, 0), Err(StateFault::Full(_))));
        put("b", 1, 0).unwrap();
        put("c", 9, 1000).unwrap();
        let less = Quota { keys: 1, bytes: 2 };
        assert!(matches!(values.put("d", Bytes::new(), None, less, 1500), Err(StateFault::Full(_))));
        assert!(values.get("c", 1500).is_some());
    }
}
