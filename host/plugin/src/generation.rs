//! A stage made of wasm: one plugin, one configuration, one set of grants, as the chain sees it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cardea_chain::{
    Call, CallVerdict, Candidate, Choice, Credential, Done, Entry, Finding, Hook, HookFault, HookFuture, HookResult,
    Hooks, Listing, Reply, ReplyVerdict, Role, Stage,
};
use cardea_egress::Outlet;
use tokio::time::Instant;

use crate::bindings::exports::cardea::plugin::on_record;
use crate::clock::Clock;
use crate::code::Code;
use crate::guest::{Facts, Visit};
use crate::instance::{Blueprint, StartFault, within};
use crate::lease::Lease;
use crate::metrics::{Metric, Metrics};
use crate::pool::{Pool, Stats};
use crate::{Allowed, Capabilities, Engine, Inspection, LoadError, LoadErrorKind, StageSpec, convert, link};

/// What `on-record` may take: it is off the path.
const RECORD_TICKS: u64 = 250;
const RECORD_WALL: Duration = Duration::from_secs(5);

/// A stage made of wasm.
pub struct WasmStage {
    inspection: Inspection,
    facts: Arc<Facts>,
    pool: Arc<Pool>,
    ticks: u64,
    wall: Duration,
    /// Keeps the code findable for the next generation that is made of the same bytes.
    _code: Arc<Code>,
}

/// Why a batch of records is to be delivered again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeliveryFault {
    /// The plugin did not take it.
    #[error("it did not take the records: {0}")]
    Refused(String),
    /// It did not return.
    #[error("{}: {}", .0.kind.as_str(), .0.inside)]
    Failed(HookFault),
}

impl WasmStage {
    pub(crate) async fn start(
        engine: &Engine,
        bytes: Bytes,
        inspection: Inspection,
        spec: StageSpec,
        capabilities: Capabilities,
        clock: Clock,
    ) -> Result<Arc<Self>, LoadError> {
        let allowed = Allowed::of(&inspection, &spec.grants)?;
        let outlet = outlet(&allowed, &capabilities)?;
        let code = engine.codes.of(bytes, &inspection.digest).await?;
        let component = code.get().ok_or_else(|| misfit("it was not compiled"))?;
        let mut linker = engine.linker();
        let linked = link::granted(&mut linker, &allowed).and_then(|()| linker.instantiate_pre(component));
        let pre = linked.map_err(|fault| misfit(&format!("{fault:#}")))?;
        let facts = Arc::new(Facts {
            stage: spec.name.into(),
            role: inspection.role,
            generation: spec.generation,
            config: spec.config.to_string().into(),
            allowed,
            capabilities,
            outlet,
            state_version: inspection.manifest.as_ref().map_or(1, |manifest| manifest.state_version),
            clock,
            metrics: Metrics::default(),
        });
        let limits = spec.limits;
        let blueprint = Blueprint::new(pre, inspection.hooks, Arc::clone(&facts), limits.memory)
            .map_err(|fault| misfit(&format!("{fault:#}")))?;
        let mut first = blueprint.start().await.map_err(|fault| not_started("init", fault))?;
        first.selftest().await.map_err(|fault| not_started("selftest", fault))?;
        let pool = Pool::new(blueprint, limits.concurrency_of(&facts.allowed));
        pool.warm(first);
        let wall = limits.wall_of_hook(&facts.allowed);
        Ok(Arc::new(Self {
            inspection,
            facts,
            pool: Arc::new(pool),
            // The first tick can come at once: one more gives at least the whole budget.
            ticks: limits.cpu.as_millis() as u64 + 1,
            wall,
            _code: code,
        }))
    }

    /// What the component shows of itself.
    pub fn inspection(&self) -> &Inspection {
        &self.inspection
    }

    /// What it may do.
    pub fn allowed(&self) -> &Allowed {
        &self.facts.allowed
    }

    /// How it has fared.
    pub fn stats(&self) -> Stats {
        self.pool.stats()
    }

    /// The numbers the plugin gives the operator, by name.
    pub fn metrics(&self) -> BTreeMap<String, Metric> {
        self.facts.metrics.all()
    }

    /// `on-record`: hands over durable records, in order. On a fault the same batch must be brought again.
    pub async fn deliver(&self, batch: &[Entry]) -> Result<(), DeliveryFault> {
        self.on_record(batch).await.map_err(DeliveryFault::Failed)?.map_err(DeliveryFault::Refused)
    }

    async fn on_record(&self, batch: &[Entry]) -> Result<Result<(), String>, HookFault> {
        let entry = |entry: &Entry| on_record::Entry { cursor: entry.cursor, json: entry.json.clone(), ext_json: None };
        let batch: Vec<_> = batch.iter().map(entry).collect();
        let mut lease = self.pool.lease(Instant::now() + RECORD_WALL).await?;
        let instance = lease.begin(Visit::records(), RECORD_TICKS).ok_or_else(missing)?;
        let hook = instance.record.as_ref().ok_or_else(missing)?;
        let taken = within(RECORD_WALL, hook.call_deliver(&mut instance.store, &batch)).await?;
        drop(lease.end());
        Ok(taken)
    }

    async fn on_authenticate(&self, credential: &Arc<Credential>) -> HookResult<Finding> {
        let mut lease = self.pool.lease(Instant::now() + self.wall).await?;
        let instance = lease.begin(Visit::credential(credential), self.ticks).ok_or_else(missing)?;
        let hook = instance.authenticate.as_ref().ok_or_else(missing)?;
        let finding = within(self.wall, hook.call_authenticate(&mut instance.store)).await?;
        returned(lease, convert::finding(finding))
    }

