//! What a hook takes beside its time: told with its verdict, and with its failure.

/// What one hook of a stage took. A native stage tells nothing of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Host functions it called, by interface.
    pub host_calls: HostCalls,
    /// Milliseconds of computing, as its CPU budget counts them: ticks of a clock that beats once a millisecond while a guest
    /// runs. A hook that took less has none.
    pub cpu_ticks: u32,
    /// Generation that the stage was loaded for.
    pub generation: u64,
    /// Where its instance came from; none if it never had one.
    pub instance: Option<Origination>,
    /// How often it was asked again on another instance.
    pub retries: u8,
}

impl Cost {
    /// Adds what a further part of the same hook took.
    pub fn add(&mut self, part: &Self) {
        self.host_calls.add(&part.host_calls);
        self.cpu_ticks = self.cpu_ticks.saturating_add(part.cpu_ticks);
        self.retries = self.retries.saturating_add(part.retries);
        self.generation = part.generation;
        // Of two instances the one that had to be started is what cost.
        self.instance = self.instance.max(part.instance);
    }
}

/// Where an instance came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origination {
    /// It had been started before.
    Warm,
    /// It was started for this hook.
    Fresh,
}

impl Origination {
    /// The word used for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Warm => "warm",
            Self::Fresh => "fresh",
        }
    }
}

/// Host functions a hook called, by interface; what is beyond a count's reach is not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HostCalls([u16; Import::ALL.len()]);

impl HostCalls {
    /// Counts one.
    pub fn count(&mut self, import: Import) {
        let count = &mut self.0[import as usize];
        *count = count.saturating_add(1);
    }

    fn add(&mut self, others: &Self) {
        self.0.iter_mut().zip(others.0).for_each(|(count, more)| *count = count.saturating_add(more));
    }

    /// Those that were called, with how often.
    pub fn iter(&self) -> impl Iterator<Item = (Import, u16)> {
        Import::ALL.into_iter().zip(self.0).filter(|(_, count)| *count > 0)
    }
}

/// An interface that a guest imports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is documented in wit/")]
pub enum Import {
    Call,
    Reply,
    Subject,
    Credential,
    Scratch,
    Obligation,
    Config,
    Catalog,
    Clock,
    Log,
    Metric,
    Kv,
    Limiter,
    Journal,
    Http,
    Secret,
}

impl Import {
    /// All of them, in the order of `wit/worlds.wit`.
    pub const ALL: [Self; 16] = [
        Self::Call,
        Self::Reply,
        Self::Subject,
        Self::Credential,
        Self::Scratch,
        Self::Obligation,
        Self::Config,
        Self::Catalog,
        Self::Clock,
        Self::Log,
        Self::Metric,
        Self::Kv,
        Self::Limiter,
        Self::Journal,
        Self::Http,
        Self::Secret,
    ];

    /// Name of the WIT interface.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Reply => "reply",
            Self::Subject => "subject",
            Self::Credential => "credential",
            Self::Scratch => "scratch",
            Self::Obligation => "obligation",
            Self::Config => "config",
            Self::Catalog => "catalog",
            Self::Clock => "clock",
            Self::Log => "log",
            Self::Metric => "metric",
            Self::Kv => "kv",
            Self::Limiter => "limiter",
            Self::Journal => "journal",
            Self::Http => "http",
            Self::Secret => "secret",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_import_has_a_count_of_its_own() {
        for (at, import) in Import::ALL.into_iter().enumerate() {
            assert_eq!(at, import as usize);
        }
        let mut calls = HostCalls::default();
        calls.count(Import::Secret);
        calls.count(Import::Kv);
        calls.count(Import::Kv);
        assert_eq!(calls.iter().collect::<Vec<_>>(), [(Import::Kv, 2), (Import::Secret, 1)]);
    }
}
