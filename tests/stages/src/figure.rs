//! Figures, and times worth being one.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::Outcome;

/// How often a batch is measured; the middle one counts.
const BATCHES: usize = 31;
/// How long a batch should take: long against the clock's own grain, short against what else the machine does.
const BATCH: Duration = Duration::from_millis(4);

/// Prints a figure.
#[allow(clippy::print_stdout, reason = "this is what the program is for")]
pub(crate) fn tell(name: &str, value: f64, unit: &str) {
    println!("{}", json!({ "name": name, "value": value, "unit": unit }));
}

/// Microseconds of one round: the median of batches.
pub(crate) async fn micros(mut round: impl AsyncFnMut() -> Outcome) -> Outcome<f64> {
    let mut rounds = 1_u32;
    loop {
        if timed(rounds, &mut round).await? >= BATCH || rounds >= 1 << 20 {
            break;
        }
        rounds *= 2;
    }
    let mut batches = Vec::with_capacity(BATCHES);
    for _ in 0..BATCHES {
        batches.push(timed(rounds, &mut round).await?.as_secs_f64() * 1e6 / f64::from(rounds));
    }
    Ok(at(&mut batches, 0.5))
}

/// The value below which this share of them lies.
pub(crate) fn at(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    values.get(((last as f64) * share).round() as usize).copied().unwrap_or(f64::NAN)
}

async fn timed(rounds: u32, round: &mut impl AsyncFnMut() -> Outcome) -> Outcome<Duration> {
    let started = Instant::now();
    for _ in 0..rounds {
        round().await?;
    }
    Ok(started.elapsed())
}
