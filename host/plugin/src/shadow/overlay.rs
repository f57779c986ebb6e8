//! The keys of a shadow: it reads what is there, and what it writes only it sees.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use cardea_state::{Kv, Space, StateFault};
use futures_util::future::BoxFuture;

/// What a shadow may have written: keys, and bytes of keys and values.
const KEYS: usize = 10_000;
const BYTES: usize = 16 << 20;

/// Keys and values over those of the house.
pub(crate) struct Overlay {
    under: Arc<dyn Kv>,
    written: Mutex<Written>,
}

#[derive(Default)]
struct Written {
    values: HashMap<(String, String), Value>,
    bytes: usize,
}

/// What was written under a key; none if it was deleted.
#[derive(Clone)]
struct Value {
    value: Option<Bytes>,
    ends_ms: Option<u64>,
}

impl Overlay {
    pub(crate) fn new(under: Arc<dyn Kv>) -> Self {
        Self { under, written: Mutex::default() }
    }

    async fn read(&self, space: Space<'_>, key: &str, now_ms: u64) -> Result<Option<Bytes>, StateFault> {
        match self.find(space, key, now_ms) {
            Some(written) => Ok(written.value),
            None => self.under.get(space, key, now_ms).await,
        }
    }

    fn find(&self, space: Space<'_>, key: &str, now_ms: u64) -> Option<Value> {
        let written = self.written().values.get(&(space.name.to_owned(), key.to_owned()))?.clone();
        Some(match written.ends_ms {
            Some(ends) if ends <= now_ms => Value { value: None, ends_ms: None },
            _ => written,
        })
    }

    fn write(&self, space: Space<'_>, key: &str, value: Value) -> Result<(), StateFault> {
        let mut written = self.written();
        let at = (space.name.to_owned(), key.to_owned());
        let size = |value: &Value| at.0.len() + at.1.len() + value.value.as_ref().map_or(0, Bytes::len);
        let before = written.values.get(&at).map_or(0, &size);
        let bytes = written.bytes - before + size(&value);
        let is_new = before == 0;
        if bytes > BYTES || (is_new && written.values.len() >= KEYS) {
            return Err(StateFault::Full("what a shadow may write is written".to_owned()));
        }
        written.bytes = bytes;
        written.values.insert(at, value);
        Ok(())
    }

    fn written(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kv for Overlay {
    fn get<'a>(
        &'a self,
        space: Space<'a>,
        key: &'a str,
        now_ms: u64,
    ) -> BoxFuture<'a, Result<Option<Bytes>, StateFault>> {
        Box::pin(self.read(space, key, now_ms))
    }

    fn put<'a>(
        &'a self,
        space: Space<'a>,
        key: &'a str,
        value: Bytes,
        ttl: Option<Duration>,
        now_ms: u64,
    ) -> BoxFuture<'a, Result<(), StateFault>> {
        let written = self.write(space, key, Value { value: Some(value), ends_ms: end(ttl, now_ms) });
        Box::pin(std::future::ready(written))
    }

    fn delete<'a>(&'a self, space: Space<'a>, key: &'a str) -> BoxFuture<'a, Result<(), StateFault>> {
        Box::pin(std::future::ready(self.write(space, key, Value { value: None, ends_ms: None })))
    }

    fn add<'a>(
        &'a self,
        space: Space<'a>,
        key: &'a str,
        delta: i64,
        ttl: Option<Duration>,
        now_ms: u64,
    ) -> BoxFuture<'a, Result<i64, StateFault>> {
        Box::pin(async move {
            let present = self.read(space, key, now_ms).await?;
            let kept = self.find(space, key, now_ms).filter(|written| written.value.is_some());
            let ends_ms = kept.map_or(end(ttl, now_ms).filter(|_| present.is_none()), |written| written.ends_ms);
            let number = present.as_deref().map_or(Ok(0), |text| std::str::from_utf8(text).unwrap_or_default().parse());
            let number: i64 = number.map_err(|_| StateFault::Invalid(format!("`{key}` holds no number")))?;
            let sum = number.checked_add(delta);
            let sum = sum.ok_or_else(|| StateFault::Invalid(format!("the sum under `{key}` is too large")))?;
            self.write(space, key, Value { value: Some(sum.to_string().into()), ends_ms })?;
            Ok(sum)
        })
    }

    fn cas<'a>(
        &'a self,
        space: Space<'a>,
        key: &'a str,
        expect: Option<Bytes>,
        value: Bytes,
        ttl: Option<Duration>,
        now_ms: u64,
    ) -> BoxFuture<'a, Result<bool, StateFault>> {
        Box::pin(async move {
            let fits = self.read(space, key, now_ms).await? == expect;
            if fits {
                self.write(space, key, Value { value: Some(value), ends_ms: end(ttl, now_ms) })?;
            }
            Ok(fits)
        })
    }
}

fn end(ttl: Option<Duration>, now_ms: u64) -> Option<u64> {
    ttl.map(|ttl| now_ms.saturating_add(u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use cardea_state::{Memory, Quota};

    use super::*;

    const SPACE: Space<'_> = Space { name: "s", quota: Quota { keys: usize::MAX, bytes: usize::MAX } };

    #[tokio::test]
    async fn what_is_there_is_read_and_what_is_written_stays_above() {
        let under: Arc<dyn Kv> = Arc::new(Memory::default());
        under.put(SPACE, "k", "live".into(), None, 0).await.unwrap();
        under.add(SPACE, "n", 4, None, 0).await.unwrap();
        let over = Overlay::new(Arc::clone(&under));
        assert_eq!(over.get(SPACE, "k", 0).await.unwrap().unwrap(), "live");
        assert_eq!(over.add(SPACE, "n", 2, None, 0).await.unwrap(), 6);
        assert!(over.cas(SPACE, "k", Some("live".into()), "shadow".into(), None, 0).await.unwrap());
        assert!(!over.cas(SPACE, "k", Some("live".into()), "again".into(), None, 0).await.unwrap());
        assert_eq!(over.get(SPACE, "k", 0).await.unwrap().unwrap(), "shadow");
        over.delete(SPACE, "k").await.unwrap();
        assert_eq!(over.get(SPACE, "k", 0).await.unwrap(), None);
        assert_eq!(under.get(SPACE, "k", 0).await.unwrap().unwrap(), "live");
        assert_eq!(under.add(SPACE, "n", 0, None, 0).await.unwrap(), 4);
    }

    #[tokio::test]
    async fn what_is_written_ends_and_has_a_bound() {
        let over = Overlay::new(Arc::new(Memory::default()));
        over.put(SPACE, "k", "v".into(), Some(Duration::from_millis(10)), 0).await.unwrap();
        assert!(over.get(SPACE, "k", 9).await.unwrap().is_some());
        assert!(over.get(SPACE, "k", 10).await.unwrap().is_none());
        for _ in 0..2 {
            over.put(SPACE, "big", vec![0; BYTES - 100].into(), None, 0).await.unwrap();
        }
        let full = over.put(SPACE, "more", vec![0; 100].into(), None, 0).await;
        assert!(matches!(full, Err(StateFault::Full(_))), "{full:?}");
    }
}
