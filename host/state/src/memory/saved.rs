//! A counter as it is written down, for the process after this one.

use crate::{Period, Rule};

/// What a counter counts. Concurrent slots are not among them: they end with the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Counted {
    /// A steady rate.
    Rate,
    /// What was taken in a calendar period.
    Window(Period),
}

/// How a counter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Saved {
    /// Of a rate: when it is full again, in nanoseconds. Of a window: when it ends, in milliseconds.
    pub(crate) at: u64,
    /// Of a window: what was taken.
    pub(crate) used: u64,
}

impl Counted {
    const ALL: [Self; 5] = [
        Self::Rate,
        Self::Window(Period::Minute),
        Self::Window(Period::Hour),
        Self::Window(Period::Day),
        Self::Window(Period::Month),
    ];

    /// What a rule counts, if that outlives the process.
    pub(crate) fn of(rule: &Rule) -> Option<Self> {
        match rule {
            Rule::Rate(_) => Some(Self::Rate),
            Rule::Window(window) => Some(Self::Window(window.per)),
            Rule::Concurrent(_) => None,
        }
    }

    /// Its name in the file.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Window(per) => per.name(),
        }
    }

    /// The one of that name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|counted| counted.name() == name)
    }
}
