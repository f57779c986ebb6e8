//! The one wasmtime engine of the process: its settings and its pool of instances.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use wasmtime::component::Linker;
use wasmtime::{Config, Enabled, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig};

use crate::clock::Clock;
use crate::code::Codes;
use crate::guest::Guest;
use crate::shadow::Overlay;
use crate::ticker::Ticker;
use crate::{Capabilities, EngineError, Inspection, LoadError, Shadow, StageSpec, WasmStage, link, shipped};

/// How plugins are run.
#[derive(Clone, Debug)]
pub struct EngineSettings {
    /// Where compiled code is kept between starts; none compiles anew each time. Created if it is not there, and then
    /// only for this user.
    pub cache_dir: Option<PathBuf>,
    /// Most bytes of compiled code that are kept there; what was not used for longest goes first.
    pub cache_bytes: u64,
    /// The gateway's binary: code that was compiled when it was built lies beside it, under its name with `.code` at the end.
    pub binary: Option<PathBuf>,
    /// Longest time that is spent on compiling one plugin.
    pub compile_time: Duration,
    /// Most instances alive at a time, of all plugins together.
    pub instances: u32,
}

impl Default for EngineSettings {
    fn default() -> Self {
        let compile_time = Duration::from_secs(60);
        Self { cache_dir: None, cache_bytes: 1 << 30, binary: None, compile_time, instances: 1000 }
    }
}

/// Runs plugins. One a process.
pub struct Engine {
    pub(crate) codes: Codes,
    pub(crate) ticker: Arc<Ticker>,
    linker: Linker<Guest>,
}

impl Engine {
    /// Starts the engine.
    pub fn new(settings: EngineSettings) -> Result<Arc<Self>, EngineError> {
        let wasm = start(settings.instances.max(1))?;
        let ticker = Ticker::start(wasm.weak()).map_err(EngineError::Thread)?;
        let linker = link::always(&wasm).map_err(|fault| EngineError::Wasm(format!("{fault:#}")))?;
        let codes = Codes::new(&wasm, &settings)?;
        Ok(Arc::new(Self { codes, ticker, linker }))
    }

    /// Looks at a plugin's bytes without running or compiling them.
    pub fn inspect(bytes: &[u8]) -> Result<Inspection, LoadError> {
        Inspection::of(bytes)
    }

    /// Compiles plugins for a gateway's binary and leaves the code beside it, as the last step of its build.
    pub fn ship(&self, binary: &Path, plugins: &[&[u8]]) -> Result<(), EngineError> {
        shipped::ship(self.codes.engine(), binary, plugins).map_err(|fault| {
            EngineError::Cache(format!("compiled code cannot be put beside {}: {fault}", binary.display()))
        })
    }

    /// Makes a stage of a plugin: inspects, compiles or finds it compiled, links what is granted, and starts and tests one
    /// instance. Whatever is wrong with the plugin or its configuration comes out here.
    pub async fn load(
        self: &Arc<Self>,
        bytes: Bytes,
        spec: StageSpec,
        capabilities: Capabilities,
    ) -> Result<Arc<WasmStage>, LoadError> {
        let plugin = spec.plugin.clone();
        self.load_unnamed(bytes, spec, capabilities).await.map_err(|fault| fault.of(&plugin))
    }

    /// Makes a shadow of a stage: a version that is told what the stage is told, asks nobody outside and changes nothing. `spec`
    /// bears the stage's name, so that it reads the stage's values.
    pub async fn cast(
        self: &Arc<Self>,
        bytes: Bytes,
        spec: StageSpec,
        capabilities: Capabilities,
    ) -> Result<Arc<Shadow>, LoadError> {
        let capabilities = Capabilities { kv: Arc::new(Overlay::new(capabilities.kv)), ..capabilities };
        Ok(Shadow::cast(self.load(bytes, spec, capabilities).await?))
    }

    async fn load_unnamed(
        self: &Arc<Self>,
        bytes: Bytes,
        spec: StageSpec,
        capabilities: Capabilities,
    ) -> Result<Arc<WasmStage>, LoadError> {
        let inspection = Inspection::of(&bytes)?;
        inspection.check_role()?;
        inspection.check_config(&spec.config)?;
        WasmStage::start(self, bytes, inspection, spec, capabilities, Clock::System).await
    }

    /// The linker with what every plugin may import.
    pub(crate) fn linker(&self) -> Linker<Guest> {
        self.linker.clone()
    }
}

/// The pool reserves address space, terabytes of it. Where there is not that much (`ulimit -v`, 39-bit machines), smaller
/// pools are tried, and at last none: then each instance is made with its own mappings, at some four times the cost.
fn start(instances: u32) -> Result<wasmtime::Engine, EngineError> {
    let mut size = instances;
    while size >= 16 {
        match wasmtime::Engine::new(&config(Some(size))) {
            Ok(engine) => {
                if size < instances {
                    tracing::warn!(
                        wanted = instances,
                        got = size,
                        "less address space than wanted for plugin instances"
                    );
                }
                return Ok(engine);
            }
            Err(fault) => tracing::debug!(size, "no pool of plugin instances: {fault:#}"),
        }
        size /= 2;
    }
    tracing::warn!("no address space for a pool of plugin instances: each is mapped on its own, which is slower");
    wasmtime::Engine::new(&config(None)).map_err(|fault| EngineError::Wasm(format!("{fault:#}")))
}

fn config(pool: Option<u32>) -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .cranelift_opt_level(OptLevel::Speed)
        .epoch_interruption(true)
        // On by default in 48, and three times the cost of a call; a guest runs one call at a time anyway.
        .concurrency_support(false)
        .memory_init_cow(true);
    if let Some(instances) = pool {
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pooling(instances)));
    }
    config
}

/// Sized for guests with a language runtime inside, not for the smallest. What is kept resident makes a fresh instance
/// cost half (`linear_memory_keep_resident` with `pagemap_scan`, kernel 6.7 and later).
fn pooling(instances: u32) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(instances.saturating_mul(8))
        .total_memories(instances.saturating_mul(2))
        .total_tables(instances.saturating_mul(4))
        .total_stacks(instances)
        .max_memory_size(256 << 20)
        .max_tables_per_module(4)
        .table_elements(100_000)
        .max_component_instance_size(16 << 20)
        .max_core_instance_size(16 << 20)
        .max_memories_per_component(8)
        .max_core_instances_per_component(64)
        .linear_memory_keep_resident(2 << 20)
        .table_keep_resident(512 << 10)
        .max_unused_warm_slots(100)
        .pagemap_scan(Enabled::Auto);
    pool
}
