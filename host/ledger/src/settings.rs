//! How a journal is kept.

use std::time::Duration;

use crate::anchor::SigningKey;

/// How the journal writes, and how long it keeps what it wrote.
#[derive(Debug)]
pub struct Settings {
    /// What a call waits for.
    pub mode: Mode,
    /// Records that may wait to be written.
    pub queue: usize,
    /// When lines are forced to the disk.
    pub sync: Sync,
    /// A segment that has reached this many bytes is closed and a new one begun.
    pub segment: u64,
    /// What is kept.
    pub keep: Keep,
    /// How often the head of the chain is written down beside it, while it moves.
    pub anchor_every: Duration,
    /// Signs those anchors.
    pub key: Option<SigningKey>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mode: Mode::Bounded,
            queue: 8192,
            sync: Sync::EveryBatch,
            segment: 64 << 20,
            keep: Keep::default(),
            anchor_every: Duration::from_secs(600),
            key: None,
        }
    }
}

/// What a call waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// For a place in the queue. If the disk fails, calls go on and lost records are counted.
    Bounded,
    /// For its own lines: the intent is on the disk before a server is called, the outcome before the answer leaves. If the
    /// disk fails, calls are refused.
    Strict,
}

/// When lines are forced to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// After every batch: what was queued together is one `fdatasync`.
    EveryBatch,
    /// When the operating system likes. Survives a crash of the gateway, not of the machine.
    Never,
}

/// How much of the past is kept; whole segments are removed, never the one that is written. Nothing is removed by default.
#[derive(Clone, Copy, Debug, Default)]
pub struct Keep {
    /// Segments whose last line is older are removed.
    pub age: Option<Duration>,
    /// The oldest segments are removed while all together have more bytes.
    pub bytes: Option<u64>,
}
