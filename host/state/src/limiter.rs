//! Limits: buckets that calls take from, all of them or none.

use std::any::Any;
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::StateFault;

/// Counts against limits.
pub trait Limiter: Send + Sync + 'static {
    /// Takes from every bucket or from none, atomically. A take that could never succeed is an error, not a refusal.
    fn take<'a>(
        &'a self,
        namespace: &'a str,
        buckets: &'a [Bucket],
        now_ms: u64,
    ) -> BoxFuture<'a, Result<Taken, StateFault>>;

    /// Corrects a rate or a window after the fact; positive takes more, even beyond what is left.
    fn settle<'a>(
        &'a self,
        namespace: &'a str,
        bucket: &'a Bucket,
        delta: i64,
        now_ms: u64,
    ) -> BoxFuture<'a, Result<(), StateFault>>;
}

/// One thing to take from.
#[derive(Clone, Debug, PartialEq)]
pub struct Bucket {
    /// Names the counter. Rates, concurrent slots and each period of windows are counted apart.
    pub key: String,
    /// How it counts.
    pub rule: Rule,
    /// How much to take; 0 only looks.
    pub cost: u32,
}

/// How a bucket counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// A steady rate with a burst.
    Rate(Rate),
    /// So many per calendar period.
    Window(Window),
    /// So many at once; given back when the permit is dropped.
    Concurrent(u32),
}

/// A steady rate with a burst (GCRA, ITU-T I.371: the virtual scheduling algorithm).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// The burst.
    pub capacity: u32,
    /// How many come back each second; above 0.
    pub refill_per_second: f64,
}

/// So many per calendar period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// How many.
    pub limit: u64,
    /// Per what.
    pub per: Period,
    /// Fixed offset of the zone from UTC; decides when a day or month begins.
    pub utc_offset_minutes: i32,
}

/// A calendar period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// From second 0 to second 59.
    Minute,
    /// A clock hour.
    Hour,
    /// A calendar day of the zone.
    Day,
    /// A calendar month of the zone.
    Month,
}

/// The answer to a take.
#[derive(Debug, Default)]
pub struct Taken {
    /// True if every bucket had enough.
    pub allowed: bool,
    /// The bucket that refused, or the one with least left.
    pub bucket: usize,
    /// What it has left.
    pub remaining: u64,
    /// When the same take can succeed; zero if allowed. For concurrent slots nobody knows: one second.
    pub retry_after: Duration,
    /// When that bucket is full again.
    pub reset: Duration,
    /// The concurrent slots that were taken; dropping it gives them back.
    pub permit: Option<Permit>,
}

/// Concurrent slots in use; dropping it gives them back.
pub struct Permit(#[expect(dead_code, reason = "held for its Drop")] Box<dyn Any + Send + Sync>);

impl Permit {
    /// Wraps what gives the slots back when it is dropped.
    pub fn new(slots: impl Any + Send + Sync) -> Self {
        Self(Box::new(slots))
    }
}

impl std::fmt::Debug for Permit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Permit")
    }
}
