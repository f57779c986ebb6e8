//! The calls of one chain that are under way: how many there are, how many there were, and the word that ends them all.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::Notify;

/// Counts the calls of a chain. A subscription is none: it lasts as long as both sides like, and keeps nothing back.
#[derive(Default)]
pub(crate) struct UnderWay {
    begun: AtomicU64,
    ended: AtomicU64,
    cut: AtomicBool,
    told: Notify,
}

/// A call under way. It ends with its place, however it ends.
pub(crate) struct Place<'a>(&'a UnderWay);

impl UnderWay {
    /// A call begins.
    pub(crate) fn enter(&self) -> Place<'_> {
        self.begun.fetch_add(1, Ordering::Relaxed);
        Place(self)
    }

    /// How many have begun.
    pub(crate) fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    /// How many have not ended.
    pub(crate) fn count(&self) -> u64 {
        // In this order: what ends in between is counted once too often, never once too few.
        let ended = self.ended.load(Ordering::Relaxed);
        self.begun().saturating_sub(ended)
    }

    /// Ends every call, those that are still to begin among them.
    pub(crate) fn cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
        self.told.notify_waiters();
    }
}

impl Place<'_> {
    /// Comes back when the call has to end.
    pub(crate) async fn cut_off(&self) {
        let mut told = pin!(self.0.told.notified());
        // Listening first: a word that is said between the look and the wait is heard.
        told.as_mut().enable();
        if !self.0.cut.load(Ordering::SeqCst) {
            told.await;
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}
