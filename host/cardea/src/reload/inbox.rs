//! What is asked of the reconciler. Requests that come while it is busy become one next run: a hundred changed files in a second
//! are one change.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};

use crate::reload::run::{Run, Source};

/// Where requests wait for the reconciler.
#[derive(Default)]
pub(crate) struct Inbox {
    pending: Mutex<Pending>,
    told: Notify,
}

#[derive(Default)]
struct Pending {
    reload: Option<Wanted>,
    rollback: Option<Wanted>,
    last: u64,
}

/// A run that is wanted.
pub(crate) struct Wanted {
    pub(crate) id: u64,
    pub(crate) source: Source,
    pub(crate) requests: u32,
    waiting: Vec<oneshot::Sender<Run>>,
}

/// What to do next.
pub(crate) enum Order {
    /// Read the files again.
    Reload(Wanted),
    /// Go back to what served before.
    Rollback(Wanted),
}

/// A promise: the number of the run, and how it will have ended. Nothing comes if the gateway stops before.
pub(crate) struct Promise {
    pub(crate) id: u64,
    pub(crate) ended: oneshot::Receiver<Run>,
}

impl Inbox {
    /// Asks for the files to be read again.
    pub(crate) fn reload(&self, source: Source) -> Promise {
        let mut pending = self.pending();
        let Pending { reload, last, .. } = &mut *pending;
        let promise = ask(reload, last, source);
        drop(pending);
        self.told.notify_one();
        promise
    }

    /// Asks for what served before. It waits for no run that is under way.
    pub(crate) fn roll_back(&self) -> Promise {
        let mut pending = self.pending();
        let Pending { rollback, last, .. } = &mut *pending;
        let promise = ask(rollback, last, Source::Rollback);
        drop(pending);
        self.told.notify_one();
        promise
    }

    /// Puts a run back that was interrupted; whoever has asked meanwhile joins it.
    pub(crate) fn again(&self, mut wanted: Wanted) {
        let mut pending = self.pending();
        if let Some(later) = pending.reload.take() {
            wanted.requests += later.requests;
            wanted.waiting.extend(later.waiting);
        }
        pending.reload = Some(wanted);
        drop(pending);
        self.told.notify_one();
    }

    /// A number for a run that nobody asked for.
    pub(crate) fn next_id(&self) -> u64 {
        let mut pending = self.pending();
        pending.last += 1;
        pending.last
    }

    /// Waits for the next thing to do; going back comes first.
    pub(crate) async fn next(&self) -> Order {
        loop {
            {
                let mut pending = self.pending();
                if let Some(wanted) = pending.rollback.take() {
                    return Order::Rollback(wanted);
                }
                if let Some(wanted) = pending.reload.take() {
                    return Order::Reload(wanted);
                }
            }
            self.told.notified().await;
        }
    }

    /// Waits until somebody wants to go back.
    pub(crate) async fn next_rollback(&self) -> Wanted {
        loop {
            if let Some(wanted) = self.pending().rollback.take() {
                return wanted;
            }
            self.told.notified().await;
        }
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wanted {
    /// A run that nobody asked for.
    pub(crate) fn unasked(id: u64, source: Source) -> Self {
        Self { id, source, requests: 0, waiting: Vec::new() }
    }

    /// Tells everybody who asked how it ended.
    pub(crate) fn ended(self, run: &Run) {
        for waiting in self.waiting {
            // Whoever asked may have left.
            let _ = waiting.send(run.clone());
        }
    }
}

fn ask(slot: &mut Option<Wanted>, last: &mut u64, source: Source) -> Promise {
    let wanted = slot.get_or_insert_with(|| {
        *last += 1;
        Wanted::unasked(*last, source)
    });
    wanted.requests += 1;
    // Who no longer waits for the answer need not be kept: a client that asks again and again and leaves costs nothing.
    wanted.waiting.retain(|waiting| !waiting.is_closed());
    let (tell, ended) = oneshot::channel();
    wanted.waiting.push(tell);
    Promise { id: wanted.id, ended }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn requests_that_wait_become_one_run_and_going_back_comes_first() {
        let inbox = Inbox::default();
        let ids = [inbox.reload(Source::File).id, inbox.reload(Source::Admin).id, inbox.roll_back().id];
        assert_eq!(ids, [1, 1, 2]);
        assert!(matches!(inbox.next().await, Order::Rollback(wanted) if wanted.id == 2));
        let Order::Reload(wanted) = inbox.next().await else { panic!("not a reload") };
        assert_eq!((wanted.source, wanted.requests), (Source::File, 2));
        // While that one runs, the next gathers.
        assert_eq!([inbox.reload(Source::Signal).id, inbox.reload(Source::File).id], [3, 3]);
        assert!(inbox.next_rollback().now_or_never().is_none());
        let Order::Reload(next) = inbox.next().await else { panic!("not a reload") };
        assert_eq!((next.id, next.requests), (3, 2));
    }

    #[tokio::test]
    async fn an_interrupted_run_is_the_next_and_takes_in_who_came_meanwhile() {
        let inbox = Inbox::default();
        let early = inbox.reload(Source::File);
        let Order::Reload(wanted) = inbox.next().await else { panic!("not a reload") };
        let late = inbox.reload(Source::Admin);
        inbox.again(wanted);
        let Order::Reload(wanted) = inbox.next().await else { panic!("not a reload") };
        assert_eq!((wanted.id, wanted.source, wanted.requests), (1, Source::File, 2));
        drop(wanted);
        assert!(early.ended.await.is_err() && late.ended.await.is_err());
    }
}
