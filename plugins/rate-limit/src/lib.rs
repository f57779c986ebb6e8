//! Limits how often calls may be made, how much they may use, and how many may be under way. Counting is the host's: one
//! `limiter.take` for all limits of a call, all or nothing, and one `limiter.settle` where the reply tells the cost.

mod cost;
mod key;
mod limit;
mod refusal;

use cardea_sdk::prelude::*;

pub use limit::Config;
use limit::Limit;
use refusal::{limited, unavailable};

/// The limits in force.
pub struct RateLimit {
    limits: Vec<Limit>,
}

#[cardea_sdk::plugin]
impl Plugin for RateLimit {
    type Config = Config;

    fn new(config: Config) -> Result<Self, String> {
        Ok(Self { limits: config.into_limits()? })
    }

    fn on_call(&self) -> CallVerdict {
        let method = call::method();
        let limits: Vec<&Limit> = self.limits.iter().filter(|limit| limit.is_for(&method)).collect();
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
    fn on_reply(&self) -> ReplyVerdict {
        let method = call::method();
        for limit in self.limits.iter().filter(|limit| limit.is_for(&method)) {
            let bytes = if reply::origin() == reply::Producer::Server { reply::size() } else { 0 };
            let delta = limit.cost.after(limit.cost.before(), bytes);
            if delta != 0
                && let Err(error) = limiter::settle(&limit.bucket(&method), delta)
            {
                log::warn(&format!("limit `{}` was not settled: {error}", limit.name));
                metric::count("settle_errors", 1);
            }
        }
        ReplyVerdict::Pass
    }
}
