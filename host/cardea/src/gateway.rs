//! What outlives a reload: the wasm engine, the state, the journal, and the generation that serves now.

use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use cardea_chain::{Record, Recorder, Unrecorded};
use cardea_egress::Egress;
use cardea_jose::{Jose, Verifiers};
use cardea_ledger::Journal;
use cardea_listen::{Gauges, Generation};
use cardea_observe::{Keep, Watch};
use cardea_plugin::{Engine, EngineSettings};
use cardea_seal::Replica;
use cardea_state::Store;
use futures_util::future::BoxFuture;

use crate::assemble::{self, Built};
use crate::manifest::Manifest;
use crate::reload::{History, Inbox};
use crate::{Failure, journal, state};

/// The long-lived parts that every generation is built on.
pub(crate) struct Parts {
    /// Compiles and runs components.
    pub(crate) engine: Arc<Engine>,
    /// Counters and key-values.
    pub(crate) state: Store,
    /// Who this gateway is to its replicas.
    pub(crate) replica: Arc<Replica>,
    /// Takes the records of calls.
    pub(crate) recorder: Arc<dyn Recorder>,
    /// Counts calls and keeps the recent ones.
    pub(crate) watch: Arc<Watch>,
    /// What can be read off the listener.
    pub(crate) gauges: Arc<Gauges>,
    egress: OnceLock<Option<Arc<Egress>>>,
    jose: OnceLock<Option<Arc<dyn Verifiers>>>,
}

impl Parts {
    /// The engine beside what was opened already.
    pub(crate) fn new(
        manifest: &Manifest,
        state: Store,
        replica: Replica,
        recorder: Arc<dyn Recorder>,
    ) -> Result<Self, Failure> {
        let cache_dir = Some(manifest.data().join("code"));
        let binary = std::env::current_exe().ok();
        let engine = Engine::new(EngineSettings { cache_dir, binary, ..EngineSettings::default() })
            .map_err(|error| Failure::unavailable(format!("cannot start the wasm engine: {error}")))?;
        // Without an admin listener nobody could ask for what is kept.
        let admin = manifest.plan.admin.as_ref();
        let keep = admin.map_or(Keep { calls: 0, bytes: 0 }, |admin| Keep {
            calls: admin.recent_calls,
            bytes: admin.recent_bytes.bytes(),
        });
        let (watch, replica) = (Arc::new(Watch::new(keep)), Arc::new(replica));
        let (gauges, egress, jose) = (Arc::default(), OnceLock::new(), OnceLock::new());
        Ok(Self { engine, state, replica, recorder, watch, gauges, egress, jose })
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

    /// The keys of issuers, kept from generation to generation.
    pub(crate) fn jose(&self) -> Option<Arc<dyn Verifiers>> {
        let open = || Some(Arc::new(Jose::new(self.egress()?)) as Arc<dyn Verifiers>);
        self.jose.get_or_init(open).clone()
    }

    /// The same for a command that serves no call. It must not open the journal: a gateway may be writing it, and a line that
    /// is half written would be taken for a torn one; nor the state, which is that gateway's.
    pub(crate) fn for_trial(manifest: &Manifest) -> Result<Self, Failure> {
        Self::new(manifest, state::in_memory(), Replica::default(), Arc::new(NoCalls))
    }
}

/// The recorder where no call is walked, or none is kept.
pub(crate) struct NoCalls;

impl Recorder for NoCalls {
    fn record(&self, _: Box<Record>) -> BoxFuture<'_, Result<(), Unrecorded>> {
        Box::pin(std::future::ready(Ok(())))
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
    /// What is asked of the reconciler.
    pub(crate) inbox: Inbox,
    /// What it has done.
    pub(crate) history: History,
    built: ArcSwap<Built>,
}

impl Gateway {
    /// A gateway that serves its first generation.
    fn new(parts: Parts, journal: Arc<Journal>, first: Built) -> Self {
        Self {
            parts,
            journal,
            serving: Arc::new(ArcSwap::new(Arc::clone(&first.generation))),
            inbox: Inbox::default(),
            history: History::begin(&first),
            built: ArcSwap::from_pointee(first),
        }
    }

    /// Opens what a manifest needs, and builds its first generation.
    pub(crate) async fn open(manifest: &Manifest, replica: Replica) -> Result<Arc<Self>, Failure> {
        let journal = journal::open(manifest)?;
        let state = state::open(manifest).await?;
        let parts = Parts::new(manifest, state, replica, Arc::clone(&journal) as Arc<dyn Recorder>)?;
        let first = assemble::first(&parts, manifest).await.map_err(|report| manifest.wrong(&report))?;
        Ok(Arc::new(Self::new(parts, journal, first)))
    }

    /// Ends every session and process of the servers, then what they kept, and then the journal.
    pub(crate) async fn close(&self) {
        self.built().close().await;
        self.parts.state.close().await;
        self.journal.close().await;
    }

    /// What serves now, with what it was built from.
    pub(crate) fn built(&self) -> Arc<Built> {
        self.built.load_full()
    }

    /// Swaps the generation. Calls under way keep theirs; what the new one no longer uses ends with its last call. Subscriptions
    /// are no calls: they end now, and whoever subscribes anew is judged by the new one.
    pub(crate) fn publish(&self, next: Arc<Built>) {
        let retired = self.serving.swap(Arc::clone(&next.generation));
        retired.retired.cancel();
        self.built.store(next);
    }
}
