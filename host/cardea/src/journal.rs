//! Opens the journal as the manifest says.

use std::path::PathBuf;
use std::sync::Arc;

use cardea_config::{JournalMode, JournalSync};
use cardea_ledger::{Journal, Keep, Mode, Settings, SigningKey, Sync};

use crate::Failure;
use crate::manifest::Manifest;

/// Opens the journal under the data directory, to write it.
pub(crate) fn open(manifest: &Manifest) -> Result<Arc<Journal>, Failure> {
    let folder = folder(manifest);
    Journal::open(&folder, settings(manifest)?)
        .map_err(|error| Failure::unavailable(format!("cannot open the journal in {}: {error}", folder.display())))
}

/// Where the journal is.
pub(crate) fn folder(manifest: &Manifest) -> PathBuf {
    manifest.data().join("journal")
}

/// What the manifest says of the journal. Fails if its key is none.
pub(crate) fn settings(manifest: &Manifest) -> Result<Settings, Failure> {
    let plan = &manifest.plan.journal;
    let key = plan.anchor_key.as_ref().map(|key| SigningKey::from_pem(key.reveal())).transpose();
    let key = key.map_err(|problem| {
        Failure::config(format!(
            "`journal.anchor-key` {problem}\nhelp: make one with `openssl genpkey -algorithm ed25519 -out anchor.pem`, and say `anchor-key = \"file:anchor.pem\"`"
        ))
    })?;
    Ok(Settings {
        mode: match plan.mode {
            JournalMode::Bounded => Mode::Bounded,
            JournalMode::Strict => Mode::Strict,
        },
        sync: match plan.sync {
            JournalSync::Batch => Sync::EveryBatch,
            JournalSync::Never => Sync::Never,
        },
        queue: plan.queue,
        segment: plan.segment_size.bytes() as u64,
        keep: Keep { age: plan.keep_for, bytes: plan.keep_size.map(|size| size.bytes() as u64) },
        anchor_every: plan.anchor_every,
        key,
    })
}
