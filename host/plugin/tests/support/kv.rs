//! A store that takes its time.

use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use cardea_state::{Kv, Space, StateFault};
use futures_util::future::BoxFuture;

/// A store in which nothing is, and that says so after a number of turns; without a number, never.
pub(crate) struct Hesitant(pub(crate) Option<u32>);

impl Hesitant {
    fn says<T: Send + 'static>(&self, answer: T) -> BoxFuture<'static, Result<T, StateFault>> {
        let mut turns = self.0;
        let mut answer = Some(answer);
        Box::pin(std::future::poll_fn(move |context| match &mut turns {
            None => Poll::Pending,
            Some(0) => answer.take().map_or(Poll::Pending, |answer| Poll::Ready(Ok(answer))),
            Some(left) => {
                *left -= 1;
                context.waker().wake_by_ref();
                Poll::Pending
            }
        }))
    }
}

impl Kv for Hesitant {
    fn get<'a>(&'a self, _: Space<'a>, _: &'a str, _: u64) -> BoxFuture<'a, Result<Option<Bytes>, StateFault>> {
        self.says(None)
    }

    fn put<'a>(
        &'a self,
        _: Space<'a>,
        _: &'a str,
        _: Bytes,
        _: Option<Duration>,
        _: u64,
    ) -> BoxFuture<'a, Result<(), StateFault>> {
        self.says(())
    }

    fn delete<'a>(&'a self, _: Space<'a>, _: &'a str) -> BoxFuture<'a, Result<(), StateFault>> {
        self.says(())
    }

    fn add<'a>(
        &'a self,
        _: Space<'a>,
        _: &'a str,
        delta: i64,
        _: Option<Duration>,
        _: u64,
    ) -> BoxFuture<'a, Result<i64, StateFault>> {
        self.says(delta)
    }

    fn cas<'a>(
        &'a self,
        _: Space<'a>,
        _: &'a str,
        expect: Option<Bytes>,
        _: Bytes,
        _: Option<Duration>,
        _: u64,
    ) -> BoxFuture<'a, Result<bool, StateFault>> {
        self.says(expect.is_none())
    }
}
