//! The components that are measured, and stages made of them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cardea_chain::{Chain, Matcher, OnError, Placed, Record, Recorder, Unrecorded};
use cardea_plugin::{Capabilities, Engine, EngineSettings, Grants, Isolation, Limits, StageSpec, WasmStage};
use cardea_state::Memory;
use futures_util::future::{BoxFuture, ready};
use serde_json::{Value, json};

use crate::Outcome;

/// An engine, and the components for it.
pub(crate) struct House {
    pub(crate) engine: Arc<Engine>,
    measured: Bytes,
    rbac: Bytes,
    rate_limit: Bytes,
    capabilities: Capabilities,
}

impl House {
    /// Reads what `cargo xtask plugins` has built.
    pub(crate) fn open(target: &Path) -> Outcome<Self> {
        let memory = Arc::new(Memory::default());
        Ok(Self {
            engine: Engine::new(EngineSettings::default())?,
            measured: component(target, "guests/measured")?,
            rbac: component(target, "plugins/rbac")?,
            rate_limit: component(target, "plugins/rate-limit")?,
            capabilities: Capabilities::new(memory.clone(), memory),
        })
    }

    /// The guest that does as it is told, in instances that are shared or not.
    pub(crate) async fn measured(&self, told: Value, isolation: Isolation) -> Outcome<Arc<WasmStage>> {
        let spec = StageSpec { isolation, ..spec("measured", told) };
        self.load(&self.measured, spec).await
    }

    /// Rights that let the reader read.
    pub(crate) async fn rbac(&self) -> Outcome<Arc<WasmStage>> {
        let allow = json!([{ "methods": ["tools/call"], "names": ["read"] }]);
        self.load(&self.rbac, spec("rbac", json!({ "roles": { "reader": { "allow": allow } } }))).await
    }

    /// A limit that nobody reaches.
    pub(crate) async fn rate_limit(&self) -> Outcome<Arc<WasmStage>> {
        let limits = json!([{ "per": ["subject"], "capacity": 1_000_000_000, "refill-per-second": 1e9 }]);
        let spec = spec("rate-limit", json!({ "limits": limits }));
        let grants = Grants { limiter: true, ..Grants::default() };
        self.load(&self.rate_limit, StageSpec { grants, ..spec }).await
    }

    async fn load(&self, component: &Bytes, spec: StageSpec) -> Outcome<Arc<WasmStage>> {
        Ok(self.engine.load(component.clone(), spec, self.capabilities.clone()).await?)
    }
}

/// A component that was built before.
pub(crate) fn component(target: &Path, name: &str) -> Outcome<Bytes> {
    let file = target.join(format!("{name}.wasm"));
    let bytes = std::fs::read(&file);
    Ok(bytes.map_err(|error| format!("{}: {error}; run `cargo xtask plugins` first", file.display()))?.into())
}

/// A stage with time enough on a busy machine.
pub(crate) fn spec(name: &str, config: Value) -> StageSpec {
    StageSpec {
        name: name.to_owned(),
        plugin: name.to_owned(),
        generation: 1,
        config,
        grants: Grants::default(),
        limits: Limits { wall: Duration::from_secs(10), ..Limits::default() },
        isolation: Isolation::Shared,
    }
}

/// A chain of stages, recorded by nobody.
pub(crate) fn chain(stages: &[Arc<WasmStage>]) -> Chain {
    let placed = |stage: &Arc<WasmStage>| Placed {
        stage: Arc::clone(stage) as _,
        matcher: Matcher::default(),
        on_error: OnError::Refuse,
    };
    Chain::new(stages.iter().map(placed).collect(), 1, Arc::new(Nobody))
}

struct Nobody;

impl Recorder for Nobody {
    fn record(&self, _: Box<Record>) -> BoxFuture<'_, Result<(), Unrecorded>> {
        Box::pin(ready(Ok(())))
    }

    fn record_now(&self, _: Box<Record>) {}
}
