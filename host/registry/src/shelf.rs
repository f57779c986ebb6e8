//! Answers of servers that are kept for a while: fetched once for all who wait, and again when they are old.

use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cardea_chain::{Fault, FaultKind, Side};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use moka::sync::Cache;
use tokio::time::Instant;

/// How long an answer is taken as it is. After that it is fetched anew in the background, and still taken meanwhile.
const FRESH: Duration = Duration::from_secs(20);
/// How long an answer is kept.
const KEPT: Duration = Duration::from_secs(60);
/// How long a failure is kept: long enough that a dead server is not asked by every call, short enough not to be noticed.
const FAILURE_KEPT: Duration = Duration::from_secs(2);
/// How many answers are kept.
const ROOM: u64 = 4096;

/// Answers by key.
pub(crate) struct Shelf<K, V> {
    kept: Cache<K, Kept<V>>,
}

/// An answer under way or arrived.
pub(crate) struct Kept<V> {
    answer: Shared<BoxFuture<'static, Result<Arc<V>, Fault>>>,
    begun: Instant,
    /// Whether what shall take its place is being fetched.
    renewed: Arc<AtomicBool>,
}

impl<K: Eq + Hash + Clone + Send + Sync + 'static, V: Send + Sync + 'static> Shelf<K, V> {
    pub(crate) fn new() -> Self {
        Self { kept: Cache::builder().max_capacity(ROOM).time_to_live(KEPT).build() }
    }

    /// The answer of a key, fetched if there is none, and in the background if it is no longer fresh.
    pub(crate) fn take<F>(&self, key: K, fetch: impl Fn() -> F) -> Kept<V>
    where
        F: Future<Output = Result<V, Fault>> + Send + 'static,
    {
        let kept = self.unless(key.clone(), Kept::is_spoilt, &fetch);
        if kept.begins_to_age() {
            let (shelf, renewed) = (self.kept.clone(), Kept::begin(fetch()));
            tokio::spawn(async move {
                // What cannot be had again is not there any more.
                drop(renewed.wait().await);
                shelf.insert(key, renewed);
            });
        }
        kept
    }

    /// An answer of a key that is newer than `seen`, fetched if nobody has done so since.
    pub(crate) fn newer<F>(&self, key: K, seen: &Kept<V>, fetch: impl FnOnce() -> F) -> Kept<V>
    where
        F: Future<Output = Result<V, Fault>> + Send + 'static,
    {
        self.unless(key, |kept| kept.begun <= seen.begun || kept.is_spoilt(), fetch)
    }

    /// The answer of a key if it has arrived.
    pub(crate) fn peek(&self, key: &K) -> Option<Arc<V>> {
        self.kept.get(key)?.answer.peek()?.as_ref().ok().map(Arc::clone)
    }

    fn unless<F>(&self, key: K, spoilt: impl FnMut(&Kept<V>) -> bool + Send, fetch: impl FnOnce() -> F) -> Kept<V>
    where
        F: Future<Output = Result<V, Fault>> + Send + 'static,
    {
        self.kept.entry(key).or_insert_with_if(|| Kept::begin(fetch()), spoilt).into_value()
    }
}

impl<V: Send + Sync + 'static> Kept<V> {
    /// In a task of its own: whoever began it may leave, and the others still get their answer.
    fn begin(fetch: impl Future<Output = Result<V, Fault>> + Send + 'static) -> Self {
        let task = tokio::spawn(fetch);
        let answer = async move { task.await.map_err(|error| broken(&error))?.map(Arc::new) };
        Self { answer: answer.boxed().shared(), begun: Instant::now(), renewed: Arc::default() }
    }

    /// Waits for the answer.
    pub(crate) async fn wait(&self) -> Result<Arc<V>, Fault> {
        self.answer.clone().await
    }

    /// True once: for whoever is to fetch what takes its place.
    fn begins_to_age(&self) -> bool {
        self.begun.elapsed() >= FRESH && !self.renewed.swap(true, Ordering::Relaxed)
    }

    fn is_spoilt(&self) -> bool {
        matches!(self.answer.peek(), Some(Err(_))) && self.begun.elapsed() >= FAILURE_KEPT
    }
}

impl<V> Clone for Kept<V> {
    fn clone(&self) -> Self {
        Self { answer: self.answer.clone(), begun: self.begun, renewed: Arc::clone(&self.renewed) }
    }
}

fn broken(error: &tokio::task::JoinError) -> Fault {
    Fault::new(Side::House, FaultKind::Internal, "The gateway failed", format!("a task broke off: {error}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_ages_is_fetched_once_in_the_background_and_taken_meanwhile() {
        let (shelf, fetched) = (Shelf::<u8, usize>::new(), Arc::<AtomicUsize>::default());
        let take = || {
            shelf.take(1, || {
                let number = fetched.fetch_add(1, Ordering::SeqCst);
                async move { Ok(number) }
            })
        };
        assert_eq!(*take().wait().await.unwrap(), 0);
        tokio::time::advance(FRESH).await;
        assert_eq!((*take().wait().await.unwrap(), *take().wait().await.unwrap()), (0, 0), "nobody waits");
        while *take().wait().await.unwrap() == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!((*take().wait().await.unwrap(), fetched.load(Ordering::SeqCst)), (1, 2));
    }
}
