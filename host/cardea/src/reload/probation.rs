//! Probation: what is new has to do as well as what was there before. It is looked at from outside only, by what every stage
//! counts anyway.

use std::sync::Arc;
use std::time::Duration;

use cardea_chain::{Chain, HookFaultKind};
use cardea_config::Reload;
use cardea_plugin::{BreakerState, Stats, TIME_BOUNDS, Times, WasmStage};
use tokio::time::{Instant, sleep};

use crate::assemble::Built;

/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// Failures below which a rate says nothing.
const FEW_FAILURES: u64 = 5;
/// Hooks in which one may fail.
const HOOKS_A_FAILURE: u64 = 100;
/// Hooks that returned, on both sides, below which their times are not compared.
const FEW_HOOKS: u64 = 200;
/// How much longer hooks may take.
const SLOWER: u64 = 3;
/// What is quicker than this is quick enough, however quick it was before: on a busy machine anything can wait so long.
const QUICK_NANOS: u64 = 5_000_000;

/// The stages that are new, for as long as they have not proved themselves.
pub(crate) struct Probation {
    chain: Arc<Chain>,
    ends: Instant,
    calls: u64,
    watched: Vec<Watched>,
}

/// What comes of it.
pub(crate) enum Verdict {
    /// What is new does as well as what was.
    Passed,
    /// It does not, and why.
    Failed(String),
}

struct Watched {
    stage: Arc<WasmStage>,
    name: String,
    /// A stage may have run before, in a generation that was sent back.
    at_first: Stats,
    before: Option<Stats>,
}

impl Probation {
    /// Begins it, if anything is new.
    pub(crate) fn begin(next: &Built, before: &Built, rules: &Reload) -> Option<Self> {
        let new = next.stages.iter().filter(|new| !before.stages.iter().any(|old| Arc::ptr_eq(&old.stage, &new.stage)));
        let watched = new.map(|new| Watched {
            stage: Arc::clone(&new.stage),
            name: new.plan.name.clone(),
            at_first: new.stage.stats(),
            before: before.stages.iter().find(|old| old.plan.name == new.plan.name).map(|old| old.stage.stats()),
        });
        let watched: Vec<_> = watched.collect();
        let chain = Arc::clone(&next.generation.chain);
        let calls = chain.calls_begun() + rules.probation_calls as u64;
        let probation = Self { chain, ends: Instant::now() + rules.probation, calls, watched };
        (!probation.watched.is_empty() && !rules.probation.is_zero()).then_some(probation)
    }

    /// Waits for the end of it.
    pub(crate) async fn verdict(&self) -> Verdict {
        loop {
            if let Some(why) = self.watched.iter().find_map(Watched::failing) {
                return Verdict::Failed(why);
            }
            if Instant::now() >= self.ends || self.chain.calls_begun() >= self.calls {
                return Verdict::Passed;
            }
            sleep(LOOK).await;
        }
    }
}

/// The end of a probation, if there is one.
pub(crate) async fn verdict(probation: Option<&Probation>) -> Verdict {
    match probation {
        Some(probation) => probation.verdict().await,
        None => std::future::pending().await,
    }
}

impl Watched {
    fn failing(&self) -> Option<String> {
        let (name, now) = (&self.name, self.stage.stats());
        if now.suspensions > self.at_first.suspensions && now.breaker != BreakerState::Closed {
            return Some(format!("stage `{name}` fails so often that it is left alone"));
        }
        let (at_first, before) = (&self.at_first, self.before.as_ref());
        let failed = failures(&now).saturating_sub(failures(at_first));
        let ended = hooks(&now).saturating_sub(hooks(at_first));
        if is_worse((failed, ended), before.map(|before| (failures(before), hooks(before)))) {
            return Some(format!("stage `{name}` failed in {failed} of {ended} calls"));
        }
        let (was, is) = (p99(&before?.times)?, p99(&since(&now.times, &at_first.times))?);
        (is > QUICK_NANOS && is > SLOWER * was).then(|| {
            let shown = |nanos| Duration::from_micros(nanos / 1_000);
            format!("stage `{name}` takes {:?} in one call of a hundred, where it took {:?}", shown(is), shown(was))
        })
    }
}

/// More than one failure in a hundred, and more than twice the rate there was before: a client that knows how to make either
/// of two versions fail must not keep the newer one out.
fn is_worse((failed, ended): (u64, u64), before: Option<(u64, u64)>) -> bool {
    let (failed_before, ended_before) = before.unwrap_or_default();
    failed >= FEW_FAILURES
        && failed * HOOKS_A_FAILURE > ended
        && (ended_before == 0 || failed * ended_before > 2 * failed_before * ended)
}

/// Failures that are the plugin's doing: not that too many called at once, and not that it was not asked.
fn failures(stats: &Stats) -> u64 {
    let others = [HookFaultKind::Busy, HookFaultKind::Suspended].map(|kind| stats.failed_by(kind));
    stats.failed().saturating_sub(others.iter().sum())
}

fn hooks(stats: &Stats) -> u64 {
    stats.times.count + failures(stats)
}

fn since(now: &Times, then: &Times) -> Times {
    Times {
        count: now.count.saturating_sub(then.count),
        sum_nanos: now.sum_nanos.saturating_sub(then.sum_nanos),
        buckets: std::array::from_fn(|at| now.buckets[at].saturating_sub(then.buckets[at])),
    }
}

/// What 99 of 100 hooks took at most, in nanoseconds, between the bounds of its bucket as if they were spread evenly; none for
/// too few of them.
fn p99(times: &Times) -> Option<u64> {
    if times.count < FEW_HOOKS {
        return None;
    }
    let wanted = (times.count * 99).div_ceil(100);
    let (mut below, mut lower) = (0, 0);
    for (bound, count) in TIME_BOUNDS.iter().zip(times.buckets) {
        let upper = bound * 1_000;
        if below + count >= wanted {
            return Some(lower + (upper - lower) * (wanted - below) / count.max(1));
        }
        (below, lower) = (below + count, upper);
    }
    Some(lower)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(at_20_us: u64, at_10_ms: u64) -> Times {
        let mut times = Times { count: at_20_us + at_10_ms, ..Times::default() };
        (times.buckets[4], times.buckets[12]) = (at_20_us, at_10_ms);
        times
    }

    #[test]
    fn one_slow_call_in_a_hundred_does_not_move_the_p99_and_more_do() {
        assert_eq!(p99(&times(199, 0)), None, "too few");
        let usual = p99(&times(1_000, 0)).unwrap();
        assert!((10_000..=20_000).contains(&usual), "{usual}");
        assert!(p99(&times(995, 5)).unwrap() <= 20_000);
        assert!(p99(&times(980, 20)).unwrap() > QUICK_NANOS);
    }

    #[test]
    fn failures_count_when_they_are_many_and_were_fewer() {
        assert!(!is_worse((4, 4), None), "too few to say");
        assert!(is_worse((5, 5), None));
        assert!(!is_worse((5, 500), None), "one in a hundred is borne");
        assert!(is_worse((6, 500), None));
        assert!(is_worse((6, 500), Some((0, 100_000))));
        assert!(!is_worse((10, 500), Some((10, 500))), "as before");
        assert!(!is_worse((10, 500), Some((5, 500))));
        assert!(is_worse((11, 500), Some((5, 500))));
    }
}
