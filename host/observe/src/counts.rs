//! Numbers of all calls since the start. Adding is a few atomics; only a server's failure takes a lock.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use cardea_chain::Trace;
use cardea_message::Method;

use crate::{Exposition, Histogram, metrics};

/// How many methods are told apart.
const KNOWN: usize = 16;
/// Methods that are told apart. Any other, which a caller could have made up, is `other`.
static METHODS: [Method; KNOWN] = [
    Method::TOOLS_CALL,
    Method::TOOLS_LIST,
    Method::RESOURCES_READ,
    Method::RESOURCES_LIST,
    Method::RESOURCES_TEMPLATES_LIST,
    Method::RESOURCES_SUBSCRIBE,
    Method::RESOURCES_UNSUBSCRIBE,
    Method::PROMPTS_GET,
    Method::PROMPTS_LIST,
    Method::COMPLETION_COMPLETE,
    Method::SUBSCRIPTIONS_LISTEN,
    Method::SERVER_DISCOVER,
    Method::INITIALIZE,
    Method::PING,
    Method::LOGGING_SET_LEVEL,
    Method::TASKS_GET,
];
const OTHER: &str = "other";
/// Exchanges that were refused before their body was read have no method.
const NONE: &str = "none";
/// The words of [`cardea_chain::End::outcome`].
const OUTCOMES: [&str; 6] = ["ok", "tool-error", "error", "refused", "failed", "cancelled"];
/// Servers and kinds of failures that are told apart; names of servers are the manifest's, so only many reloads reach it.
const MOST_FAULTS: usize = 1_000;
/// Upper bounds of the buckets of durations, in microseconds.
const BOUNDS: [u64; 14] =
    [100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 500_000, 1_000_000, 10_000_000, 60_000_000];

/// Numbers of all calls.
#[derive(Default)]
pub(crate) struct Counts {
    begun: AtomicU64,
    ended: AtomicU64,
    calls: [[AtomicU64; OUTCOMES.len()]; KNOWN + 2],
    micros: AtomicU64,
    durations: [AtomicU64; BOUNDS.len()],
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    faults: Mutex<BTreeMap<(Arc<str>, String), u64>>,
}

impl Counts {
    pub(crate) fn begun(&self) {
        add(&self.begun, 1);
    }

    pub(crate) fn ended(&self, trace: &Trace) {
        add(&self.ended, 1);
        let outcome = OUTCOMES.iter().position(|word| *word == trace.end.outcome);
        add(&self.calls[class(&trace.method)][outcome.unwrap_or_default()], 1);
        add(&self.micros, trace.micros);
        if let Some(at) = BOUNDS.iter().position(|bound| trace.micros <= *bound) {
            add(&self.durations[at], 1);
        }
        add(&self.bytes_in, trace.bytes_in as u64);
        add(&self.bytes_out, trace.bytes_out as u64);
        if let ("failed", "server", Some(server)) = (trace.end.outcome, trace.end.blame, &trace.server) {
            self.fault(server, trace.end.detail.as_deref().unwrap_or_default());
        }
    }

    pub(crate) fn expose(&self, exposition: &mut Exposition) {
        for (class, outcomes) in self.calls.iter().enumerate() {
            let method = name(class);
            for (outcome, count) in OUTCOMES.iter().zip(outcomes) {
                // What a gateway without prompts never sees would be a dozen lines of zeros.
                if value(count) > 0 {
                    exposition.counter(&metrics::CALLS, &[method, outcome], value(count));
                }
            }
        }
        let ended = value(&self.ended);
        exposition.gauge(&metrics::CALLS_IN_FLIGHT, &[], value(&self.begun).saturating_sub(ended) as f64);
        let buckets: Vec<u64> = self.durations.iter().map(value).collect();
        let bounds = BOUNDS.map(|micros| micros as f64 / 1e6);
        let sum = value(&self.micros) as f64 / 1e6;
        exposition.histogram(&metrics::CALL_DURATION, &[], &Histogram::of_parts(&bounds, &buckets, ended, sum));
        exposition.counter(&metrics::CALL_BYTES, &["in"], value(&self.bytes_in));
        exposition.counter(&metrics::CALL_BYTES, &["out"], value(&self.bytes_out));
        for ((server, fault), count) in self.faults.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            exposition.counter(&metrics::SERVER_FAULTS, &[server, fault], *count);
        }
    }

    fn fault(&self, server: &Arc<str>, fault: &str) {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (Arc::clone(server), fault.to_owned());
        if faults.len() < MOST_FAULTS || faults.contains_key(&key) {
            *faults.entry(key).or_default() += 1;
        }
    }
}

fn class(method: &Method) -> usize {
    let known = METHODS.iter().position(|known| known == method);
    known.unwrap_or(if method.as_str().is_empty() { KNOWN + 1 } else { KNOWN })
}

fn name(class: usize) -> &'static str {
    match METHODS.get(class) {
        Some(method) => method.as_str(),
        None if class == KNOWN => OTHER,
        None => NONE,
    }
}

fn add(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}

fn value(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_that_callers_make_up_are_one() {
        assert_eq!(name(class(&Method::TASKS_GET)), "tasks/get");
        assert_eq!(name(class(&Method::parse("evil/1"))), "other");
        assert_eq!(class(&Method::parse("evil/1")), class(&Method::parse("evil/2")));
        assert_eq!(name(class(&Method::parse(""))), "none");
    }
}
