//! From bytes to compiled code: once a digest, never on a thread that serves calls.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::Bytes;
use rayon::{ThreadPool, ThreadPoolBuilder};
use tokio::sync::{OnceCell, oneshot};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::cache::Cache;
use crate::{EngineError, LoadError, LoadErrorKind};

/// Serving comes first: compiling waits for every other thread that wants to run.
const NICE: i32 = 15;

/// Code that is compiled, being compiled, or on disk.
pub(crate) struct Codes {
    engine: Engine,
    compiler: ThreadPool,
    cache: Option<Arc<Cache>>,
    /// What stages hold at the moment, and what is being compiled for them.
    known: Mutex<HashMap<String, Weak<Code>>>,
}

/// Compiled code, shared by every stage made of the same bytes.
pub(crate) type Code = OnceCell<Component>;

impl Codes {
    pub(crate) fn new(engine: &Engine, cache_dir: Option<PathBuf>) -> Result<Self, EngineError> {
        let compiler = ThreadPoolBuilder::new()
            .thread_name(|number| format!("cardea-compile-{number}"))
            .start_handler(|_| {
                // On Linux this is the thread's own priority. Compiling at the usual one is no reason not to compile.
                let _ = rustix::process::setpriority_process(None, NICE);
            })
            .build()
            .map_err(|fault| EngineError::Thread(std::io::Error::other(fault)))?;
        let cache = cache_dir.map(|dir| Cache::open(dir, engine)).transpose()?.map(Arc::new);
        Ok(Self { engine: engine.clone(), compiler, cache, known: Mutex::default() })
    }

    /// The code of a component. Who asks for what is being compiled waits for it.
    pub(crate) async fn of(&self, bytes: Bytes, digest: &str) -> Result<Arc<Code>, LoadError> {
        let code = self.entry(digest);
        code.get_or_try_init(|| self.make(bytes, digest.to_owned())).await?;
        Ok(code)
    }

    fn entry(&self, digest: &str) -> Arc<Code> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(code) = known.get(digest).and_then(Weak::upgrade) {
            return code;
        }
        known.retain(|_, code| code.strong_count() > 0);
        let code = Arc::new(Code::new());
        known.insert(digest.to_owned(), Arc::downgrade(&code));
        code
    }

    async fn make(&self, bytes: Bytes, digest: String) -> Result<Component, LoadError> {
        let (engine, cache) = (self.engine.clone(), self.cache.clone());
        let (done, made) = oneshot::channel();
        self.compiler.spawn(move || {
            let _ = done.send(find_or_compile(&engine, cache.as_deref(), &bytes, &digest));
        });
        let stopped = |_| compile_error("the compiler stopped while it worked on it");
        made.await.map_err(stopped)?
    }
}

fn find_or_compile(engine: &Engine, cache: Option<&Cache>, bytes: &[u8], digest: &str) -> Result<Component, LoadError> {
    if let Some(component) = cache.and_then(|cache| cache.load(engine, digest)) {
        return Ok(component);
    }
    let invalid = |fault: wasmtime::Error| compile_error(format!("it is no valid component: {}", fault.root_cause()));
    let started = std::time::Instant::now();
    let Some(cache) = cache else { return Component::new(engine, bytes).map_err(invalid) };
    let artefact = engine.precompile_component(bytes).map_err(invalid)?;
    tracing::debug!(digest, bytes = bytes.len(), took = ?started.elapsed(), "plugin compiled");
    if let Err(fault) = cache.store(digest, &artefact) {
        tracing::warn!("compiled code is not kept: {fault}");
    }
    // What was written is what runs, so that the code's pages are the file's. On a full disk it is compiled once more.
    cache.load(engine, digest).map_or_else(|| Component::new(engine, bytes).map_err(invalid), Ok)
}

fn compile_error(problem: impl Into<String>) -> LoadError {
    LoadError::new(LoadErrorKind::Compile, problem, "Build the plugin again with a current toolchain")
}
