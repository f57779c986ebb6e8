//! What the outside answered one live hook: written down while it runs, and played back to the shadow, which must not ask anybody
//! a second time.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use cardea_state::Bucket;

use crate::bindings::cardea::plugin::http::{Request, Response};
use crate::bindings::cardea::plugin::limiter::Taken;
use crate::bindings::cardea::plugin::types::HostError;
use crate::clock::Clock;

/// Answers kept of one hook; it can ask more often only if it asks for nothing.
const MOST: usize = 256;

/// The answers one hook got, in their order.
#[derive(Default)]
pub(crate) struct Tape {
    heard: Mutex<VecDeque<Heard>>,
    playing: AtomicBool,
    diverged: AtomicBool,
    now_ms: OnceLock<u64>,
}

/// One answer, and to what.
enum Heard {
    Took(Vec<Bucket>, Result<Taken, HostError>),
    Settled(Bucket, i64, Result<(), HostError>),
    Sent(Request, Result<Response, HostError>),
}

impl Tape {
    /// From now on it is played back.
    pub(super) fn rewind(&self) {
        self.playing.store(true, Ordering::Relaxed);
    }

    /// Whether the shadow asked for what the live hook had not.
    pub(super) fn has_diverged(&self) -> bool {
        self.diverged.load(Ordering::Relaxed)
    }

    /// The moment both hooks run at.
    pub(crate) fn now_ms(&self, clock: &Clock) -> u64 {
        *self.now_ms.get_or_init(|| clock.now_ms())
    }

    pub(crate) fn is_playing(&self) -> bool {
        self.playing.load(Ordering::Relaxed)
    }

    pub(crate) fn note_taken(&self, buckets: &[Bucket], answer: &Result<Taken, HostError>) {
        self.note(|| Heard::Took(buckets.to_vec(), answer.clone()));
    }

    pub(crate) fn note_settled(&self, bucket: &Bucket, delta: i64, answer: &Result<(), HostError>) {
        self.note(|| Heard::Settled(bucket.clone(), delta, answer.clone()));
    }

    pub(crate) fn note_sent(&self, request: Request, answer: &Result<Response, HostError>) {
        self.note(|| Heard::Sent(request, answer.clone()));
    }

    /// What the same take was answered.
    pub(crate) fn taken(&self, wanted: &[Bucket]) -> Result<Taken, HostError> {
        match self.next() {
            Some(Heard::Took(buckets, answer)) if buckets == wanted => answer,
            _ => Err(self.diverge()),
        }
    }

    /// What the same correction was answered.
    pub(crate) fn settled(&self, wanted: &Bucket, by: i64) -> Result<(), HostError> {
        match self.next() {
            Some(Heard::Settled(bucket, delta, answer)) if bucket == *wanted && delta == by => answer,
            _ => Err(self.diverge()),
        }
    }

    /// What the same request was answered.
    pub(crate) fn sent(&self, wanted: &Request) -> Result<Response, HostError> {
        match self.next() {
            Some(Heard::Sent(request, answer)) if is_same(&request, wanted) => answer,
            _ => Err(self.diverge()),
        }
    }

    fn note(&self, heard: impl FnOnce() -> Heard) {
        let mut all = self.heard();
        if all.len() < MOST {
            all.push_back(heard());
        }
    }

    fn next(&self) -> Option<Heard> {
        self.heard().pop_front()
    }

    fn diverge(&self) -> HostError {
        self.diverged.store(true, Ordering::Relaxed);
        HostError::Unavailable("a shadow asks for nothing that was not asked before it".to_owned())
    }

    fn heard(&self) -> MutexGuard<'_, VecDeque<Heard>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All but the patience, which nobody answers differently for.
fn is_same(one: &Request, other: &Request) -> bool {
    (&one.method, &one.url, &one.headers, &one.body) == (&other.method, &other.url, &other.headers, &other.body)
}
