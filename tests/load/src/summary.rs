//! What was measured, as the one JSON line a subcommand prints.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::Outcome;

/// Times of calls, in nanoseconds, to three digits.
pub(crate) struct Times(Histogram<u64>);

/// One line of results; times are in microseconds.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    pub(crate) requests: u64,
    pub(crate) errors: u64,
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    pub(crate) rps: f64,
}

impl Times {
    /// No times yet.
    pub(crate) fn new() -> Outcome<Self> {
        Ok(Self(Histogram::new(3)?))
    }

    /// Adds one. The histogram grows with what it holds: a thousand connections have one each.
    pub(crate) fn add(&mut self, time: Duration) -> Outcome {
        Ok(self.0.record(u64::try_from(time.as_nanos())?)?)
    }

    /// Adds all of another's.
    pub(crate) fn merge(&mut self, other: &Self) -> Outcome {
        Ok(self.0.add(&other.0)?)
    }

    /// What they come to, taken over this long.
    pub(crate) fn summary(&self, errors: u64, elapsed: Duration) -> Summary {
        #[allow(clippy::cast_precision_loss, reason = "three digits are kept, and a double holds fifteen")]
        let microseconds = |quantile| self.0.value_at_quantile(quantile) as f64 / 1000.0;
        #[allow(clippy::cast_precision_loss, reason = "as above")]
        let rps = self.0.len() as f64 / elapsed.as_secs_f64();
        let requests = self.0.len();
        Summary { requests, errors, p50: microseconds(0.5), p90: microseconds(0.9), p99: microseconds(0.99), rps }
    }
}

impl Summary {
    /// Prints the line.
    pub(crate) fn print(&self) -> Outcome {
        println!("{}", serde_json::to_string(self)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_microseconds_and_the_rate_is_per_second() {
        let mut times = Times::new().unwrap();
        let mut others = Times::new().unwrap();
        (1..=50).for_each(|count| times.add(Duration::from_micros(count)).unwrap());
        (51..=100).for_each(|count| others.add(Duration::from_micros(count)).unwrap());
        times.merge(&others).unwrap();
        let summary = times.summary(2, Duration::from_secs(4));
        assert_eq!((summary.requests, summary.errors), (100, 2));
        assert!((summary.p50 - 50.0).abs() < 0.1 && (summary.p99 - 99.0).abs() < 0.1, "{summary:?}");
        assert!((summary.rps - 25.0).abs() < 0.001, "{summary:?}");
    }
}
