//! Stages made of wasm: from a plugin's bytes to something the chain can ask. The only crate that names wasmtime.
//!
//! [`Engine::load`] inspects the bytes, compiles them or finds them compiled, links what the stage grants and nothing else,
//! and starts and tests one instance. What it returns is a [`cardea_chain::Stage`] with a pool of warm instances behind it.
//!
//! What a guest can do to the house is bounded everywhere: memory by its store, computing by epochs, waiting by the clock,
//! imports by count, output by lines and bytes. What it may read, edit, send and keep is what it asks for and is granted, both
//! ([`Allowed`]). A guest that traps, or whose call is dropped midway, is thrown away.

mod allowed;
mod bindings;
mod breaker;
mod cache;
#[cfg(test)]
mod cases;
mod clock;
mod code;
mod convert;
mod documents;
mod engine;
mod error;
mod fault;
mod generation;
mod guest;
mod imports;
mod inspect;
mod instance;
mod lease;
mod link;
mod manifest;
mod metrics;
mod outgoing;
mod output;
mod pool;
mod schema;
mod shadow;
mod shipped;
mod spec;
mod stats;
mod ticker;

pub use allowed::Allowed;
pub use breaker::BreakerState;
pub use cardea_grant::{Grants, Scope};
pub use engine::{Engine, EngineSettings};
pub use error::{ConfigProblem, EngineError, LoadError, LoadErrorKind};
pub use generation::{DeliveryFault, WasmStage};
pub use inspect::Inspection;
pub use manifest::PluginManifest;
pub use metrics::{BOUNDS, Metric, Observations};
pub use shadow::{Comparison, Example, Shadow, Shadowed, Word};
pub use spec::{Capabilities, Isolation, Limits, StageSpec};
pub use stats::{PoolStats, Stats, TIME_BOUNDS, Times};
