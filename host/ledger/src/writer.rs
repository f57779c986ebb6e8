//! The one thread that writes: it turns records into lines, batch by batch.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{Builder, JoinHandle};

use cardea_chain::Record;
use serde::Serialize;
use tokio::sync::{mpsc, watch};

use crate::Sync;
use crate::file::JournalFile;

/// Records per write. Larger batches save little and make the first record of one wait for the last.
const BATCH: usize = 256;

pub(crate) fn start(
    file: Arc<JournalFile>,
    mut records: mpsc::Receiver<Box<Record>>,
    sync: Sync,
    head: watch::Sender<u64>,
    lost: Arc<AtomicU64>,
) -> io::Result<JoinHandle<()>> {
    Builder::new().name("journal".to_owned()).spawn(move || {
        let mut batch = Vec::with_capacity(BATCH);
        let mut text = Vec::new();
        while records.blocking_recv_many(&mut batch, BATCH) > 0 {
            let first = *head.borrow();
            text.clear();
            let written = lines(&mut text, first, &batch).and_then(|()| file.append(&text, sync));
            match written {
                Ok(()) => {
                    head.send_replace(first + batch.len() as u64);
                }
                Err(error) => {
                    let total = lost.fetch_add(batch.len() as u64, Ordering::Relaxed) + batch.len() as u64;
                    tracing::error!(%error, lost = total, "the journal cannot be written; calls go on without records");
                }
            }
            batch.clear();
        }
    })
}

fn lines(text: &mut Vec<u8>, first: u64, batch: &[Box<Record>]) -> io::Result<()> {
    #[derive(Serialize)]
    struct Line<'a> {
        cursor: u64,
        #[serde(flatten)]
        record: &'a Record,
    }
    for (cursor, record) in (first..).zip(batch) {
        serde_json::to_writer(&mut *text, &Line { cursor, record })?;
        text.push(b'\n');
    }
    Ok(())
}
