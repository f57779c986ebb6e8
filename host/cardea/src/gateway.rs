//! What outlives a reload: the wasm engine, the state, the journal, and the generation that serves now.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

use arc_swap::ArcSwap;
use cardea_chain::{Record, Recorder};
use cardea_egress::Egress;
use cardea_ledger::Journal;
use cardea_listen::Generation;
use cardea_plugin::{Engine, EngineSettings};
use cardea_state::Memory;
use futures_util::future::BoxFuture;

use crate::Failure;
use crate::assemble::Built;
use crate::manifest::Manifest;

/// The long-lived parts that every generation is built on.
pub(crate) struct Parts {
    /// Compiles and runs components.
    pub(crate) engine: Arc<Engine>,
    /// Counters and key-values.
    pub(crate) memory: Arc<Memory>,
    /// Takes the records of calls.
    pub(crate) recorder: Arc<dyn Recorder>,
    egress: OnceLock<Option<Arc<Egress>>>,
}

impl Parts {
    /// Opens what the gateway keeps under its data directory.
    pub(crate) fn open(manifest: &Manifest, recorder: Arc<dyn Recorder>) -> Result<Self, Failure> {
        let cache_dir = Some(manifest.data().join("code"));
        let engine = Engine::new(EngineSettings { cache_dir, ..EngineSettings::default() })
            .map_err(|error| Failure::unavailable(format!("cannot start the wasm engine: {error}")))?;
        Ok(Self { engine, memory: Arc::new(Memory::default()), recorder, egress: OnceLock::new() })
    }

    /// The way out for plugins, made when the first stage may use it: reading the roots of trust takes its time.
    pub(crate) fn egress(&self) -> Option<Arc<Egress>> {
        let open = || match Egress::new() {
            Ok(egress) => Some(Arc::new(egress)),
            Err(error) => {
                tracing::error!("plugins cannot send requests: {error}");
                None
            }
        };
        self.egress.get_or_init(open).clone()
    }

    /// Opens the same for a command that serves no call. It must not open the journal: a gateway may be writing it, and a line
    /// that is half written would be taken for a torn one.
    pub(crate) fn for_trial(manifest: &Manifest) -> Result<Self, Failure> {
        Self::open(manifest, Arc::new(NoCalls))
    }
}

/// Opens the journal under the data directory.
pub(crate) fn open_journal(manifest: &Manifest) -> Result<Arc<Journal>, Failure> {
    let data = manifest.data();
    Journal::open(&data.join("journal"), cardea_ledger::Settings::default())
        .map_err(|error| Failure::unavailable(format!("cannot open the journal in {}: {error}", data.display())))
}

/// The recorder where no call is walked.
struct NoCalls;

impl Recorder for NoCalls {
    fn record(&self, _: Box<Record>) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    fn record_now(&self, _: Box<Record>) {}
}

/// The gateway while it serves.
pub(crate) struct Gateway {
    /// The long-lived parts.
    pub(crate) parts: Parts,
    /// The journal.
    pub(crate) journal: Arc<Journal>,
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
    pub(crate) fn new(parts: Parts, journal: Arc<Journal>, first: Built) -> Self {
        Self {
            parts,
            journal,
            serving: Arc::new(ArcSwap::new(Arc::clone(&first.generation))),
            built: ArcSwap::from_pointee(first),
            last: Mutex::new(Reload { at: SystemTime::now(), problem: None }),
        }
    }

    /// What serves now, with what it was built from.
    pub(crate) fn built(&self) -> Arc<Built> {
        self.built.load_full()
    }

    /// Swaps the generation. Calls under way keep theirs; what the new one no longer uses ends with its last call. Subscriptions
    /// are no calls: they end now, and whoever subscribes anew is judged by the new one.
    pub(crate) fn publish(&self, next: Built) {
        let retired = self.serving.swap(Arc::clone(&next.generation));
        retired.retired.cancel();
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
