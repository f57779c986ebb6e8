//! The one thread that writes: it turns what is queued into lines, batch by batch, and tells who waits for them.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::{SystemTime, UNIX_EPOCH};

use cardea_chain::{Intent, Record};
use serde::Serialize;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};

use crate::anchor::{self, Anchor};
use crate::segments::Segments;
use crate::{Link, Settings};

/// Lines per write. Larger batches save little and make the first line of one wait for the last.
const BATCH: usize = 256;

/// Something to write down.
pub(crate) struct Item {
    pub(crate) body: Body,
    /// Told once the line is on the disk; dropped if it never will be.
    pub(crate) done: Option<oneshot::Sender<()>>,
}

pub(crate) enum Body {
    Intent(Box<Intent>),
    Call(Box<Record>),
}

pub(crate) struct Writer {
    segments: Arc<Segments>,
    settings: Settings,
    head: watch::Sender<u64>,
    lost: Arc<AtomicU64>,
    /// How many lost lines the journal itself knows of.
    told: u64,
    anchored: u64,
    anchored_at: Instant,
}

impl Writer {
    pub(crate) fn new(
        segments: Arc<Segments>,
        settings: Settings,
        head: watch::Sender<u64>,
        lost: Arc<AtomicU64>,
    ) -> Self {
        let anchored = segments.head().0;
        Self { segments, settings, head, lost, told: 0, anchored, anchored_at: Instant::now() }
    }

    /// Writes until the queue is closed.
    pub(crate) fn start(mut self, mut queue: mpsc::Receiver<Item>) -> io::Result<JoinHandle<()>> {
        // A runtime of its own: the thread waits for the queue or for the next anchor, and blocks in the disk.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        Builder::new().name("journal".to_owned()).spawn(move || runtime.block_on(self.run(&mut queue)))
    }

    async fn run(&mut self, queue: &mut mpsc::Receiver<Item>) {
        let mut batch = Vec::with_capacity(BATCH);
        let mut text = Vec::new();
        loop {
            let due = self.anchored_at + self.settings.anchor_every;
            tokio::select! {
                taken = queue.recv_many(&mut batch, BATCH) => if taken == 0 { break },
                () = sleep_until(due), if self.moved() => self.anchor(),
            }
            if !batch.is_empty() {
                self.write(&mut batch, &mut text);
            }
        }
        if self.lost.load(Ordering::Relaxed) > self.told {
            self.write(&mut batch, &mut text);
        }
        if self.moved() {
            self.anchor();
        }
    }

    fn write(&mut self, batch: &mut Vec<Item>, text: &mut Vec<u8>) {
        text.clear();
        let lost = self.lost.load(Ordering::Relaxed);
        let written = self.lines(text, lost, batch).and_then(|end| {
            self.segments.append(text, self.settings.sync)?;
            Ok(end)
        });
        match written {
            Ok(end) => {
                self.told = lost;
                self.head.send_replace(end);
                for waiting in batch.drain(..).filter_map(|item| item.done) {
                    // Who no longer waits has lost interest, not the line.
                    let _ = waiting.send(());
                }
                if self.segments.length() >= self.settings.segment {
                    self.turn();
                }
            }
            Err(error) => {
                let total = self.lost.fetch_add(batch.len() as u64, Ordering::Relaxed) + batch.len() as u64;
                tracing::error!(%error, lost = total, mode = ?self.settings.mode, "the journal cannot be written");
                batch.clear();
            }
        }
    }

    /// Puts the batch into lines; says which cursor comes after them.
    fn lines(&self, text: &mut Vec<u8>, lost: u64, batch: &[Item]) -> io::Result<u64> {
        let (cursor, link) = self.segments.head();
        let mut line = Chained { text, cursor, link };
        if lost > self.told {
            line.push("gap", &Gap { at_ms: now(), lost: lost - self.told })?;
        }
        for item in batch {
            match &item.body {
                Body::Intent(intent) => line.push("intent", intent)?,
                Body::Call(record) => line.push("call", record)?,
            }
        }
        Ok(line.cursor)
    }

    /// Closes a segment. If the disk refuses, the segment grows on and it is tried again after the next batch.
    fn turn(&mut self) {
        let turned = self.segments.rotate().and_then(|()| self.segments.retire(self.settings.keep, SystemTime::now()));
        self.anchor();
        match turned {
            Ok(Some((from, to))) => tracing::info!(from, to, "old journal segments were removed"),
            Ok(None) => {}
            Err(error) => tracing::error!(%error, "the journal cannot go on to its next segment"),
        }
    }

    fn moved(&self) -> bool {
        self.segments.head().0 != self.anchored
    }

    /// The log line is the anchor that leaves this machine with the logs.
    fn anchor(&mut self) {
        let (cursor, link) = self.segments.head();
        let anchor = Anchor::new(cursor, link, now(), self.settings.key.as_ref());
        (self.anchored, self.anchored_at) = (cursor, Instant::now());
        match anchor::append(&self.segments.folder, &anchor) {
            Ok(()) => tracing::info!(cursor, link = %link, signature = anchor.signature, "journal anchored"),
            Err(error) => tracing::error!(%error, "the journal cannot be anchored"),
        }
    }
}

/// The journal's own word about records it has not got.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Gap {
    at_ms: u64,
    lost: u64,
}

/// Lines as they are chained.
struct Chained<'a> {
    text: &'a mut Vec<u8>,
    cursor: u64,
    link: Link,
}

impl Chained<'_> {
    fn push(&mut self, kind: &'static str, body: &impl Serialize) -> io::Result<()> {
        #[derive(Serialize)]
        struct Line<'a, T> {
            cursor: u64,
            prev: Link,
            kind: &'static str,
            #[serde(flatten)]
            body: &'a T,
        }
        let start = self.text.len();
        serde_json::to_writer(&mut *self.text, &Line { cursor: self.cursor, prev: self.link, kind, body })?;
        self.link = Link::of(&self.text[start..]);
        self.text.push(b'\n');
        self.cursor += 1;
        Ok(())
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
