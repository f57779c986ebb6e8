//! An event stream: notifications and asks as they come, the end last, and a sign of life in between.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use std::{fmt, io};

use bytes::Bytes;
use cardea_message::Message;
use futures_util::future::BoxFuture;
use tokio::sync::mpsc;
use tokio::time::{Instant, Sleep, sleep};

use crate::outgoing::joined_if_small;

/// Says that the call lives. A comment: no client takes it for a message.
pub(crate) const BEAT: Bytes = Bytes::from_static(b": \n\n");
/// What an event is called that brings a message.
pub(crate) const MESSAGE: &str = "message";
const BEFORE: Bytes = Bytes::from_static(b"event: message\ndata: ");
const AFTER: Bytes = Bytes::from_static(b"\n\n");

/// What an event stream is made of, piece by piece.
pub(crate) trait Pieces: Send {
    /// The next bytes to send; none at the end.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>>;
}

/// The end of a call as message pieces; none if it ends without one.
pub(crate) type End = BoxFuture<'static, Option<Vec<Bytes>>>;

/// A message that can be an event.
pub(crate) trait Spoken: Send {
    /// Its bytes, in pieces.
    fn into_pieces(self) -> Vec<Bytes>;
}

impl Spoken for Box<Message> {
    fn into_pieces(self) -> Vec<Bytes> {
        vec![self.bytes().clone()]
    }
}

impl Spoken for Vec<Bytes> {
    fn into_pieces(self) -> Vec<Bytes> {
        self
    }
}

/// The events of one call, or of one client. It owns what drives the call, so dropping it is cancelling.
pub(crate) struct Events<S = Box<Message>> {
    notes: mpsc::Receiver<S>,
    end: Option<End>,
    ready: VecDeque<Bytes>,
    every: Duration,
    beat: Pin<Box<Sleep>>,
}

impl<S: Spoken> Events<S> {
    /// Notifications and asks from `notes` until `end`, with a beat after each `every` of silence.
    pub(crate) fn new(notes: mpsc::Receiver<S>, end: End, every: Duration) -> Self {
        Self { notes, end: Some(end), ready: VecDeque::new(), every, beat: Box::pin(sleep(every)) }
    }

    /// Puts an event before all that comes.
    pub(crate) fn begin_with(&mut self, kind: &str, data: Bytes) {
        self.ready.extend(event(kind, vec![data]));
    }

    /// A stream that says it lives before anything else.
    pub(crate) fn begin_with_beat(&mut self) {
        self.ready.push_back(BEAT);
    }

    /// What the call said before its end still goes out before it.
    fn finish(&mut self, last: Option<Vec<Bytes>>) {
        self.end = None;
        while let Ok(notification) = self.notes.try_recv() {
            self.ready.extend(event(MESSAGE, notification.into_pieces()));
        }
        self.ready.extend(last.into_iter().flat_map(|last| event(MESSAGE, last)));
    }

    fn rest(&mut self) {
        let next = Instant::now() + self.every;
        self.beat.as_mut().reset(next);
    }
}

impl<S: Spoken> Pieces for Events<S> {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Some(piece) = self.ready.pop_front() {
            return Poll::Ready(Some(piece));
        }
        // The call first: it is what makes notifications.
        let Some(end) = &mut self.end else { return Poll::Ready(None) };
        if let Poll::Ready(last) = end.as_mut().poll(cx) {
            self.finish(last);
            return Poll::Ready(self.ready.pop_front());
        }
        if let Poll::Ready(Some(message)) = self.notes.poll_recv(cx) {
            self.ready.extend(event(MESSAGE, message.into_pieces()));
            self.rest();
            return Poll::Ready(self.ready.pop_front());
        }
        if self.beat.as_mut().poll(cx).is_ready() {
            self.rest();
            // Polled again at once, so that the next beat is waited for.
            cx.waker().wake_by_ref();
            return Poll::Ready(Some(BEAT));
        }
        Poll::Pending
    }
}

