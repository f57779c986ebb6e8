//! Whether a stage is asked at all. One that keeps failing is left alone for a while, so that neither its failures nor its
//! budgets are paid for by every call; then one call tries it.
//!
//! Failures count only where they are the rule: as long as at least half of the hooks return, a client that knows how to
//! make the plugin trap cannot have it suspended for everybody else.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cardea_chain::{HookFault, HookFaultKind};
use tokio::time::Instant;

/// So many failures …
const FAILURES: usize = 5;
/// … within this time, that were at least half of the hooks that ended in it, suspend a stage.
const WINDOW: Duration = Duration::from_secs(10);
/// How long it is left alone: at first, and at most. It doubles with every try that fails.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A stage that has worked for so long starts with the first pause again.
const TRUST: Duration = Duration::from_secs(60);

/// Whether a stage is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// It is.
    Closed,
    /// It has failed too often, and is left alone.
    Open,
    /// One call is trying it.
    HalfOpen,
    /// It has failed every try, up to the longest pause. It is still tried, once a pause; somebody should look at it.
    Quarantined,
}

impl BreakerState {
    /// The word used in the status.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half-open",
            Self::Quarantined => "quarantined",
        }
    }
}

/// The breaker of one stage of one generation.
pub(crate) struct Breaker {
    stage: Arc<str>,
    /// The only thing a call looks at while all is well.
    shut: AtomicBool,
    inner: Mutex<Inner>,
}

struct Inner {
    /// The latest failures: when, and how many hooks had ended then.
    failures: VecDeque<(Instant, u64)>,
    stage: Stage,
    pause: Duration,
    quarantined: bool,
    suspensions: u64,
}

enum Stage {
    Working { since: Option<Instant> },
    LeftAlone { until: Instant },
    Tried,
}

/// The right to ask a stage. The one call that tries a suspended stage reports how it went; if it goes away without a word,
/// the next may try.
pub(crate) struct Pass<'a>(Option<&'a Breaker>);

impl Breaker {
    pub(crate) fn new(stage: &Arc<str>) -> Self {
        let inner = Inner {
            failures: VecDeque::with_capacity(FAILURES),
            stage: Stage::Working { since: None },
            pause: FIRST_PAUSE,
            quarantined: false,
            suspensions: 0,
        };
        Self { stage: Arc::clone(stage), shut: AtomicBool::new(false), inner: Mutex::new(inner) }
    }

