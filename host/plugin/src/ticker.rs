//! The tick that bounds how long a guest computes: it beats while a guest is in a hook, and rests when none is.
//!
//! A thousand beats a second that nobody needs keep a laptop's processor awake, and take turns from whoever shares a small
//! machine with the gateway.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, Thread};
use std::time::Duration;

use wasmtime::EngineWeak;

/// How often a running guest is looked at. CPU budgets count in these.
const TICK: Duration = Duration::from_millis(1);
/// Beats with no guest in a hook before it rests. Waking it costs a system call, so it bears the pauses of a busy minute.
const PATIENCE: u32 = 200;

/// Beats for one engine.
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: Thread,
}

#[derive(Default)]
struct Shared {
    /// Guests in a hook.
    running: AtomicUsize,
    resting: AtomicBool,
    over: AtomicBool,
}

impl Ticker {
    pub(crate) fn start(engine: EngineWeak) -> io::Result<Arc<Self>> {
        let shared = Arc::new(Shared::default());
        let beating = Arc::clone(&shared);
        let handle = thread::Builder::new().name("cardea-tick".to_owned()).spawn(move || beating.beat(&engine))?;
        Ok(Arc::new(Self { shared, thread: handle.thread().clone() }))
    }

    /// A guest is about to run.
    pub(crate) fn enter(&self) {
        self.shared.running.fetch_add(1, Ordering::SeqCst);
        if self.shared.resting.load(Ordering::SeqCst) {
            self.thread.unpark();
        }
    }

    /// A guest runs no longer.
    pub(crate) fn leave(&self) {
        self.shared.running.fetch_sub(1, Ordering::SeqCst);
    }

    /// Whether it rests.
    #[cfg(test)]
    fn rests(&self) -> bool {
        self.shared.resting.load(Ordering::SeqCst)
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        self.thread.unpark();
    }
}

impl Shared {
    fn beat(&self, engine: &EngineWeak) {
        let mut unneeded = 0;
        while !self.over.load(Ordering::SeqCst) {
            thread::sleep(TICK);
            let Some(engine) = engine.upgrade() else { return };
            engine.increment_epoch();
            unneeded = if self.is_needed() { 0 } else { unneeded + 1 };
            if unneeded >= PATIENCE {
                drop(engine);
                self.rest();
                unneeded = 0;
            }
        }
    }

    /// Until a guest runs or all is over. Says that it rests before it looks: whoever enters after that look sees it.
    fn rest(&self) {
        self.resting.store(true, Ordering::SeqCst);
        while !self.is_needed() && !self.over.load(Ordering::SeqCst) {
            thread::park();
        }
        self.resting.store(false, Ordering::SeqCst);
    }

    fn is_needed(&self) -> bool {
        self.running.load(Ordering::SeqCst) > 0
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::time::Instant;

    use wasmtime::Engine;

    use super::*;

    fn wait(what: &str, until: impl Fn() -> bool) {
        let begun = Instant::now();
        while !until() {
            assert!(begun.elapsed() < Duration::from_secs(30), "{what}");
            thread::yield_now();
        }
    }

    #[test]
    fn it_rests_without_guests_and_wakes_for_one() {
        let engine = Engine::default();
        let ticker = Ticker::start(engine.weak()).unwrap();
        wait("nobody runs, and it does not rest", || ticker.rests());
        ticker.enter();
        wait("a guest runs, and it rests", || !ticker.rests());
        ticker.leave();
        wait("nobody runs any more, and it does not rest", || ticker.rests());
    }

    #[test]
    fn its_thread_ends_with_it() {
        let engine = Engine::default();
        let ticker = Ticker::start(engine.weak()).unwrap();
        wait("nobody runs, and it does not rest", || ticker.rests());
        let shared = Arc::downgrade(&ticker.shared);
        drop(ticker);
        wait("the thread goes on", || shared.strong_count() == 0);
    }
}
