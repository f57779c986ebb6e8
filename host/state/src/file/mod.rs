//! State in a file of this machine: SQLite, for one gateway at a time.
//!
//! Keys and values are rows; a write answers when it is committed, and one that is to be durable when the disk has it.
//! Writes that wait together share a commit. Limits count in memory, as fast as there, and are written down a fifth of a
//! second after they changed and at the end: a gateway that is killed forgets what was taken in that time, no more.

mod counters;
mod values;
mod worker;

use std::fs::{DirBuilder, File as Lock, TryLockError};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt};
use rusqlite::Connection;

use crate::memory::Memory;
use crate::{Bounds, Bucket, Keep, Kv, Limiter, Space, StateFault, Taken};
use counters::Changed;
use values::{Entry, Place, expiry};
use worker::Worker;

/// How long a counter may differ from what is written down of it.
const WRITE_AFTER: Duration = Duration::from_millis(200);
/// The version of the layout.
const LAYOUT: i64 = 1;

/// State in a file. Clones share it; the last one closes it.
#[derive(Clone)]
pub struct File {
    kept: Arc<Kept>,
    durable: bool,
}

struct Kept {
    bounds: Bounds,
    limits: Arc<Memory>,
    changed: Arc<Changed>,
    reader: Worker,
    writer: Worker,
    _lock: Lock,
}

/// Why a state file cannot be used: a sentence with the place and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unusable(String);

impl File {
    /// Opens the state of a folder, or begins it.
    pub fn open(folder: &Path, bounds: Bounds, now_ms: u64) -> Result<Self, Unusable> {
        let file = folder.join("state.db");
        let place = |why: &dyn std::fmt::Display| Unusable(format!("cannot keep state in {}: {why}", file.display()));
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| place(&error))?;
        let lock = lock(&folder.join("state.lock")).map_err(|why| place(&why))?;
        let connection = connect(&file).map_err(|fault| place(&fault))?;
        let reading = connect(&file).map_err(|fault| place(&fault))?;
        let limits = Arc::new(Memory::new(bounds));
        counters::restore(&connection, &limits, now_ms).map_err(|fault| place(&fault))?;
        let changed = Arc::new(Changed::default());
        let chore = {
            let (changed, limits) = (Arc::clone(&changed), Arc::clone(&limits));
            Box::new(move |rows: &Connection| changed.write(rows, &limits))
        };
        let writer = Worker::start(connection, WRITE_AFTER, chore).map_err(|error| place(&error))?;
        let reader = Worker::start(reading, WRITE_AFTER, Box::new(|_| Ok(()))).map_err(|error| place(&error))?;
        let kept = Kept { bounds, limits, changed, reader, writer, _lock: lock };
        Ok(Self { kept: Arc::new(kept), durable: false })
    }

    /// The same file, with writes that are as safe as their use needs.
    pub fn keeping(&self, keep: Keep) -> Self {
        Self { kept: Arc::clone(&self.kept), durable: keep == Keep::Durable }
    }

    /// Writes down what was counted up to now.
    pub async fn flush(&self) -> Result<(), StateFault> {
        let (changed, limits) = (Arc::clone(&self.kept.changed), Arc::clone(&self.kept.limits));
        self.kept.writer.run(true, move |rows| changed.write(rows, &limits)).await
    }

    fn place(&self, space: Space<'_>, key: &str) -> Place {
        let bounds = self.kept.bounds;
        Place { space: space.name.to_owned(), key: key.to_owned(), quota: space.quota, bounds }
    }

    fn changed(&self, namespace: &str, buckets: &[Bucket]) {
        if self.kept.changed.note(namespace, buckets) {
            self.kept.writer.nudge();
        }
    }
}

