//! From bytes to compiled code, which the build or an earlier start may have left: once a digest, never on a thread that serves calls, and for no longer than is reasonable.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rayon::{ThreadPool, ThreadPoolBuilder};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::cache::Cache;
use crate::shipped::Shipped;
use crate::{EngineError, EngineSettings, LoadError, LoadErrorKind};

/// Serving comes first: compiling waits for every other thread that wants to run.
const NICE: i32 = 15;
/// Components that are compiled at a time. One that takes too long goes on to its end, for nothing can stop it, and must not
/// keep the others from being compiled.
const AT_ONCE: usize = 4;

/// Code that is compiled, being compiled, or on disk.
pub(crate) struct Codes {
    workshop: Arc<Workshop>,
    most: Duration,
    /// What stages hold at the moment, and what is being compiled for them.
    known: Mutex<HashMap<String, Weak<Code>>>,
}

/// What it takes to make code.
struct Workshop {
    engine: Engine,
    shipped: Option<Shipped>,
    cache: Option<Cache>,
    places: Arc<Semaphore>,
}

/// Compiled code, shared by every stage made of the same bytes.
pub(crate) struct Code {
    component: OnceLock<Component>,
    outcome: watch::Receiver<Option<Result<(), LoadError>>>,
}

impl Code {
    /// The code, once it is there.
    pub(crate) fn component(&self) -> Option<&Component> {
        self.component.get()
    }

    async fn made(&self) -> Result<(), LoadError> {
        let mut outcome = self.outcome.clone();
        let stopped = || compile_error("the compiler stopped while it worked on it");
        let made = outcome.wait_for(Option::is_some).await.map_err(|_| stopped())?;
        made.clone().unwrap_or_else(|| Err(stopped()))
    }
}

impl Codes {
    pub(crate) fn new(engine: &Engine, settings: &EngineSettings) -> Result<Self, EngineError> {
        let open = |dir: &PathBuf| Cache::open(dir.clone(), settings.cache_bytes, engine);
        let cache = settings.cache_dir.as_ref().map(open).transpose()?;
        let shipped = settings.binary.as_ref().and_then(|binary| Shipped::open(binary, engine));
        let workshop = Workshop { engine: engine.clone(), shipped, cache, places: Arc::new(Semaphore::new(AT_ONCE)) };
        Ok(Self { workshop: Arc::new(workshop), most: settings.compile_time, known: Mutex::default() })
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.workshop.engine
    }

    /// The code of a component. Who asks for what is being compiled waits for it, but not for ever.
    pub(crate) async fn of(&self, bytes: Bytes, digest: &str) -> Result<Arc<Code>, LoadError> {
        let code = self.entry(bytes, digest);
        let too_long = |_| {
            let problem = format!("it was not compiled within {:?}", self.most);
            let remedy =
                "Make it smaller. Compiling goes on: if it ends, its code is kept, and loading it again is quick";
            LoadError::new(LoadErrorKind::Compile, problem, remedy)
        };
        timeout(self.most, code.made()).await.map_err(too_long)??;
        Ok(code)
    }

    fn entry(&self, bytes: Bytes, digest: &str) -> Arc<Code> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(code) = known.get(digest).and_then(Weak::upgrade) {
            return code;
        }
        known.retain(|_, code| code.strong_count() > 0);
        let (tell, outcome) = watch::channel(None);
        let code = Arc::new(Code { component: OnceLock::new(), outcome });
        known.insert(digest.to_owned(), Arc::downgrade(&code));
        let job = Job { code: Arc::clone(&code), bytes, digest: digest.to_owned(), tell };
        drop(tokio::spawn(Arc::clone(&self.workshop).make(job)));
        code
    }
}

/// Code to be made. It holds the code, so that who asks again while it is being made finds it.
struct Job {
    code: Arc<Code>,
    bytes: Bytes,
    digest: String,
    tell: watch::Sender<Option<Result<(), LoadError>>>,
}

impl Job {
    fn done(self, made: Result<Component, LoadError>) {
        let Self { code, tell, .. } = self;
        let told = made.map(|component| drop(code.component.set(component)));
        // Let go of before anybody is told: from then on, whoever waited decides how long the code is mapped.
        drop(code);
        tell.send_replace(Some(told));
    }
}

