//! The journal: an append-only chain of JSON lines in segments, a cursor for every line, written by one thread.
//!
//! A line is `{"cursor":N,"prev":"…","kind":"…",…}`. Cursors start at 0 and grow by one; `prev` is the SHA-256 of the line
//! before; `kind` is `call` (what a call came to), `intent` (a call that is about to leave for its server, in strict mode) or
//! `gap` (so many records could not be written). Segments are files named by their first cursor.
//!
//! In [`Mode::Bounded`] calls hand their records to a bounded queue and wait while it is full, so a slow disk slows calls and
//! loses nothing; a call whose client has already gone cannot wait, and what cannot be queued then is counted and logged. If
//! the disk fails, the gateway goes on serving and counts ([`Journal::lost`]). In [`Mode::Strict`] a call waits until its lines
//! are on the disk and is refused if they cannot be. Either way writing is tried again with the next record, and the first
//! line after a loss is its `gap`.

mod anchor;
mod export;
mod filter;
mod link;
mod segment;
mod segments;
mod settings;
mod tail;
mod verify;
mod writer;

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use cardea_chain::{Entry, Intent, Record, Recorder, Unrecorded};
use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, oneshot, watch};

pub use anchor::{Anchor, SigningKey, VerifyingKey};
pub use export::{Format, Writer as Exporter};
pub use filter::Filter;
pub use link::Link;
use segments::Segments;
pub use settings::{Keep, Mode, Settings, Sync};
pub use tail::Tail;
pub use verify::{Breach, Verified, verify};
use writer::{Body, Item, Writer};

/// An open journal.
pub struct Journal {
    queue: Mutex<Option<mpsc::Sender<Item>>>,
    mode: Mode,
    head: watch::Receiver<u64>,
    lost: Arc<AtomicU64>,
    segments: Arc<Segments>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl Journal {
    /// Opens the journal in a folder, which is made if it is not there (mode 0700). A torn last line, left by a crash, is
    /// moved to a file beside it and noted in the log.
    pub fn open(folder: &Path, settings: Settings) -> io::Result<Arc<Self>> {
        let segments = Arc::new(Segments::open(folder)?);
        let (queue, items) = mpsc::channel(settings.queue);
        let (head, watched) = watch::channel(segments.head().0);
        let (lost, mode) = (Arc::new(AtomicU64::new(0)), settings.mode);
        let writer = Writer::new(Arc::clone(&segments), settings, head, Arc::clone(&lost)).start(items)?;
        Ok(Arc::new(Self {
            queue: Mutex::new(Some(queue)),
            mode,
            head: watched,
            lost,
            segments,
            writer: Mutex::new(Some(writer)),
        }))
    }

    /// The cursor that the next record will have; all before it are in the file.
    pub fn head(&self) -> u64 {
        *self.head.borrow()
    }

    /// Records that could not be written since the start.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// At most `max` lines from `cursor` on, in order; from the oldest one if `cursor` is no longer kept. Empty at the end.
    pub fn read_from(&self, cursor: u64, max: usize) -> io::Result<Vec<Entry>> {
        self.segments.read(cursor, max)
    }

    /// Segments that need not be kept are removed down to this cursor.
    pub fn oldest(&self) -> u64 {
        self.segments.oldest()
    }

    /// Comes back once the record with this cursor is in the file.
    pub async fn wait_for(&self, cursor: u64) {
        let mut head = self.head.clone();
        if head.wait_for(|head| *head > cursor).await.is_err() {
            // The writer is gone: nothing will ever come.
            std::future::pending::<()>().await;
        }
    }

    /// Writes what is queued and closes the journal. Records that come later are counted as lost.
    pub async fn close(&self) {
        lock(&self.queue).take();
        let writer = lock(&self.writer).take();
        if let Some(writer) = writer {
            let segments = Arc::clone(&self.segments);
            let ended = move || writer.join().is_ok() && segments.release().is_ok();
            let _ = tokio::task::spawn_blocking(ended).await;
        }
    }

    /// Waits for a place in the queue, and in strict mode for the disk.
    async fn write(&self, body: Body) -> Result<(), Unrecorded> {
        let Some(queue) = lock(&self.queue).clone() else {
            return self.lose();
        };
        let (done, told) = match self.mode {
            Mode::Bounded => (None, None),
            Mode::Strict => Some(oneshot::channel()).unzip(),
        };
        if queue.send(Item { body, done }).await.is_err() {
            return self.lose();
        }
        match told {
            Some(told) => told.await.map_err(|_| Unrecorded),
            None => Ok(()),
        }
    }

    fn lose(&self) -> Result<(), Unrecorded> {
        let lost = self.lost.fetch_add(1, Ordering::Relaxed) + 1;
        tracing::error!(lost, "a journal record could not be queued");
        match self.mode {
            Mode::Bounded => Ok(()),
            Mode::Strict => Err(Unrecorded),
        }
    }
}

impl Recorder for Journal {
    fn wants_intents(&self) -> bool {
        self.mode == Mode::Strict
    }

    fn intend(&self, intent: Box<Intent>) -> BoxFuture<'_, Result<(), Unrecorded>> {
        Box::pin(self.write(Body::Intent(intent)))
    }

    fn record(&self, record: Box<Record>) -> BoxFuture<'_, Result<(), Unrecorded>> {
        Box::pin(self.write(Body::Call(record)))
    }

    fn record_now(&self, record: Box<Record>) {
        let queue = lock(&self.queue).clone();
        let item = Item { body: Body::Call(record), done: None };
        if queue.is_none_or(|queue| queue.try_send(item).is_err()) {
            let _ = self.lose();
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        lock(&self.queue).take();
        if let Some(writer) = lock(&self.writer).take() {
            let _ = writer.join();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
