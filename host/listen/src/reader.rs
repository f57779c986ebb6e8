//! One client's turn at a stream of its session: events as they are said, and a sign of life in between.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::time::{Instant, Sleep, sleep};

use crate::replay::{Position, Streams, Turn};
use crate::sse::{self, BEAT, Pieces};

/// Reads one stream from a position on. What drives the stream goes on without it.
pub(crate) struct Reader {
    streams: Arc<Streams>,
    position: Position,
    turn: Turn,
    ready: VecDeque<Bytes>,
    every: Duration,
    beat: Pin<Box<Sleep>>,
    /// Ends the turn, if something but the stream itself does.
    until: Option<BoxFuture<'static, ()>>,
}

impl Reader {
    /// Takes the reader's place at a stream, with a beat after each `every` of silence. None if there is no such place.
    pub(crate) fn new(streams: &Arc<Streams>, position: Position, every: Duration) -> Option<Self> {
        let turn = streams.attach(position)?;
        let (streams, ready, beat) = (Arc::clone(streams), VecDeque::new(), Box::pin(sleep(every)));
        Some(Self { streams, position, turn, ready, every, beat, until: None })
    }

    /// Tells the client first how to come back if the connection breaks: behind which event, and after how long.
    pub(crate) fn begin_primed(mut self, retry: Duration) -> Self {
        self.ready.push_back(sse::priming(self.position, retry));
        self
    }

    /// Says first that the stream lives.
    pub(crate) fn begin_with_beat(mut self) -> Self {
        self.ready.push_back(BEAT);
        self
    }

    /// Ends the turn when this is ready. What is said later is for the next reader.
    pub(crate) fn until(mut self, end: BoxFuture<'static, ()>) -> Self {
        self.until = Some(end);
        self
    }
}

impl Pieces for Reader {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Some(piece) = self.ready.pop_front() {
            return Poll::Ready(Some(piece));
        }
        if let Poll::Ready(event) = self.streams.poll_next(&mut self.position, self.turn, cx) {
            let Some(event) = event else { return Poll::Ready(None) };
            self.ready.extend(event);
            self.beat.as_mut().reset(Instant::now() + self.every);
            return Poll::Ready(self.ready.pop_front());
        }
        if self.until.as_mut().is_some_and(|until| until.as_mut().poll(cx).is_ready()) {
            self.until = None;
            return Poll::Ready(None);
        }
        if self.beat.as_mut().poll(cx).is_ready() {
            self.beat.as_mut().reset(Instant::now() + self.every);
            // Polled again at once, so that the next beat is waited for.
            cx.waker().wake_by_ref();
            return Poll::Ready(Some(BEAT));
        }
        Poll::Pending
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.streams.detach(self.position.key, self.turn);
    }
}
