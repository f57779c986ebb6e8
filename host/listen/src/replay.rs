//! What the streams of a session have said: kept within bounds, so that a client whose connection broke hears the rest.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use cardea_chain::Listener;
use cardea_message::Notification;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::Limits;
use crate::limits::OUTLET;
use crate::sse;

/// How much may be kept: of one session, and of all sessions of a listener together.
#[derive(Debug)]
pub(crate) struct Keeping {
    events: usize,
    bytes: usize,
    bytes_of_all: usize,
    used: AtomicUsize,
}

/// Names a stream in its session: random, so that nobody else's event id leads to it.
pub(crate) type Key = u64;

/// Names one reader of a stream; a later one takes the stream over.
pub(crate) type Turn = u64;

/// A place in a stream, and the id of the event before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) key: Key,
    /// Number of the event that follows.
    pub(crate) next: u64,
}

/// The streams of one session.
pub(crate) struct Streams {
    state: Mutex<State>,
    keeping: Arc<Keeping>,
}

struct State {
    streams: HashMap<Key, Stream>,
    /// The stream that belongs to no call.
    own: Option<Key>,
    /// Counts events and readers over all streams.
    clock: u64,
    events: usize,
    bytes: usize,
    /// When the last reader left.
    left: Instant,
    over: bool,
}

#[derive(Default)]
struct Stream {
    kept: VecDeque<Event>,
    /// Number of the next event.
    next: u64,
    /// Events with a lower number were handed to a reader.
    read: u64,
    reader: Option<(Turn, Option<Waker>)>,
    ended: Option<Instant>,
    /// Events that were let go of since the last reader left, and that nobody had read.
    lost: u64,
    /// Told when a reader has read, or left.
    moved: Arc<Notify>,
}

struct Event {
    /// The clock when it was said.
    said: u64,
    pieces: Vec<Bytes>,
    bytes: usize,
}

impl Keeping {
    pub(crate) fn new(limits: &Limits) -> Arc<Self> {
        Arc::new(Self {
            events: limits.replay_events,
            bytes: limits.replay_bytes,
            bytes_of_all: limits.max_replay,
            used: AtomicUsize::new(0),
        })
    }
}

impl Position {
    /// Reads the id of an event: to go on is to begin behind it.
    pub(crate) fn parse(id: &str) -> Option<Self> {
        let (key, next) = id.split_once('-')?;
        let position = Self { key: Key::from_str_radix(key, 16).ok()?, next: next.parse().ok()? };
        // One spelling for each: nothing is taken that was not given out.
        (position.to_string() == id).then_some(position)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{}", self.key, self.next)
    }
}

impl Streams {
    pub(crate) fn new(keeping: &Arc<Keeping>) -> Arc<Self> {
        let state = State {
            streams: HashMap::new(),
            own: None,
            clock: 0,
            events: 0,
            bytes: 0,
            left: Instant::now(),
            over: false,
        };
        Arc::new(Self { state: Mutex::new(state), keeping: Arc::clone(keeping) })
    }

    /// A new stream.
    pub(crate) fn open(&self) -> Key {
        self.state().open()
    }

    /// The stream of the session that belongs to no call.
    pub(crate) fn own(&self) -> Key {
        self.state().own()
    }

    /// Says a message on a stream. One that has no reader loses its oldest events first once the bounds are reached.
    pub(crate) fn say(&self, key: Key, message: Vec<Bytes>) {
        self.state().say(key, message, &self.keeping);
    }

    /// Waits until a reader that is slow has read, or is gone.
    pub(crate) async fn room(&self, key: Key) {
        loop {
            let moved = {
                let state = self.state();
                let Some(stream) = state.streams.get(&key).filter(|stream| stream.is_behind()) else { return };
                Arc::clone(&stream.moved)
            };
            // One permit is kept if it moved meanwhile.
            moved.notified().await;
        }
    }

    /// Nothing more is said on a stream.
    pub(crate) fn finish(&self, key: Key) {
        let mut state = self.state();
        if let Some(stream) = state.streams.get_mut(&key) {
            stream.ended = Some(Instant::now());
            stream.wake();
        }
        state.forget_empty(key);
    }

    /// Where a reader that has missed nothing goes on; none if another one reads the stream.
    pub(crate) fn unread(&self, key: Key) -> Option<Position> {
        let state = self.state();
        let stream = state.streams.get(&key).filter(|stream| stream.reader.is_none())?;
        Some(Position { key, next: stream.read })
    }

    /// Takes the reader's place at a stream; whoever had it is sent away. None if there is no such stream, or no such place
    /// in it.
    pub(crate) fn attach(&self, position: Position) -> Option<Turn> {
        let mut state = self.state();
        state.clock += 1;
        let turn = state.clock;
        let stream = state.streams.get_mut(&position.key).filter(|stream| position.next <= stream.next)?;
        stream.wake();
        stream.reader = Some((turn, None));
        if std::mem::take(&mut stream.lost) > 0 {
            tracing::info!("a client resumes a stream of which it missed more than is kept");
        }
        Some(turn)
    }

