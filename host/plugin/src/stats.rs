//! How a stage fares: what its hooks said, how long they took, what became of its instances. Counted with atomics alone,
//! because every call passes here.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cardea_chain::{CallVerdict, CatalogVerdict, Choice, Finding, HookFaultKind, MessageVerdict, ReplyVerdict};

use crate::breaker::BreakerState;

/// Upper bounds of the buckets of [`Times`], in microseconds; what took longer is in none of them.
pub const TIME_BOUNDS: [u64; 16] =
    [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 50_000, 200_000, 1_000_000];

/// How a stage has fared since it was loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stats {
    /// Number of the generation it was loaded for.
    pub generation: u64,
    /// Hooks that returned, by the word the record has for what they said.
    pub verdicts: Vec<(&'static str, u64)>,
    /// Hooks that failed in the end, by the word for what stopped them.
    pub faults: Vec<(&'static str, u64)>,
    /// Hooks whose caller went away while they ran.
    pub abandoned: u64,
    /// Hooks that failed, and were asked again on a fresh instance.
    pub retries: u64,
    /// How long hooks took that returned, from the wish for an instance to the verdict.
    pub times: Times,
    /// Its instances.
    pub pool: PoolStats,
    /// Whether it is asked at present.
    pub breaker: BreakerState,
    /// How often it was suspended.
    pub suspensions: u64,
}

/// The instances of a stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolStats {
    /// Warm, and used by nobody.
    pub idle: usize,
    /// Running a hook.
    pub in_use: usize,
    /// Hooks that may run at once.
    pub most: usize,
    /// Instances started, the first one included.
    pub started: u64,
    /// Those of them that a caller had to wait for.
    pub started_on_path: u64,
    /// Callers that found every place taken and waited for one.
    pub waits: u64,
    /// Instances replaced because they had run long enough.
    pub retired_by_calls: u64,
    /// Instances replaced because their memory had grown.
    pub retired_by_growth: u64,
    /// Instances dropped because nobody had used them for long.
    pub retired_by_idleness: u64,
}

/// A histogram of durations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// How many.
    pub count: u64,
    /// Their sum in nanoseconds.
    pub sum_nanos: u64,
    /// How many were at most the bound of the same index in [`TIME_BOUNDS`] and above the one before.
    pub buckets: [u64; TIME_BOUNDS.len()],
}

impl Stats {
    /// Hooks that were asked.
    pub fn calls(&self) -> u64 {
        self.times.count + self.failed() + self.abandoned
    }

    /// Hooks that failed in the end, whatever stopped them.
    pub fn failed(&self) -> u64 {
        self.faults.iter().map(|(_, count)| count).sum()
    }

    /// Hooks that failed in the end for one reason.
    pub fn failed_by(&self, kind: HookFaultKind) -> u64 {
        self.faults.iter().find(|(word, _)| *word == kind.as_str()).map_or(0, |(_, count)| *count)
    }

    /// Instances that were replaced or dropped though nothing was wrong with them.
    pub fn retired(&self) -> u64 {
        let PoolStats { retired_by_calls, retired_by_growth, retired_by_idleness, .. } = self.pool;
        retired_by_calls + retired_by_growth + retired_by_idleness
    }
}

/// What a hook said, in the words of the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    None,
    Subject,
    Pass,
    Drop,
    Answer,
    Refuse,
    Keep,
    Admit,
    Choose,
}

impl Word {
    const ALL: [Self; 9] = [
        Self::None,
        Self::Subject,
        Self::Pass,
        Self::Drop,
        Self::Answer,
        Self::Refuse,
        Self::Keep,
        Self::Admit,
        Self::Choose,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Subject => "subject",
            Self::Pass => "pass",
            Self::Drop => "drop",
            Self::Answer => "answer",
            Self::Refuse => "refuse",
            Self::Keep => "keep",
            Self::Admit => "admit",
            Self::Choose => "choose",
        }
    }
}

/// A verdict that one word can stand for.
pub(crate) trait Verdict {
    fn word(&self) -> Word;
}

impl Verdict for Finding {
    fn word(&self) -> Word {
        match self {
            Self::None => Word::None,
            Self::Subject(_) => Word::Subject,
            Self::Refuse(_) => Word::Refuse,
        }
    }
}

