//! The state that outlives generations, as the manifest places it and as each stage uses it.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use cardea_config::{Keep, KeepIn, KvLoss, LimiterLoss, RedisPlan, StagePlan, StatePlace};
use cardea_egress::Egress;
use cardea_jose::Verifiers;
use cardea_plugin::Capabilities;
use cardea_state::{Bounds, File, Memory, Redis, RedisSettings, Store};

use crate::Failure;
use crate::manifest::Manifest;

/// Opens the state where the manifest places it.
pub(crate) async fn open(manifest: &Manifest) -> Result<Store, Failure> {
    match &manifest.plan.state.place {
        StatePlace::Own(KeepIn::Memory) => Ok(in_memory()),
        StatePlace::Own(KeepIn::File) => File::open(manifest.data(), Bounds::default(), now_ms())
            .map(Store::File)
            .map_err(|unusable| Failure::unavailable(unusable.to_string())),
        StatePlace::Redis(plan) => share(plan).await,
    }
}

/// State for a command that serves no call.
pub(crate) fn in_memory() -> Store {
    Store::Memory(Arc::new(Memory::default()))
}

/// What stands behind the imports of a stage.
pub(crate) fn capabilities(
    store: &Store,
    stage: &StagePlan,
    egress: Option<Arc<Egress>>,
    jose: Option<Arc<dyn Verifiers>>,
) -> Capabilities {
    let keep = match stage.keep {
        Keep::Process => cardea_state::Keep::Process,
        Keep::Durable => cardea_state::Keep::Durable,
    };
    let limiter = match stage.on_loss.limiter {
        LimiterLoss::Refuse => cardea_state::LimiterLoss::Refuse,
        LimiterLoss::Local => cardea_state::LimiterLoss::Local,
        LimiterLoss::Allow => cardea_state::LimiterLoss::Allow,
    };
    let kv = match stage.on_loss.kv {
        KvLoss::Refuse => cardea_state::KvLoss::Refuse,
        KvLoss::Empty => cardea_state::KvLoss::Empty,
    };
    Capabilities { kv: store.kv(keep, kv), limiter: store.limiter(limiter), egress, jose }
}

async fn share(plan: &RedisPlan) -> Result<Store, Failure> {
    let settings = RedisSettings {
        address: plan.address.reveal().to_owned(),
        prefix: plan.prefix.clone(),
        patience: plan.patience,
        bounds: Bounds::default(),
    };
    let shared = Redis::open(settings).await.map_err(|wrong| Failure::config(format!("[state]: `redis` {wrong}")))?;
    Ok(Store::Redis { shared: Arc::new(shared), local: Arc::new(Memory::default()) })
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