    /// The next event behind a position that moves on with it; none at the end of the stream, or of this reader's turn.
    pub(crate) fn poll_next(
        &self,
        position: &mut Position,
        turn: Turn,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Vec<Bytes>>> {
        let mut state = self.state();
        let over = state.over;
        let Some(stream) = state.streams.get_mut(&position.key) else { return Poll::Ready(None) };
        let Some((_, waker)) = stream.reader.as_mut().filter(|(reader, _)| *reader == turn && !over) else {
            return Poll::Ready(None);
        };
        *waker = Some(cx.waker().clone());
        let first = stream.first();
        position.next = position.next.max(first);
        let index = usize::try_from(position.next - first).unwrap_or(usize::MAX);
        let Some(event) = stream.kept.get(index) else {
            return if stream.ended.is_some() { Poll::Ready(None) } else { Poll::Pending };
        };
        let pieces = event.pieces.clone();
        position.next += 1;
        stream.read = stream.read.max(position.next);
        stream.moved.notify_one();
        state.trim(&self.keeping);
        Poll::Ready(Some(pieces))
    }

    /// A reader has left; what it did not read is kept for the next one.
    pub(crate) fn detach(&self, key: Key, turn: Turn) {
        let mut state = self.state();
        state.left = Instant::now();
        if let Some(stream) = state.streams.get_mut(&key)
            && stream.reader.as_ref().is_some_and(|(reader, _)| *reader == turn)
        {
            stream.reader = None;
            stream.moved.notify_one();
        }
        state.trim(&self.keeping);
        state.forget_empty(key);
    }

    /// Ends all streams: the session is over.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.over = true;
        state.streams.values_mut().for_each(Stream::wake);
        let bytes = std::mem::take(&mut state.bytes);
        state.streams.clear();
        drop(state);
        self.keeping.used.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Lets go of streams that ended so long ago that nobody will come for the rest.
    pub(crate) fn expire(&self, age: Duration) {
        let mut state = self.state();
        let old = |stream: &Stream| stream.ended.is_some_and(|ended| ended.elapsed() >= age);
        let gone: Vec<Key> = state.streams.iter().filter(|(_, stream)| old(stream)).map(|(key, _)| *key).collect();
        for key in gone {
            while state.drop_first(key, &self.keeping) {}
            state.forget_empty(key);
        }
    }

    /// How long nobody has read any stream; none if somebody does.
    pub(crate) fn quiet_for(&self) -> Option<Duration> {
        let state = self.state();
        let is_read = state.streams.values().any(|stream| stream.reader.is_some());
        (!is_read).then(|| state.left.elapsed())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener for Streams {
    fn hear(&self, notification: &Notification) {
        let mut state = self.state();
        let key = state.own();
        state.say(key, vec![notification.bytes().clone()], &self.keeping);
    }
}

impl State {
    fn open(&mut self) -> Key {
        let key = rand::random();
        if !self.over {
            self.streams.insert(key, Stream::default());
        }
        key
    }

    fn own(&mut self) -> Key {
        if let Some(key) = self.own {
            return key;
        }
        let key = self.open();
        self.own = Some(key);
        key
    }

    fn say(&mut self, key: Key, message: Vec<Bytes>, keeping: &Keeping) {
        self.clock += 1;
        let said = self.clock;
        let Some(stream) = self.streams.get_mut(&key) else { return };
        stream.next += 1;
        let pieces = sse::identified(Position { key, next: stream.next }, message);
        let bytes = pieces.iter().map(Bytes::len).sum();
        stream.kept.push_back(Event { said, pieces, bytes });
        stream.wake();
        self.events += 1;
        self.bytes += bytes;
        keeping.used.fetch_add(bytes, Ordering::Relaxed);
        self.trim(keeping);
    }

    /// Lets go of the oldest events until what is kept is within the bounds. What a reader is still to read stays: it is
    /// `room` that bounds it.
    fn trim(&mut self, keeping: &Keeping) {
        while self.events > keeping.events
            || self.bytes > keeping.bytes
            || keeping.used.load(Ordering::Relaxed) > keeping.bytes_of_all
        {
            let Some(key) = self.oldest() else { return };
            self.drop_first(key, keeping);
            self.forget_empty(key);
        }
    }

    /// The stream with the oldest event that may go. What was read goes before what was not.
    fn oldest(&self) -> Option<Key> {
        let may_go = self.streams.iter().filter_map(|(key, stream)| {
            let event = stream.kept.front()?;
            let read = stream.first() < stream.read;
            (read || stream.reader.is_none()).then_some((!read, event.said, *key))
        });
        may_go.min().map(|(_, _, key)| key)
    }

    /// Lets go of the first event that is kept of a stream. False if there is none.
    fn drop_first(&mut self, key: Key, keeping: &Keeping) -> bool {
        let Some(stream) = self.streams.get_mut(&key) else { return false };
        let number = stream.first();
        let Some(event) = stream.kept.pop_front() else { return false };
        if number >= stream.read {
            if stream.lost == 0 {
                tracing::warn!("more is said on a stream than is kept for a client that does not read it");
            }
            stream.lost += 1;
        }
        self.events -= 1;
        self.bytes -= event.bytes;
        keeping.used.fetch_sub(event.bytes, Ordering::Relaxed);
        true
    }

    /// A stream on which nothing is said or kept any more leaves no trace.
    fn forget_empty(&mut self, key: Key) {
        let is_empty = |stream: &Stream| stream.ended.is_some() && stream.kept.is_empty() && stream.reader.is_none();
        if self.streams.get(&key).is_some_and(is_empty) {
            self.streams.remove(&key);
        }
    }
}

impl Stream {
    /// Number of the first event that is kept.
    fn first(&self) -> u64 {
        self.next - self.kept.len() as u64
    }

    /// Whether a reader has more to read than may wait for it.
    fn is_behind(&self) -> bool {
        self.reader.is_some() && self.next - self.read >= OUTLET as u64
    }

    fn wake(&mut self) {
        if let Some((_, waker)) = &mut self.reader
            && let Some(waker) = waker.take()
        {
            waker.wake();
        }
        self.moved.notify_one();
    }
}

impl Drop for Streams {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for Streams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Streams")
    }
}

#[cfg(test)]
#[path = "replay_tests.rs"]
mod tests;
