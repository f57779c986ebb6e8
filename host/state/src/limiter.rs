//! Limits: buckets that calls take from, all of them or none.

use std::any::Any;
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::StateFault;

/// Counts against limits.
pub trait Limiter: Send + Sync + 'static {
    /// Takes from every bucket or from none, atomically. A take that could never succeed is an error, not a refusal. What
    /// several machines share counts by its own clock and not by `now_ms`: theirs differ.
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

impl Rate {
    /// Nanoseconds that one unit costs. Rounded up: never more than the rate.
    pub(crate) fn interval(self) -> Result<u64, StateFault> {
        let per_second = self.refill_per_second;
        if !per_second.is_finite() || per_second <= 0.0 {
            return Err(StateFault::Invalid(format!("refill-per-second is {per_second}; it must be above 0")));
        }
        Ok((1e9 / per_second).ceil().max(1.0) as u64)
    }
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

impl Window {
    /// The zone's offset in seconds.
    pub(crate) fn utc_offset_seconds(self) -> Result<i64, StateFault> {
        if self.utc_offset_minutes.abs() > FARTHEST_OFFSET_MINUTES {
            let offset = self.utc_offset_minutes;
            return Err(StateFault::Invalid(format!(
                "utc-offset-minutes is {offset}; no zone is more than 18 hours off"
            )));
        }
        Ok(i64::from(self.utc_offset_minutes) * 60)
    }
}

/// A calendar period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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

impl Period {
    /// Its name where counters are kept.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
        }
    }
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

/// No zone is further from UTC than this.
const FARTHEST_OFFSET_MINUTES: i32 = 18 * 60;

/// When a slot comes free, nobody knows.
pub(crate) const SLOT_RETRY: Duration = Duration::from_secs(1);

/// Buckets that can be taken from together.
pub(crate) fn check(buckets: &[Bucket]) -> Result<(), StateFault> {
    buckets.iter().enumerate().try_for_each(|(position, bucket)| check_one(position, bucket, &buckets[..position]))
}

/// Why concurrent slots are not settled.
pub(crate) fn nothing_to_settle() -> StateFault {
    StateFault::Invalid("concurrent slots are given back by the host; there is nothing to settle".to_owned())
}

impl Rule {
    /// What it holds when nothing is taken.
    pub(crate) fn holds(&self) -> u64 {
        match self {
            Self::Rate(rate) => rate.capacity.into(),
            Self::Window(window) => window.limit,
            Self::Concurrent(most) => (*most).into(),
        }
    }
}

fn check_one(position: usize, bucket: &Bucket, before: &[Bucket]) -> Result<(), StateFault> {
    let holds = bucket.rule.holds();
    if u64::from(bucket.cost) > holds {
        let cost = bucket.cost;
        return Err(StateFault::Invalid(format!("bucket {position} takes {cost} and never holds more than {holds}")));
    }
    if before.iter().any(|other| other.key == bucket.key && same_counter(&other.rule, &bucket.rule)) {
        return Err(StateFault::Invalid(format!("bucket {position} has the key of one before it: `{}`", bucket.key)));
    }
    Ok(())
}

fn same_counter(one: &Rule, other: &Rule) -> bool {
    match (one, other) {
        (Rule::Rate(_), Rule::Rate(_)) | (Rule::Concurrent(_), Rule::Concurrent(_)) => true,
        (Rule::Window(one), Rule::Window(other)) => one.per == other.per,
        _ => false,
    }
}
