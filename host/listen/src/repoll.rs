//! Polls a future again at once when it woke itself, instead of handing it back to the scheduler.
//!
//! Within one connection several things wait for each other: hyper hands the body of a request to our service through a
//! channel, our service hands notifications to the response. All of it is polled by one task, so each hand-over wakes the task
//! that is running. Tokio then queues the task behind the others and calls another worker thread to take it: two futexes, a
//! context switch and a cold cache, about 1.6 times a call. Polling once more costs a microsecond.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::task::AtomicWaker;

/// Polls in a row before others get their turn. More are needed only by a future that never stops waking itself.
const IN_A_ROW: usize = 16;

const IDLE: u8 = 0;
const POLLING: u8 = 1;
const WOKEN: u8 = 2;

/// A future that is polled again when it was woken while it was polled.
pub(crate) struct Repoll<F> {
    inner: F,
    bell: Arc<Bell>,
    waker: Waker,
}

/// What the inner future wakes. While it is polled a wake is only noted; else it goes on to the task.
struct Bell {
    state: AtomicU8,
    task: AtomicWaker,
}

impl<F> Repoll<F> {
    pub(crate) fn new(inner: F) -> Self {
        let bell = Arc::new(Bell { state: AtomicU8::new(IDLE), task: AtomicWaker::new() });
        Self { inner, waker: Waker::from(Arc::clone(&bell)), bell }
    }
}

impl<F> Repoll<Pin<&mut F>> {
    /// The future inside.
    pub(crate) fn inner(&mut self) -> Pin<&mut F> {
        self.inner.as_mut()
    }
}

impl<F: Future + Unpin> Future for Repoll<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        // Before the state says that we poll: a wake from elsewhere must find the task to go on to.
        self.bell.task.register(context.waker());
        let Self { inner, bell, waker } = &mut *self;
        for _ in 0..IN_A_ROW {
            bell.state.store(POLLING, Ordering::SeqCst);
            if let Poll::Ready(output) = Pin::new(&mut *inner).poll(&mut Context::from_waker(waker)) {
                return Poll::Ready(output);
            }
            if bell.state.compare_exchange(POLLING, IDLE, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
                return Poll::Pending;
            }
        }
        bell.state.store(IDLE, Ordering::SeqCst);
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Noted if it is being polled; a second note changes nothing.
        let noted = self.state.compare_exchange(POLLING, WOKEN, Ordering::SeqCst, Ordering::SeqCst);
        if noted == Err(IDLE) {
            self.task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::atomic::AtomicUsize;

    use futures_util::FutureExt;

    use super::*;

    struct Counted(AtomicUsize);

    impl Wake for Counted {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn task() -> (Arc<Counted>, Waker) {
        let counted = Arc::new(Counted(AtomicUsize::new(0)));
        (Arc::clone(&counted), Waker::from(counted))
    }

    #[test]
    fn a_future_that_wakes_itself_is_polled_again_without_the_scheduler() {
        let mut left = 3;
        let inner = poll_fn(|context| {
            context.waker().wake_by_ref();
            left -= 1;
            if left == 0 { Poll::Ready("done") } else { Poll::Pending }
        });
        let (woken, waker) = task();
        let mut repoll = Repoll::new(inner.boxed());
        assert_eq!(repoll.poll_unpin(&mut Context::from_waker(&waker)), Poll::Ready("done"));
        assert_eq!(woken.0.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn a_wake_from_elsewhere_reaches_the_task() {
        let mut kept: Option<Waker> = None;
        let mut repoll = Repoll::new(
            poll_fn(|context| {
                kept = Some(context.waker().clone());
                Poll::<()>::Pending
            })
            .boxed_local(),
        );
        let (woken, waker) = task();
        assert!(repoll.poll_unpin(&mut Context::from_waker(&waker)).is_pending());
        drop(repoll);
        kept.unwrap().wake();
        assert_eq!(woken.0.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn a_future_that_never_stops_waking_itself_lets_others_have_their_turn() {
        let mut polls = 0;
        let mut repoll = Repoll::new(
            poll_fn(|context| {
                polls += 1;
                context.waker().wake_by_ref();
                Poll::<()>::Pending
            })
            .boxed_local(),
        );
        let (woken, waker) = task();
        assert!(repoll.poll_unpin(&mut Context::from_waker(&waker)).is_pending());
        drop(repoll);
        assert_eq!((polls, woken.0.load(Ordering::SeqCst)), (IN_A_ROW, 1));
    }
}