    async fn on_list(&self, call: &Arc<Call>, listing: &Arc<Listing>) -> HookResult<Vec<bool>> {
        let items: Vec<_> = listing.items.iter().map(Into::into).collect();
        let mut lease = self.pool.lease(call.deadline.at()).await?;
        let instance = lease.begin(Visit::listing(call, listing), self.ticks).ok_or_else(missing)?;
        let hook = instance.list.as_ref().ok_or_else(missing)?;
        let keep = within(self.wall, hook.call_keep(&mut instance.store, &items)).await?;
        returned(lease, Ok(keep))
    }

    async fn on_call(&self, call: &Arc<Call>) -> HookResult<CallVerdict> {
        let mut lease = self.pool.lease(call.deadline.at()).await?;
        let instance = lease.begin(Visit::call(Hook::Call, call), self.ticks).ok_or_else(missing)?;
        let hook = instance.call.as_ref().ok_or_else(missing)?;
        let verdict = within(self.wall, hook.call_judge(&mut instance.store)).await?;
        returned(lease, convert::call_verdict(verdict, self.facts.role))
    }

    async fn on_route(&self, call: &Arc<Call>, candidates: &[Candidate]) -> HookResult<Choice> {
        let candidates: Vec<_> = candidates.iter().map(Into::into).collect();
        let mut lease = self.pool.lease(call.deadline.at()).await?;
        let instance = lease.begin(Visit::call(Hook::Route, call), self.ticks).ok_or_else(missing)?;
        let hook = instance.route.as_ref().ok_or_else(missing)?;
        let choice = within(self.wall, hook.call_choose(&mut instance.store, &candidates)).await?;
        returned(lease, Ok(choice.into()))
    }

    async fn on_reply(&self, call: &Arc<Call>, reply: &Arc<Reply>) -> HookResult<ReplyVerdict> {
        let mut lease = self.pool.lease(call.deadline.at()).await?;
        let instance = lease.begin(Visit::reply(call, reply), self.ticks).ok_or_else(missing)?;
        let hook = instance.reply.as_ref().ok_or_else(missing)?;
        let verdict = within(self.wall, hook.call_judge(&mut instance.store)).await?;
        returned(lease, convert::reply_verdict(verdict, self.facts.role))
    }
}

impl Stage for WasmStage {
    fn name(&self) -> &Arc<str> {
        &self.facts.stage
    }

    fn role(&self) -> Role {
        self.facts.role
    }

    fn hooks(&self) -> Hooks {
        self.inspection.hooks
    }

    fn keeps_journal(&self) -> bool {
        self.facts.allowed.scope.journal
    }

    fn authenticate<'a>(&'a self, credential: &'a Arc<Credential>) -> HookFuture<'a, Finding> {
        Box::pin(self.on_authenticate(credential))
    }

    fn keep<'a>(&'a self, call: &'a Arc<Call>, listing: &'a Arc<Listing>) -> HookFuture<'a, Vec<bool>> {
        Box::pin(self.on_list(call, listing))
    }

    fn judge_call<'a>(&'a self, call: &'a Arc<Call>) -> HookFuture<'a, CallVerdict> {
        Box::pin(self.on_call(call))
    }

    fn choose<'a>(&'a self, call: &'a Arc<Call>, candidates: &'a [Candidate]) -> HookFuture<'a, Choice> {
        Box::pin(self.on_route(call, candidates))
    }

    fn judge_reply<'a>(&'a self, call: &'a Arc<Call>, reply: &'a Arc<Reply>) -> HookFuture<'a, ReplyVerdict> {
        Box::pin(self.on_reply(call, reply))
    }
}

/// The way out of a stage that may send requests.
fn outlet(allowed: &Allowed, capabilities: &Capabilities) -> Result<Option<Outlet>, LoadError> {
    if allowed.scope.http.is_empty() {
        return Ok(None);
    }
    match &capabilities.egress {
        Some(egress) => Ok(Some(egress.outlet(&allowed.private_addresses))),
        None => Err(LoadError::new(
            LoadErrorKind::Unavailable,
            "it sends requests, and this gateway has no way out: TLS could not be set up when it started",
            "Install root certificates and start the gateway again; the log of its start has the cause",
        )),
    }
}

/// The hook returned, so the instance is whole even if the answer makes no sense.
fn returned<T>(lease: Lease<'_>, verdict: Result<T, HookFault>) -> HookResult<T> {
    let effects = lease.end();
    Ok(Done { verdict: verdict?, effects })
}

/// The chain asks for hooks that [`Stage::hooks`] names, and for no others.
fn missing() -> HookFault {
    HookFault::bad_answer("it does not have this hook")
}

fn misfit(why: &str) -> LoadError {
    LoadError::new(
        LoadErrorKind::Interface,
        format!("it does not fit the interface of this gateway: {why}"),
        "Build it with an SDK of this version",
    )
}

fn not_started(what: &str, fault: StartFault) -> LoadError {
    let (problem, remedy) = match fault {
        StartFault::Refused(why) => (format!("{what} failed: {why}"), "Correct the stage's configuration"),
        StartFault::Failed(fault) => (
            format!("{what} did not return ({}): {}", fault.kind.as_str(), fault.inside),
            "The log has what the plugin printed; if it needs more memory, raise the stage's limit",
        ),
    };
    LoadError::new(LoadErrorKind::Init, problem, remedy)
}
