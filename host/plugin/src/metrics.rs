//! Numbers that a plugin gives the operator, kept by the stage until somebody asks for them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Names a stage may have.
const MOST_NAMES: usize = 64;
/// Upper bounds of a histogram's buckets: from a thousandth to a hundred thousand, because the unit is the plugin's.
pub const BOUNDS: [f64; 9] = [0.001, 0.01, 0.1, 1.0, 10.0, 100.0, 1e3, 1e4, 1e5];

/// The numbers of one stage.
#[derive(Default)]
pub(crate) struct Metrics(Mutex<BTreeMap<String, Metric>>);

/// One number.
#[derive(Clone, Debug, PartialEq)]
pub enum Metric {
    /// A counter.
    Count(u64),
    /// A histogram.
    Observations(Observations),
}

/// A histogram.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observations {
    /// How many.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// How many were at most the bound of the same index in [`BOUNDS`].
    pub buckets: [u64; BOUNDS.len()],
}

impl Metrics {
    pub(crate) fn count(&self, name: String, by: u64) {
        self.change(
            name,
            || Metric::Count(0),
            |metric| match metric {
                Metric::Count(count) => *count = count.saturating_add(by),
                Metric::Observations(_) => {}
            },
        );
    }

    pub(crate) fn observe(&self, name: String, value: f64) {
        self.change(
            name,
            || Metric::Observations(Observations::default()),
            |metric| match metric {
                Metric::Observations(all) if value.is_finite() => {
                    all.count += 1;
                    all.sum += value;
                    all.buckets
                        .iter_mut()
                        .zip(BOUNDS)
                        .filter(|(_, bound)| value <= *bound)
                        .for_each(|(count, _)| *count += 1);
                }
                _ => {}
            },
        );
    }

    pub(crate) fn all(&self) -> BTreeMap<String, Metric> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A name that is none, and a name too many, are dropped: a metric is no reason to fail a call.
    fn change(&self, name: String, new: impl FnOnce() -> Metric, change: impl FnOnce(&mut Metric)) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(metric) = all.get_mut(&name) {
            change(metric);
        } else if is_name(&name) && all.len() < MOST_NAMES {
            change(all.entry(name).or_insert_with(new));
        }
    }
}

fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=64).contains(&name.len()) && name.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_add_up_under_good_names_only() {
        let metrics = Metrics::default();
        metrics.count("calls".into(), 2);
        metrics.count("calls".into(), 3);
        metrics.count("Calls".into(), 1);
        metrics.observe("size".into(), 50.0);
        metrics.observe("size".into(), f64::NAN);
        let all = metrics.all();
        assert_eq!(all.len(), 2);
        assert_eq!(all["calls"], Metric::Count(5));
        let buckets = [0, 0, 0, 0, 0, 1, 1, 1, 1];
        assert_eq!(all["size"], Metric::Observations(Observations { count: 1, sum: 50.0, buckets }));
    }

    #[test]
    fn names_are_bounded() {
        let metrics = Metrics::default();
        (0..100).for_each(|number| metrics.count(format!("n{number}"), 1));
        assert_eq!(metrics.all().len(), MOST_NAMES);
    }
}