impl Workshop {
    async fn make(self: Arc<Self>, job: Job) {
        let shop = Arc::clone(&self);
        let looked = tokio::task::spawn_blocking(move || {
            let of_build = shop.shipped.as_ref().and_then(|shipped| shipped.load(&shop.engine, &job.digest));
            let cached = || shop.cache.as_ref()?.load(&shop.engine, &job.digest);
            let found = of_build.or_else(cached);
            (job, found)
        });
        let Ok((job, found)) = looked.await else { return };
        if let Some(component) = found {
            return job.done(Ok(component));
        }
        let Ok(place) = Arc::clone(&self.places).acquire_owned().await else { return };
        // Threads of its own: on shared ones, a component that takes for ever would stand in the way of the next.
        match threads() {
            Ok(threads) => threads.spawn(move || self.compile(job, place)),
            Err(fault) => job.done(Err(compile_error(format!("no thread starts to compile it: {fault}")))),
        }
    }

    fn compile(&self, job: Job, place: OwnedSemaphorePermit) {
        let made = self.compiled(&job.bytes, &job.digest);
        drop(place);
        job.done(made);
    }

    fn compiled(&self, bytes: &[u8], digest: &str) -> Result<Component, LoadError> {
        let invalid =
            |fault: wasmtime::Error| compile_error(format!("it is no valid component: {}", fault.root_cause()));
        let started = Instant::now();
        let Some(cache) = &self.cache else { return Component::new(&self.engine, bytes).map_err(invalid) };
        let artefact = self.engine.precompile_component(bytes).map_err(invalid)?;
        tracing::debug!(digest, bytes = bytes.len(), took = ?started.elapsed(), "plugin compiled");
        if let Err(fault) = cache.store(digest, &artefact) {
            tracing::warn!("compiled code is not kept: {fault}");
        }
        // What was written is what runs, so that the code's pages are the file's. On a full disk it is compiled once more.
        let kept = cache.load(&self.engine, digest);
        kept.map_or_else(|| Component::new(&self.engine, bytes).map_err(invalid), Ok)
    }
}

/// Threads for one compilation; they end with it.
fn threads() -> Result<ThreadPool, rayon::ThreadPoolBuildError> {
    ThreadPoolBuilder::new()
        .thread_name(|number| format!("cardea-compile-{number}"))
        .start_handler(|_| {
            // On Linux this is the thread's own priority. Compiling at the usual one is no reason not to compile.
            let _ = rustix::process::setpriority_process(None, NICE);
        })
        // Whoever waits is told that the compiler stopped; without this, the process would end.
        .panic_handler(|_| tracing::error!("the compiler panicked over a plugin"))
        .build()
}

fn compile_error(problem: impl Into<String>) -> LoadError {
    LoadError::new(LoadErrorKind::Compile, problem, "Build the plugin again with a current toolchain")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_takes_too_long_is_given_up_and_found_when_it_ends() {
        let home = tempfile::tempdir().unwrap();
        let (engine, cache_dir) = (Engine::default(), Some(home.path().join("code")));
        let settings =
            EngineSettings { cache_dir, compile_time: Duration::from_millis(1), ..EngineSettings::default() };
        let codes = Codes::new(&engine, &settings).unwrap();
        let functions = "(func (result i32) (i32.const 1))".repeat(20_000);
        let bytes = Bytes::from(wat::parse_str(format!("(component (core module {functions}))")).unwrap());
        let error = codes.of(bytes.clone(), "aa").await.err().unwrap();
        assert_eq!(error.kind, LoadErrorKind::Compile);
        assert!(error.problem.contains("within 1ms") && error.remedy.contains("smaller"), "{error:?}");
        // The job holds the code while it runs, so asking again begins nothing new.
        let (one, other) = (codes.entry(bytes.clone(), "aa"), codes.entry(bytes.clone(), "aa"));
        assert!(Arc::ptr_eq(&one, &other));
        one.made().await.unwrap();
        assert!(one.component().is_some());
        drop((one, other));
        let patient = Codes { most: Duration::from_secs(60), ..codes };
        assert!(patient.of(bytes, "aa").await.is_ok());
    }

    #[tokio::test]
    async fn what_cannot_be_compiled_fails_for_everybody_who_waits_and_can_be_tried_again() {
        let codes = Codes::new(&Engine::default(), &EngineSettings::default()).unwrap();
        for _ in 0..2 {
            let of = || codes.of(Bytes::from_static(b"\0asm"), "bb");
            let (one, other) = tokio::join!(of(), of());
            assert_eq!(one.err().unwrap().kind, LoadErrorKind::Compile);
            assert!(other.is_err());
        }
    }
}
