//! Brings durable journal records to the stages that export `on-record`: in order, at least once, off every call's path.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use cardea_chain::{Hook, Stage};
use cardea_ledger::Journal;
use cardea_plugin::WasmStage;
use tokio_util::sync::CancellationToken;

use crate::gateway::Gateway;

/// Records per `deliver` call.
const BATCH: usize = 256;
/// How long to wait after a stage did not take a batch; doubles up to the second value.
const PATIENCE: Duration = Duration::from_millis(250);
const MOST_PATIENCE: Duration = Duration::from_secs(60);
/// How often the set of stages is looked at when nothing is written.
const LOOK: Duration = Duration::from_secs(1);

/// Delivers until the gateway stops. Each stage has a cursor of its own, kept by its name across reloads and restarts.
pub(crate) async fn follow(gateway: Arc<Gateway>, data: PathBuf, shutdown: CancellationToken) {
    let mut readers: HashMap<String, Reader> = HashMap::new();
    loop {
        let built = gateway.built();
        let takers: Vec<_> =
            built.stages.iter().filter(|loaded| loaded.stage.inspection().hooks.has(Hook::Record)).collect();
        readers.retain(|name, _| takers.iter().any(|loaded| loaded.plan.name == *name));
        for loaded in takers {
            let reader =
                readers.entry(loaded.plan.name.clone()).or_insert_with(|| Reader::open(&data, &loaded.plan.name));
            reader.step(&gateway.journal, &loaded.stage).await;
        }
        let behind = readers.values().map(|reader| reader.cursor).min().unwrap_or(u64::MAX);
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = gateway.journal.wait_for(behind), if behind != u64::MAX => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

/// One stage's place in the journal.
struct Reader {
    cursor: u64,
    file: PathBuf,
    not_before: tokio::time::Instant,
    patience: Duration,
}

impl Reader {
    fn open(data: &Path, stage: &str) -> Self {
        let file = data.join("cursors").join(stage);
        let cursor = std::fs::read_to_string(&file).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0);
        Self { cursor, file, not_before: tokio::time::Instant::now(), patience: PATIENCE }
    }

    /// Delivers what is there. A stage that fails gets the same batch later, after a growing pause.
    async fn step(&mut self, journal: &Journal, stage: &WasmStage) {
        let oldest = journal.oldest();
        if self.cursor < oldest {
            tracing::warn!(stage = %stage.name(), from = self.cursor, to = oldest, "journal records were removed before the stage took them");
            self.cursor = oldest;
        }
        while tokio::time::Instant::now() >= self.not_before {
            let batch = match journal.read_from(self.cursor, BATCH) {
                Ok(batch) if batch.is_empty() => return,
                Ok(batch) => batch,
                Err(error) => return self.later(stage, &error.to_string()),
            };
            let next = batch.last().map_or(self.cursor, |entry| entry.cursor + 1);
            match stage.deliver(&batch).await {
                Ok(()) => self.advance(next),
                Err(fault) => return self.later(stage, &fault.to_string()),
            }
        }
    }

    fn advance(&mut self, cursor: u64) {
        self.cursor = cursor;
        self.patience = PATIENCE;
        let kept = self.file.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| {
            let fresh = self.file.with_extension("new");
            std::fs::write(&fresh, cursor.to_string()).and_then(|()| std::fs::rename(&fresh, &self.file))
        });
        if let Err(error) = kept {
            // Not fatal: after a restart the stage hears some records twice, which at-least-once allows.
            tracing::warn!(file = %self.file.display(), %error, "cannot keep the cursor of a journal reader");
        }
    }

    fn later(&mut self, stage: &WasmStage, problem: &str) {
        tracing::warn!(stage = %stage.name(), pause = ?self.patience, "did not take journal records: {problem}");
        self.not_before = tokio::time::Instant::now() + self.patience;
        self.patience = (self.patience * 2).min(MOST_PATIENCE);
    }
}
