//! The body of an HTTP response: bytes that are there, or events that come.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::activity::Exchange;
use crate::limits::SMALL;
use crate::sse::Stoppable;

/// What is sent.
pub(crate) enum Outgoing {
    /// Pieces that are all there.
    Whole(VecDeque<Bytes>),
    /// An event stream.
    Events(Stoppable),
    /// What another replica answers, as it comes.
    Passed(Passing),
}

impl Outgoing {
    /// No body at all.
    pub(crate) fn empty() -> Self {
        Self::Whole(VecDeque::new())
    }

    /// The pieces one after the other. Small ones become one buffer; large ones are written from where they lie.
    pub(crate) fn pieces(pieces: Vec<Bytes>) -> Self {
        Self::Whole(joined_if_small(pieces).into())
    }

    /// Bytes still to send, if that is known.
    pub(crate) fn length(&self) -> Option<usize> {
        match self {
            Self::Whole(pieces) => Some(pieces.iter().map(Bytes::len).sum()),
            Self::Events(_) => None,
            Self::Passed(passing) => passing.length(),
        }
    }
}

/// The body of another replica's answer.
pub(crate) struct Passing {
    body: Incoming,
    until: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
}

impl Passing {
    /// Passes a body on, to its end or until this is told.
    pub(crate) fn new(body: Incoming, until: Option<CancellationToken>) -> Self {
        Self { body, until: until.map(|told| Box::pin(told.cancelled_owned())) }
    }

    fn length(&self) -> Option<usize> {
        self.body.size_hint().exact().and_then(|exact| usize::try_from(exact).ok())
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.until.as_mut().is_some_and(|told| told.as_mut().poll(cx).is_ready()) {
            return Poll::Ready(None);
        }
        Pin::new(&mut self.body).poll_frame(cx).map_err(io::Error::other)
    }
}

/// One buffer in place of small pieces.
pub(crate) fn joined_if_small(pieces: Vec<Bytes>) -> Vec<Bytes> {
    let total: usize = pieces.iter().map(Bytes::len).sum();
    if pieces.len() < 2 || total > SMALL {
        return pieces;
    }
    let mut joined = BytesMut::with_capacity(total);
    pieces.iter().for_each(|piece| joined.extend_from_slice(piece));
    vec![joined.freeze()]
}

/// A body that keeps its exchange under way until it is sent or dropped.
pub(crate) struct Tracked {
    body: Outgoing,
    exchange: Exchange,
}

impl Tracked {
    pub(crate) fn new(body: Outgoing, exchange: Exchange) -> Self {
        Self { body, exchange }
    }
}

impl Body for Tracked {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.exchange.asked_for();
        let Self { body, exchange } = &mut *self;
        let events = match body {
            Outgoing::Whole(pieces) => return Poll::Ready(pieces.pop_front().map(|piece| Ok(Frame::data(piece)))),
            Outgoing::Events(events) => events,
            Outgoing::Passed(passing) => return passing.poll_frame(cx),
        };
        let next = events.poll_next(cx);
        if matches!(next, Poll::Ready(Some(Ok(_)))) {
            exchange.handed_out(events);
        }
        next.map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        match &self.body {
            Outgoing::Whole(pieces) => pieces.is_empty(),
            Outgoing::Events(_) => false,
            Outgoing::Passed(passing) => passing.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.body.length().map_or_else(SizeHint::default, |length| SizeHint::with_exact(length as u64))
    }
}
