//! What a client is told when it has to wait, and when nobody can say.

use cardea_sdk::Refusal;
use cardea_sdk::limiter::{Period, Rule, Taken};
use serde_json::{Map, Value};

use crate::limit::Limit;

/// There is no room in this limit.
pub(crate) fn limited(limit: &Limit, taken: &Taken) -> Refusal {
    let name = &limit.name;
    let seconds = whole_seconds(taken.retry_after_ms).max(1);
    let unit = if seconds == 1 { "second" } else { "seconds" };
    let message =
        format!("Too many calls: the limit `{name}` is used up. Wait {seconds} {unit}, then try the same call again.");
    let data = Map::from_iter([
        ("retryAfterMs".to_owned(), Value::from(taken.retry_after_ms)),
        ("limit".to_owned(), Value::from(name.as_str())),
        ("remaining".to_owned(), Value::from(taken.remaining)),
        ("resetMs".to_owned(), Value::from(taken.reset_ms)),
    ]);
    Refusal::limited(message)
        .reason(format!("limit `{name}`: {}", words(&limit.rule)))
        .retry_after_ms(taken.retry_after_ms)
        .data(&data)
        .header("retry-after", seconds.to_string())
        .header("ratelimit-policy", format!("\"{name}\";{}", policy(&limit.rule)))
        .header("ratelimit", format!("\"{name}\";r={};t={}", taken.remaining, whole_seconds(taken.reset_ms)))
}

/// Nobody can say whether there is room, so there is none.
pub(crate) fn unavailable(reason: &str) -> Refusal {
    Refusal::unavailable("Rate limits cannot be checked at the moment; try again later.").reason(reason)
}

fn whole_seconds(ms: u64) -> u64 {
    ms.div_ceil(1000)
}

/// The limit as the IETF draft writes it: how many in a window of how many seconds. Places that may be taken at once have no
/// window.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive, and a cast to u64 saturates")]
fn policy(rule: &Rule) -> String {
    match rule {
        Rule::Rate(rate) => {
            let seconds = (f64::from(rate.capacity) / rate.refill_per_second).ceil() as u64;
            format!("q={};w={seconds}", rate.capacity)
        }
        Rule::Window(window) => format!("q={};w={}", window.limit, seconds_of(window.per)),
        Rule::Concurrent(most) => format!("q={most}"),
    }
}

fn words(rule: &Rule) -> String {
    match rule {
        Rule::Rate(rate) => format!("at most {} at once and {} a second", rate.capacity, rate.refill_per_second),
        Rule::Window(window) => {
            format!("at most {} in {} seconds of the calendar", window.limit, seconds_of(window.per))
        }
        Rule::Concurrent(most) => format!("at most {most} under way"),
    }
}

/// A month counts as thirty days: the exact end is in `ratelimit`.
fn seconds_of(period: Period) -> u64 {
    match period {
        Period::Minute => 60,
        Period::Hour => 3_600,
        Period::Day => 86_400,
        Period::Month => 30 * 86_400,
    }
}
