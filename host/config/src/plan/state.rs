//! Where the counters and values of stages are kept.

use std::time::Duration;

use cardea_grant::Secret;

use crate::manifest::{KeepIn, State};
use crate::report::{Problem, Report};
use crate::spans::Spans;

/// Where the counters and values of stages are kept.
#[derive(Clone, Debug, PartialEq)]
pub struct StatePlan {
    /// The place.
    pub place: StatePlace,
    /// Where it was written.
    pub spans: Spans,
}

/// A place for state.
#[derive(Clone, Debug, PartialEq)]
pub enum StatePlace {
    /// This gateway.
    Own(KeepIn),
    /// A Redis that gateways share.
    Redis(RedisPlan),
}

/// A Redis that gateways share.
#[derive(Clone, Debug, PartialEq)]
pub struct RedisPlan {
    /// Its address, which may hold a password.
    pub address: Secret,
    /// What every key begins with.
    pub prefix: String,
    /// Longest wait for an answer.
    pub patience: Duration,
}

pub(super) fn state(raw: State, report: &mut Report) -> StatePlan {
    if raw.redis.is_some() && raw.spans.written("keep-in") {
        let message = "`state.keep-in` is written beside `state.redis`, which takes its place";
        let problem = Problem::new(raw.spans.of("keep-in"), message, "nothing is kept there");
        report.push(problem.help("leave one of them out"));
    }
    for key in ["prefix", "patience"].into_iter().filter(|key| raw.redis.is_none() && raw.spans.written(key)) {
        // A redis that was written and could not be read has its own problem.
        if !raw.spans.written("redis") {
            let message = format!("`state.{key}` is written, and no `state.redis`");
            report.push(Problem::new(raw.spans.of(key), message, "has no meaning without Redis"));
        }
    }
    let State { keep_in, redis, prefix, patience, spans } = raw;
    let place = match (redis, keep_in) {
        (Some(address), _) => StatePlace::Redis(RedisPlan { address, prefix, patience }),
        (None, keep_in) => StatePlace::Own(keep_in),
    };
    StatePlan { place, spans }
}
