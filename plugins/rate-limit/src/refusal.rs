//! What a client is told when it has to wait, and when nobody can say.

use cardea_sdk::Refusal;
use cardea_sdk::limiter::Taken;
use serde_json::{Map, Value};

use crate::limit::Limit;

/// There is no room in this limit.
pub(crate) fn limited(limit: &Limit, taken: &Taken) -> Refusal {
    let (name, capacity) = (&limit.name, limit.rate.capacity);
    let seconds = whole_seconds(taken.retry_after_ms).max(1);
    let unit = if seconds == 1 { "second" } else { "seconds" };
    let message =
        format!("Too many calls: the limit `{name}` is used up. Wait {seconds} {unit}, then try the same call again.");
    let data = Map::from_iter([
        ("retryAfterMs".to_owned(), Value::from(taken.retry_after_ms)),
        ("limit".to_owned(), Value::from(name.as_str())),
        ("remaining".to_owned(), Value::from(taken.remaining)),
    ]);
    Refusal::limited(message)
        .reason(format!("limit `{name}`: at most {capacity} at once and {} a second", limit.rate.refill_per_second))
        .retry_after_ms(taken.retry_after_ms)
        .data(&data)
        .header("retry-after", seconds.to_string())
        .header("ratelimit-policy", format!("\"{name}\";q={capacity};w={}", window_seconds(limit)))
        .header("ratelimit", format!("\"{name}\";r={};t={}", taken.remaining, whole_seconds(taken.reset_ms)))
}

/// Nobody can say whether there is room, so there is none.
pub(crate) fn unavailable(reason: &str) -> Refusal {
    Refusal::unavailable("Rate limits cannot be checked at the moment; try again later.").reason(reason)
}

fn whole_seconds(ms: u64) -> u64 {
    ms.div_ceil(1000)
}

/// Seconds in which an empty bucket becomes full.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive, and a cast to u64 saturates")]
fn window_seconds(limit: &Limit) -> u64 {
    (f64::from(limit.rate.capacity) / limit.rate.refill_per_second).ceil() as u64
}
