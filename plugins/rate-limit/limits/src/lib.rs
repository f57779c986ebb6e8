//! Limits on calls: what `rate-limit` and `quota` have in common. Counting is the host's: one `limiter.take` for all limits of a
//! call, all or nothing.

mod cost;
mod key;
mod limit;
mod refusal;

use cardea_sdk::prelude::*;

pub use limit::Config;
use limit::Limit;
use refusal::{limited, unavailable};

/// The limits in force.
#[derive(Debug)]
pub struct Limits(Vec<Limit>);

impl Limits {
    /// The limits of a configuration, or what is wrong with it.
    pub fn new(config: Config) -> Result<Self, String> {
        config.into_limits().map(Self)
    }

    /// The place of the first limit whose cost is in the reply.
    pub fn settles(&self) -> Option<usize> {
        self.0.iter().position(|limit| limit.cost.is_in_reply())
    }

    /// Takes what the current call costs from every limit that is for it, or from none.
    pub fn take(&self) -> CallVerdict {
        let method = call::method();
        let limits: Vec<&Limit> = self.0.iter().filter(|limit| limit.is_for(&method)).collect();
        if limits.is_empty() {
            return CallVerdict::Pass;
        }
        let buckets: Vec<_> = limits.iter().map(|limit| limit.bucket(&method)).collect();
        let taken = match limiter::take(&buckets) {
            Ok(taken) => taken,
            Err(error) => return unavailable(&format!("the limiter failed: {error}")).into(),
        };
        if taken.allowed {
            return CallVerdict::Pass;
        }
        match limits.get(taken.bucket as usize) {
            Some(limit) => limited(limit, &taken).into(),
            None => unavailable("the limiter refused for a bucket that it was not asked for").into(),
        }
    }

    /// Corrects what was taken, for the limits whose cost is in the reply. What no server answered has cost nothing of it.
    pub fn settle(&self) {
        let method = call::method();
        for limit in self.0.iter().filter(|limit| limit.cost.is_in_reply() && limit.is_for(&method)) {
            let bytes = if reply::origin() == reply::Producer::Server { reply::size() } else { 0 };
            let delta = limit.cost.after(limit.cost.before(), bytes);
            if delta != 0
                && let Err(error) = limiter::settle(&limit.bucket(&method), delta)
            {
                log::warn(&format!("limit `{}` was not settled: {error}", limit.name));
                metric::count("settle_errors", 1);
            }
        }
    }
}