impl Verdict for CallVerdict {
    fn word(&self) -> Word {
        match self {
            Self::Pass => Word::Pass,
            Self::Answer(_) => Word::Answer,
            Self::Refuse(_) => Word::Refuse,
        }
    }
}

impl Verdict for MessageVerdict {
    fn word(&self) -> Word {
        match self {
            Self::Pass => Word::Pass,
            Self::Drop => Word::Drop,
            Self::Answer(_) => Word::Answer,
            Self::Refuse(_) => Word::Refuse,
        }
    }
}

impl Verdict for ReplyVerdict {
    fn word(&self) -> Word {
        match self {
            Self::Pass => Word::Pass,
            Self::Refuse(_) => Word::Refuse,
        }
    }
}

impl Verdict for Vec<CatalogVerdict> {
    fn word(&self) -> Word {
        Word::Admit
    }
}

impl Verdict for Vec<bool> {
    fn word(&self) -> Word {
        Word::Keep
    }
}

impl Verdict for Choice {
    fn word(&self) -> Word {
        Word::Choose
    }
}

/// One number that only grows.
#[derive(Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, by: u64) {
        self.0.fetch_add(by, Ordering::Relaxed);
    }

    pub(crate) fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What the hooks of one stage came to.
#[derive(Default)]
pub(crate) struct Outcomes {
    verdicts: [Counter; Word::ALL.len()],
    faults: [Counter; HookFaultKind::ALL.len()],
    pub(crate) retries: Counter,
    sum_nanos: Counter,
    buckets: [Counter; TIME_BOUNDS.len()],
}

impl Outcomes {
    /// A hook returned.
    pub(crate) fn returned(&self, word: Word, took: Duration) {
        self.verdicts[word as usize].add(1);
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.sum_nanos.add(nanos);
        if let Some(at) = TIME_BOUNDS.iter().position(|bound| nanos <= bound * 1_000) {
            self.buckets[at].add(1);
        }
    }

    /// A hook failed in the end.
    pub(crate) fn failed(&self, kind: HookFaultKind) {
        self.faults[kind as usize].add(1);
    }

    /// Hooks that ended, one way or the other.
    pub(crate) fn ended(&self) -> u64 {
        self.verdicts.iter().chain(&self.faults).map(Counter::value).sum()
    }

    pub(crate) fn verdicts(&self) -> Vec<(&'static str, u64)> {
        Word::ALL.iter().zip(&self.verdicts).map(|(word, count)| (word.as_str(), count.value())).collect()
    }

    pub(crate) fn faults(&self) -> Vec<(&'static str, u64)> {
        HookFaultKind::ALL.iter().zip(&self.faults).map(|(kind, count)| (kind.as_str(), count.value())).collect()
    }

    pub(crate) fn times(&self) -> Times {
        Times {
            count: self.verdicts.iter().map(Counter::value).sum(),
            sum_nanos: self.sum_nanos.value(),
            buckets: std::array::from_fn(|at| self.buckets[at].value()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_has_a_counter_of_its_own() {
        for (at, word) in Word::ALL.into_iter().enumerate() {
            assert_eq!(at, word as usize);
        }
        for (at, kind) in HookFaultKind::ALL.into_iter().enumerate() {
            assert_eq!(at, kind as usize);
        }
        let outcomes = Outcomes::default();
        outcomes.returned(Word::Refuse, Duration::from_micros(3));
        outcomes.failed(HookFaultKind::Busy);
        assert_eq!(
            outcomes.verdicts().into_iter().filter(|(_, count)| *count > 0).collect::<Vec<_>>(),
            [("refuse", 1)]
        );
        assert_eq!(outcomes.faults().into_iter().filter(|(_, count)| *count > 0).collect::<Vec<_>>(), [("busy", 1)]);
        assert_eq!(outcomes.ended(), 2);
    }

    #[test]
    fn a_duration_is_in_the_first_bucket_that_holds_it() {
        let outcomes = Outcomes::default();
        for nanos in [1_000, 1_001, 1_000_000_000, 1_000_000_001] {
            outcomes.returned(Word::Pass, Duration::from_nanos(nanos));
        }
        let times = outcomes.times();
        assert_eq!((times.count, times.sum_nanos), (4, 2_000_002_002));
        assert_eq!((times.buckets[0], times.buckets[1], times.buckets[15]), (1, 1, 1));
    }
}
