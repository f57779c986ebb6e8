//! Answers of servers that are kept for a while: fetched once for all who wait, and again when they are old.

use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cardea_chain::{Fault, FaultKind, Side};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use moka::sync::Cache;

/// How long an answer is kept.
const KEPT: Duration = Duration::from_secs(30);
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
}

impl<K: Eq + Hash + Send + Sync + 'static, V: Send + Sync + 'static> Shelf<K, V> {
    pub(crate) fn new() -> Self {
        Self { kept: Cache::builder().max_capacity(ROOM).time_to_live(KEPT).build() }
    }

    /// The answer of a key, fetched if there is none.
    pub(crate) fn take<F>(&self, key: K, fetch: impl FnOnce() -> F) -> Kept<V>
    where
        F: Future<Output = Result<V, Fault>> + Send + 'static,
    {
        self.unless(key, Kept::is_spoilt, fetch)
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
        Self { answer: answer.boxed().shared(), begun: Instant::now() }
    }

    /// Waits for the answer.
    pub(crate) async fn wait(&self) -> Result<Arc<V>, Fault> {
        self.answer.clone().await
    }

    fn is_spoilt(&self) -> bool {
        matches!(self.answer.peek(), Some(Err(_))) && self.begun.elapsed() >= FAILURE_KEPT
    }
}

impl<V> Clone for Kept<V> {
    fn clone(&self) -> Self {
        Self { answer: self.answer.clone(), begun: self.begun }
    }
}

fn broken(error: &tokio::task::JoinError) -> Fault {
    Fault::new(Side::House, FaultKind::Internal, "The gateway failed", format!("a task broke off: {error}"))
}