/// Events that somebody else than their reader can end. What was not sent by then is lost, and the reader told so.
#[derive(Clone)]
pub(crate) struct Stoppable(Arc<Mutex<Option<Box<dyn Pieces>>>>);

impl Stoppable {
    pub(crate) fn new(events: impl Pieces + 'static) -> Self {
        Self(Arc::new(Mutex::new(Some(Box::new(events)))))
    }

    /// Ends the stream, and cancels what it drives.
    pub(crate) fn stop(&self) {
        let events = self.events().take();
        drop(events);
    }

    /// The next bytes to send, or an error where the stream was stopped.
    pub(crate) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        match self.events().as_mut() {
            Some(events) => events.poll_next(cx).map(|piece| piece.map(Ok)),
            None => Poll::Ready(Some(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read")))),
        }
    }

    fn events(&self) -> MutexGuard<'_, Option<Box<dyn Pieces>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(crate) fn is_stopped(&self) -> bool {
        self.events().is_none()
    }
}

impl fmt::Debug for Stoppable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stoppable")
    }
}

/// One event with an id, around one message.
pub(crate) fn identified(id: impl fmt::Display, message: Vec<Bytes>) -> Vec<Bytes> {
    let mut pieces = vec![Bytes::from(format!("id: {id}\n"))];
    pieces.extend(event(MESSAGE, message));
    joined_if_small(pieces)
}

/// An event that says nothing but how to come back: behind which event, and after how long.
pub(crate) fn priming(id: impl fmt::Display, retry: Duration) -> Bytes {
    format!("id: {id}\nretry: {}\ndata: \n\n", retry.as_millis()).into()
}

/// One event around one message.
fn event(kind: &str, message: Vec<Bytes>) -> Vec<Bytes> {
    let mut pieces = Vec::with_capacity(message.len() + 2);
    pieces.push(if kind == MESSAGE { BEFORE } else { format!("event: {kind}\ndata: ").into() });
    pieces.extend(message.into_iter().map(on_one_line));
    pieces.push(AFTER);
    joined_if_small(pieces)
}

/// A line end would end the `data:` line. In JSON it only stands between values, where a blank says the same.
pub(crate) fn on_one_line(piece: Bytes) -> Bytes {
    if !piece.contains(&b'\n') && !piece.contains(&b'\r') {
        return piece;
    }
    piece.iter().map(|&byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte }).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::future::{pending, poll_fn, ready};

    use cardea_message::compose;

    use super::*;

    fn note(method: &str) -> Message {
        Message::parse(compose::notification(method, None)).unwrap()
    }

    async fn text(mut events: Events) -> String {
        let mut text = Vec::new();
        while let Some(piece) = poll_fn(|cx| events.poll_next(cx)).await {
            text.extend_from_slice(&piece);
        }
        String::from_utf8(text).unwrap()
    }

    #[tokio::test]
    async fn what_was_said_before_the_end_goes_out_before_it_and_lines_stay_whole() {
        let (sender, notes) = mpsc::channel(4);
        sender.send(Box::new(note("notifications/progress"))).await.unwrap();
        let end = Box::pin(ready(Some(vec![Bytes::from_static(b"{\r\n\"id\":1}")])));
        let text = text(Events::new(notes, end, Duration::from_secs(1))).await;
        assert_eq!(
            text,
            "event: message\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\"}\n\nevent: message\ndata: {  \"id\":1}\n\n"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_broken_by_comments() {
        let (_sender, notes) = mpsc::channel::<Box<Message>>(1);
        let mut events = Events::new(notes, Box::pin(pending()), Duration::from_secs(15));
        let before = Instant::now();
        for _ in 0..2 {
            assert_eq!(poll_fn(|cx| events.poll_next(cx)).await.unwrap(), BEAT);
        }
        assert_eq!(before.elapsed(), Duration::from_secs(30));
    }
}
