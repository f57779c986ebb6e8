//! What outlives a reload: the wasm engine, the state, the journal, and the generation that serves now.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use arc_swap::ArcSwap;
use cardea_ledger::Journal;
use cardea_listen::Generation;
use cardea_plugin::{Engine, EngineSettings};
use cardea_state::Memory;

use crate::Failure;
use crate::assemble::Built;
use crate::manifest::Manifest;

/// The long-lived parts that every generation is built on.
pub(crate) struct Parts {
    /// Compiles and runs components.
    pub(crate) engine: Arc<Engine>,
    /// Counters and key-values.
    pub(crate) memory: Arc<Memory>,
    /// The journal.
    pub(crate) journal: Arc<Journal>,
}

impl Parts {
    /// Opens everything a gateway keeps under its data directory.
    pub(crate) fn open(manifest: &Manifest) -> Result<Self, Failure> {
        let data = manifest.data();
        let engine = Engine::new(EngineSettings { cache_dir: Some(data.join("code")), ..EngineSettings::default() })
            .map_err(|error| Failure::unavailable(format!("cannot start the wasm engine: {error}")))?;
        let journal = Journal::open(&data.join("journal"), cardea_ledger::Settings::default())
            .map_err(|error| Failure::unavailable(format!("cannot open the journal in {}: {error}", data.display())))?;
        Ok(Self { engine, memory: Arc::new(Memory::default()), journal })
    }
}

/// The gateway while it serves.
pub(crate) struct Gateway {
    /// The long-lived parts.
    pub(crate) parts: Parts,
    /// What serves now, as the listener sees it.
    pub(crate) serving: Arc<ArcSwap<Generation>>,
    built: ArcSwap<Built>,
    last: Mutex<Reload>,
}

/// How the last attempt to change generations ended.
#[derive(Clone, Debug)]
pub(crate) struct Reload {
    /// When.
    pub(crate) at: SystemTime,
    /// The report of what was wrong, if it failed.
    pub(crate) problem: Option<String>,
}

impl Gateway {
    /// A gateway that serves its first generation.
    pub(crate) fn new(parts: Parts, first: Built) -> Self {
        Self {
            parts,
            serving: Arc::new(ArcSwap::new(Arc::clone(&first.generation))),
            built: ArcSwap::from_pointee(first),
            last: Mutex::new(Reload { at: SystemTime::now(), problem: None }),
        }
    }

    /// What serves now, with what it was built from.
    pub(crate) fn built(&self) -> Arc<Built> {
        self.built.load_full()
    }

    /// Swaps the generation. Calls under way keep theirs; what the new one no longer uses ends with its last call.
    pub(crate) fn publish(&self, next: Built) {
        self.serving.store(Arc::clone(&next.generation));
        self.built.store(Arc::new(next));
        self.note(None);
    }

    /// Notes that a change was refused; the present generation goes on.
    pub(crate) fn refused(&self, problem: String) {
        self.note(Some(problem));
    }

    /// How the last attempt ended.
    pub(crate) fn last_reload(&self) -> Reload {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, problem: Option<String>) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Reload { at: SystemTime::now(), problem };
    }
}
