//! The keys of `[journal]`.

use std::time::Duration;

use cardea_grant::Secret;

use crate::section::{choices, section};
use crate::units::Size;

section! {
    /// The record of every call, kept while a stage holds the `journal` grant.
    pub struct Journal {
        /// What a call waits for.
        mode: JournalMode = "bounded";
        /// When lines are forced to the disk.
        sync: JournalSync = "batch";
        /// Lines that may wait to be written. Calls wait while it is full.
        queue: usize = 8192, within 1 to 1_000_000;
        /// A segment of this size is closed and the next one begun.
        segment_size: Size = "64MiB", within "64KiB" to "1GiB";
        /// Segments older than this are removed. Default: none is.
        keep_for: Option<Duration>, within "1h" to "3650d";
        /// The oldest segments are removed while all together are larger. Default: none is.
        keep_size: Option<Size>, within "1MiB" to "1024GiB";
        /// How often the head of the chain is written to `anchors.jsonl` and to the log, while it moves.
        anchor_every: Duration = "10m", within "1s" to "1d";
        /// Ed25519 private key that signs anchors: PEM, as `openssl genpkey -algorithm ed25519` writes it.
        anchor_key: Option<Secret>;
    }
}

choices! {
    /// What a call waits for.
    pub enum JournalMode {
        /// For a place in the queue. If the disk fails, calls go on, and lost lines are counted and noted.
        Bounded = "bounded",
        /// For the disk: the intent is there before the server is called, the outcome before the answer leaves. If the disk
        /// fails, calls are refused.
        Strict = "strict",
    }
}

choices! {
    /// When journal lines are forced to the disk.
    pub enum JournalSync {
        /// After every batch: lines that were queued together are forced together.
        Batch = "batch",
        /// When the operating system likes: survives a crash of the gateway, not of the machine.
        Never = "never",
    }
}
