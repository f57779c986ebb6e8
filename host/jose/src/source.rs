//! The keys of one issuer over time: fresh, stale and still usable, or gone. However many ask, one fetch is under way.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use cardea_egress::Outlet;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use tokio::time::Instant;

use crate::TokenFault;
use crate::fetch::{Fetched, Place};
use crate::key_set::KeySet;

/// How long keys are used while their issuer cannot be reached.
const MOST_STALE: Duration = Duration::from_secs(24 * 3600);
/// A key nobody knows makes the keys be fetched, and no second one does for this long: whoever invents names of keys costs
/// the issuer one request in that time.
const UNKNOWN_PAUSE: Duration = Duration::from_secs(30);
/// The pause after a fetch that failed; it doubles with every further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Where keys come from, and those that came.
pub(crate) struct Source {
    place: Place,
    outlet: Outlet,
    keys: ArcSwapOption<Keys>,
    fetching: Mutex<Fetching>,
}

/// Keys with their age.
struct Keys {
    set: Arc<KeySet>,
    text: Bytes,
    fetched: Instant,
    fresh_for: Duration,
}

/// What came of a fetch; everybody who waits for it is told.
type Outcome = Result<(), Arc<str>>;

#[derive(Default)]
struct Fetching {
    under_way: Option<Shared<BoxFuture<'static, Outcome>>>,
    failures: u32,
    /// The last failure, and until when nobody tries again.
    pause: Option<(Instant, Arc<str>)>,
    /// Until when a key nobody knows is no reason to fetch.
    unknown: Option<Instant>,
}

impl Source {
    pub(crate) fn new(place: Place, outlet: Outlet) -> Arc<Self> {
        Arc::new(Self { place, outlet, keys: ArcSwapOption::empty(), fetching: Mutex::default() })
    }

    /// The keys. Waits only while there are none that may be used; stale ones are replaced behind the caller's back.
    pub(crate) async fn keys(self: &Arc<Self>) -> Result<Arc<KeySet>, TokenFault> {
        if let Some(keys) = &*self.keys.load() {
            let age = keys.fetched.elapsed();
            if age >= keys.fresh_for && age < MOST_STALE {
                drop(self.fetch());
            }
            if age < MOST_STALE {
                return Ok(Arc::clone(&keys.set));
            }
        }
        self.fetch().await.map_err(|why| self.unavailable(&why))?;
        self.present().ok_or_else(|| self.unavailable("they were not kept"))
    }

    /// The keys after one more look at the issuer, because a token names one that is not among them. None if that was done
    /// only just now, or failed.
    pub(crate) async fn newer_keys(self: &Arc<Self>) -> Option<Arc<KeySet>> {
        let fetch = {
            let mut fetching = self.lock();
            let now = Instant::now();
            let paused = fetching.unknown.is_some_and(|until| now < until);
            if paused && fetching.under_way.is_none() {
                return None;
            }
            if !paused {
                fetching.unknown = Some(now + UNKNOWN_PAUSE);
            }
            self.fetch_locked(&mut fetching)
        };
        fetch.await.ok()?;
        self.present()
    }

    /// The keys as they are, whatever their age.
    pub(crate) fn present(&self) -> Option<Arc<KeySet>> {
        self.keys.load().as_ref().map(|keys| Arc::clone(&keys.set))
    }

    /// Begins to fetch, so that the first caller need not wait for it.
    pub(crate) fn warm(self: &Arc<Self>) {
        if self.keys.load().is_none() {
            drop(self.fetch());
        }
    }

    fn fetch(self: &Arc<Self>) -> Shared<BoxFuture<'static, Outcome>> {
        self.fetch_locked(&mut self.lock())
    }

    /// The fetch that is under way, or one that begins now, or the last failure. It is a task of its own: whoever waits for it
    /// may stop waiting.
    fn fetch_locked(self: &Arc<Self>, fetching: &mut Fetching) -> Shared<BoxFuture<'static, Outcome>> {
        if let Some(under_way) = &fetching.under_way {
            return under_way.clone();
        }
        if let Some((until, why)) = &fetching.pause
            && Instant::now() < *until
        {
            return std::future::ready(Err(Arc::clone(why))).boxed().shared();
        }
        let source = Arc::clone(self);
        let task = tokio::spawn(async move { source.fetch_now().await });
        let fetch = task.map(|ended| ended.unwrap_or_else(|_| Err("the fetch was ended".into()))).boxed().shared();
        fetching.under_way = Some(fetch.clone());
        fetch
    }

    async fn fetch_now(&self) -> Outcome {
        let outcome = self.place.fetch(&self.outlet).await.and_then(|fetched| self.keep(fetched));
        let mut fetching = self.lock();
        fetching.under_way = None;
        match outcome {
            Ok(()) => {
                fetching.failures = 0;
                fetching.pause = None;
                Ok(())
            }
            Err(why) => {
                let pause = (FIRST_PAUSE * 2_u32.saturating_pow(fetching.failures.min(16))).min(LONGEST_PAUSE);
                fetching.failures += 1;
                let kept = self.keys.load().as_ref().map(|keys| keys.fetched.elapsed().as_secs());
                tracing::warn!(
                    issuer = self.place.issuer,
                    kept_for_secs = kept,
                    again_in_secs = pause.as_secs(),
                    "the keys of an issuer cannot be fetched: {why}"
                );
                let why: Arc<str> = why.into();
                fetching.pause = Some((Instant::now() + pause, Arc::clone(&why)));
                Err(why)
            }
        }
    }

    /// Puts fetched keys in the place of those before. Equal ones keep theirs, and what was verified with them stays so.
    fn keep(&self, fetched: Fetched) -> Result<(), String> {
        let Fetched { text, fresh_for } = fetched;
        let same = self.keys.load().as_ref().filter(|keys| keys.text == text).map(|keys| Arc::clone(&keys.set));
        let set = match same {
            Some(set) => set,
            None => {
                let issuer = &self.place.issuer;
                let set = KeySet::parse(&text, issuer).map_err(|why| format!("the key set cannot be used: {why}"))?;
                if set.len() == 0 {
                    return Err("the key set has no key that may be used".to_owned());
                }
                tracing::info!(issuer, keys = set.len(), "the keys of an issuer were fetched");
                Arc::new(set)
            }
        };
        self.keys.store(Some(Arc::new(Keys { set, text, fetched: Instant::now(), fresh_for })));
        Ok(())
    }

    fn unavailable(&self, why: &str) -> TokenFault {
        TokenFault::Unavailable(format!("the keys of {} cannot be had: {why}", self.place.issuer))
    }

    fn lock(&self) -> MutexGuard<'_, Fetching> {
        self.fetching.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