impl Limiter for File {
    fn take<'a>(
        &'a self,
        namespace: &'a str,
        buckets: &'a [Bucket],
        now_ms: u64,
    ) -> BoxFuture<'a, Result<Taken, StateFault>> {
        async move {
            let taken = self.kept.limits.take(namespace, buckets, now_ms).await?;
            if taken.allowed {
                self.changed(namespace, buckets);
            }
            Ok(taken)
        }
        .boxed()
    }

    fn settle<'a>(
        &'a self,
        namespace: &'a str,
        bucket: &'a Bucket,
        delta: i64,
        now_ms: u64,
    ) -> BoxFuture<'a, Result<(), StateFault>> {
        async move {
            self.kept.limits.settle(namespace, bucket, delta, now_ms).await?;
            self.changed(namespace, std::slice::from_ref(bucket));
            Ok(())
        }
        .boxed()
    }
}

impl Kv for File {
    fn get<'a>(
        &'a self,
        space: Space<'a>,
        key: &'a str,
        now_ms: u64,
    ) -> BoxFuture<'a, Result<Option<Bytes>, StateFault>> {
        let place = self.place(space, key);
        self.kept.reader.run(false, move |rows| place.read(rows, whole(now_ms))).boxed()
    }

    fn put<'a>(
        &'a self,
        space: Space<'a>,
        key: &'a str,
        value: Bytes,
        ttl: Option<Duration>,
        now_ms: u64,
    ) -> BoxFuture<'a, Result<(), StateFault>> {
        let place = self.place(space, key);
        let put = move |rows: &Connection| {
            place.write(rows, &Entry { value: &value, expires: expiry(ttl, now_ms) }, whole(now_ms))
        };
        self.kept.writer.run(self.durable, put).boxed()
    }

    fn delete<'a>(&'a self, space: Space<'a>, key: &'a str) -> BoxFuture<'a, Result<(), StateFault>> {
        let place = self.place(space, key);
        self.kept.writer.run(self.durable, move |rows| place.delete(rows)).boxed()
    }

    fn add<'a>(
        &'a self,
        space: Space<'a>,
        key: &'a str,
        delta: i64,
        ttl: Option<Duration>,
        now_ms: u64,
    ) -> BoxFuture<'a, Result<i64, StateFault>> {
        let place = self.place(space, key);
        self.kept.writer.run(self.durable, move |rows| place.add(rows, delta, ttl, now_ms)).boxed()
    }

    fn cas<'a>(
        &'a self,
        space: Space<'a>,
        key: &'a str,
        expect: Option<Bytes>,
        value: Bytes,
        ttl: Option<Duration>,
        now_ms: u64,
    ) -> BoxFuture<'a, Result<bool, StateFault>> {
        let place = self.place(space, key);
        let cas = move |rows: &Connection| {
            let entry = Entry { value: &value, expires: expiry(ttl, now_ms) };
            place.cas(rows, expect.as_deref(), &entry, whole(now_ms))
        };
        self.kept.writer.run(self.durable, cas).boxed()
    }
}

/// Two gateways that count apart over one file would each undo what the other wrote.
fn lock(path: &Path) -> Result<Lock, String> {
    let lock =
        Lock::options().create(true).truncate(false).write(true).open(path).map_err(|error| error.to_string())?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(
            "another gateway keeps its state there; give each its own `data-directory`, or share by `[state] redis`"
                .to_owned(),
        ),
        Err(TryLockError::Error(error)) => Err(format!("{}: {error}", path.display())),
    }
}

fn connect(file: &Path) -> Result<Connection, StateFault> {
    let connection = Connection::open(file).map_err(broken)?;
    connection.pragma_update(None, "journal_mode", "WAL").map_err(broken)?;
    connection.busy_timeout(Duration::from_secs(5)).map_err(broken)?;
    match connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(broken)? {
        0 => connection.execute_batch(concat!("BEGIN;", include_str!("schema.sql"), "COMMIT")).map_err(broken)?,
        LAYOUT => {}
        later => return Err(StateFault::Unavailable(format!("its layout {later} is of a later version of Cardea"))),
    }
    Ok(connection)
}

fn broken(error: rusqlite::Error) -> StateFault {
    StateFault::Unavailable(format!("the state file: {error}"))
}

/// A number as SQLite keeps it.
fn whole(number: impl Into<u128>) -> i64 {
    i64::try_from(number.into()).unwrap_or(i64::MAX)
}
