//! The journal: one append-only file of JSON lines, a cursor for every line, written by one thread.
//!
//! A record is a line `{"cursor":N,…}`. Cursors start at 0 and grow by one. Calls hand their records to a bounded queue and
//! wait while it is full, so a slow disk slows calls and loses nothing; a call whose client has already gone cannot wait,
//! and what cannot be queued then is counted and logged. If the disk fails, the gateway goes on serving: the failure is
//! logged at `error`, the lost records are counted ([`Journal::lost`]), and writing is tried again with the next record.

mod file;
mod writer;

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use cardea_chain::{Entry, Record, Recorder};
use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, watch};

use file::JournalFile;

/// How the journal writes.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Records that may wait to be written.
    pub queue: usize,
    /// When lines are forced to the disk.
    pub sync: Sync,
}

impl Default for Settings {
    fn default() -> Self {
        Self { queue: 8192, sync: Sync::EveryBatch }
    }
}

/// When lines are forced to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// After every batch: what was queued together is one `fdatasync`.
    EveryBatch,
    /// When the operating system likes. Survives a crash of the gateway, not of the machine.
    Never,
}

/// An open journal.
pub struct Journal {
    queue: Mutex<Option<mpsc::Sender<Box<Record>>>>,
    head: watch::Receiver<u64>,
    lost: Arc<AtomicU64>,
    file: Arc<JournalFile>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl Journal {
    /// Opens the journal in a folder, which is made if it is not there (mode 0700). A torn last line, left by a crash, is
    /// moved to a file beside it and noted in the log.
    pub fn open(folder: &Path, settings: Settings) -> io::Result<Arc<Self>> {
        let file = Arc::new(JournalFile::open(folder)?);
        let (queue, records) = mpsc::channel(settings.queue);
        let (head, watched) = watch::channel(file.lines());
        let lost = Arc::new(AtomicU64::new(0));
        let writer = writer::start(Arc::clone(&file), records, settings.sync, head, Arc::clone(&lost))?;
        Ok(Arc::new(Self {
            queue: Mutex::new(Some(queue)),
            head: watched,
            lost,
            file,
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

    /// At most `max` records from `cursor` on, in order. Empty at the end.
    pub fn read_from(&self, cursor: u64, max: usize) -> io::Result<Vec<Entry>> {
        self.file.read(cursor, max, self.head())
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
            let file = Arc::clone(&self.file);
            let ended = move || writer.join().is_ok() && file.release().is_ok();
            let _ = tokio::task::spawn_blocking(ended).await;
        }
    }

    fn queue(&self) -> Option<mpsc::Sender<Box<Record>>> {
        lock(&self.queue).clone()
    }

    fn lose(&self) {
        let lost = self.lost.fetch_add(1, Ordering::Relaxed) + 1;
        tracing::error!(lost, "a journal record could not be queued");
    }
}

impl Recorder for Journal {
    fn record(&self, record: Box<Record>) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let sent = match self.queue() {
                Some(queue) => queue.send(record).await.is_ok(),
                None => false,
            };
            if !sent {
                self.lose();
            }
        })
    }

    fn record_now(&self, record: Box<Record>) {
        let sent = self.queue().is_some_and(|queue| queue.try_send(record).is_ok());
        if !sent {
            self.lose();
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