    /// Lets a call ask the stage, or says that it is suspended.
    pub(crate) fn admit(&self) -> Result<Pass<'_>, HookFault> {
        if !self.shut.load(Ordering::Relaxed) {
            return Ok(Pass(None));
        }
        let mut inner = self.inner();
        match inner.stage {
            Stage::Working { .. } => Ok(Pass(None)),
            Stage::LeftAlone { until } if until <= Instant::now() => {
                inner.stage = Stage::Tried;
                Ok(Pass(Some(self)))
            }
            Stage::LeftAlone { .. } | Stage::Tried => {
                let inside = "it failed too often of late and is left alone for a while".to_owned();
                Err(HookFault::new(HookFaultKind::Suspended, inside))
            }
        }
    }

    /// What it is doing, and how often it has suspended the stage.
    pub(crate) fn state(&self) -> (BreakerState, u64) {
        let inner = self.inner();
        let state = match inner.stage {
            Stage::Working { .. } => BreakerState::Closed,
            _ if inner.quarantined => BreakerState::Quarantined,
            Stage::LeftAlone { .. } => BreakerState::Open,
            Stage::Tried => BreakerState::HalfOpen,
        };
        (state, inner.suspensions)
    }

    /// A hook failed; `ended` is how many have ended, this one included.
    fn failed(&self, ended: u64) {
        let now = Instant::now();
        let mut inner = self.inner();
        // Calls that were let in before it was suspended still end.
        let Stage::Working { since } = inner.stage else { return };
        if inner.failures.len() == FAILURES {
            inner.failures.pop_front();
        }
        inner.failures.push_back((now, ended));
        let Some((first, before)) = inner.failures.front().copied() else { return };
        let hooks = ended.saturating_sub(before) + 1;
        let rule = inner.failures.len() == FAILURES && now - first <= WINDOW && hooks <= 2 * FAILURES as u64;
        if rule {
            if since.is_none_or(|since| now - since >= TRUST) {
                inner.pause = FIRST_PAUSE;
            }
            self.suspend(&mut inner, now);
        }
    }

    fn suspend(&self, inner: &mut Inner, now: Instant) {
        let (stage, pause) = (&self.stage, inner.pause);
        inner.failures.clear();
        inner.suspensions += 1;
        inner.stage = Stage::LeftAlone { until: now + pause };
        if inner.quarantined {
            tracing::error!(%stage, ?pause, "the stage still fails; it is in quarantine");
        } else if pause == LONGEST_PAUSE {
            inner.quarantined = true;
            tracing::error!(%stage, ?pause, "the stage fails every time it is tried and is put into quarantine: replace the plugin or its configuration");
        } else {
            tracing::error!(%stage, ?pause, "the stage fails too often; it is left alone, and `on-error` decides meanwhile");
        }
        inner.pause = (pause * 2).min(LONGEST_PAUSE);
        self.shut.store(true, Ordering::Relaxed);
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass<'_> {
    /// The stage works.
    pub(crate) fn returned(mut self) {
        let Some(breaker) = self.0.take() else { return };
        let mut inner = breaker.inner();
        inner.stage = Stage::Working { since: Some(Instant::now()) };
        inner.quarantined = false;
        breaker.shut.store(false, Ordering::Relaxed);
        tracing::info!(stage = %breaker.stage, "the stage works again");
    }

    /// The stage failed; `ended` is how many hooks have ended, this one included.
    pub(crate) fn failed(mut self, breaker: &Breaker, ended: u64) {
        match self.0.take() {
            Some(breaker) => {
                let mut inner = breaker.inner();
                breaker.suspend(&mut inner, Instant::now());
            }
            None => breaker.failed(ended),
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if let Some(breaker) = self.0 {
            breaker.inner().stage = Stage::LeftAlone { until: Instant::now() };
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn breaker() -> Breaker {
        Breaker::new(&"s".into())
    }

    fn fail(breaker: &Breaker, ended: u64) {
        breaker.admit().unwrap().failed(breaker, ended);
    }

    fn suspend(breaker: &Breaker) {
        (1..=5).for_each(|ended| fail(breaker, ended));
        assert_eq!(breaker.state().0, BreakerState::Open);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stage_that_only_fails_is_left_alone_and_tried_by_one_call() {
        let breaker = breaker();
        suspend(&breaker);
        assert_eq!(breaker.admit().err().unwrap().kind, HookFaultKind::Suspended);
        advance(FIRST_PAUSE).await;
        let pass = breaker.admit().unwrap();
        assert_eq!(breaker.state(), (BreakerState::HalfOpen, 1));
        assert!(breaker.admit().is_err(), "two calls try it");
        pass.returned();
        assert_eq!(breaker.state(), (BreakerState::Closed, 1));
        assert!(breaker.admit().is_ok() && breaker.admit().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_double_and_end_in_quarantine_from_which_one_success_leads_out() {
        let breaker = breaker();
        suspend(&breaker);
        for pause in [1, 2, 4, 8, 16] {
            assert_eq!(breaker.state().0, BreakerState::Open);
            advance(Duration::from_secs(pause) - Duration::from_millis(1)).await;
            assert!(breaker.admit().is_err(), "tried within the pause of {pause} s");
            advance(Duration::from_millis(1)).await;
            fail(&breaker, 0);
        }
        assert_eq!(breaker.state(), (BreakerState::Quarantined, 6));
        advance(LONGEST_PAUSE).await;
        fail(&breaker, 0);
        assert_eq!(breaker.state(), (BreakerState::Quarantined, 7));
        advance(LONGEST_PAUSE).await;
        breaker.admit().unwrap().returned();
        assert_eq!(breaker.state().0, BreakerState::Closed);
    }

    #[tokio::test(start_paused = true)]
    async fn only_who_has_worked_for_long_begins_with_a_short_pause_again() {
        for (worked, pause) in [(TRUST - Duration::from_secs(1), 2), (TRUST, 1)] {
            let breaker = breaker();
            suspend(&breaker);
            advance(FIRST_PAUSE).await;
            breaker.admit().unwrap().returned();
            advance(worked).await;
            suspend(&breaker);
            advance(Duration::from_secs(pause) - Duration::from_millis(1)).await;
            assert!(breaker.admit().is_err());
            advance(Duration::from_millis(1)).await;
            assert!(breaker.admit().is_ok());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn failures_that_are_rare_or_far_apart_suspend_nobody() {
        let rare = breaker();
        (1..=50).for_each(|failure| fail(&rare, failure * 4));
        assert_eq!(rare.state(), (BreakerState::Closed, 0));
        let slow = breaker();
        for failure in 1..=50 {
            advance(Duration::from_secs(3)).await;
            fail(&slow, failure);
        }
        assert_eq!(slow.state(), (BreakerState::Closed, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn who_tries_and_goes_away_leaves_the_try_to_the_next() {
        let breaker = breaker();
        suspend(&breaker);
        advance(FIRST_PAUSE).await;
        drop(breaker.admit().unwrap());
        assert_eq!(breaker.state().0, BreakerState::Open);
        assert!(breaker.admit().is_ok());
    }
}
