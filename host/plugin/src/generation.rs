//! A stage made of wasm: one plugin, one configuration, one set of grants, as the chain sees it.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cardea_chain::{
    Call, CallVerdict, Candidate, CatalogVerdict, Choice, Credential, Definition, Done, Entry, Finding, Hook,
    HookFault, HookFaultKind, HookFuture, HookResult, Hooks, Listing, MessageVerdict, Passing, Reply, ReplyVerdict,
    Role, Stage,
};
use cardea_egress::Outlet;
use cardea_jose::Verify;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use crate::bindings::exports::cardea::plugin::{on_catalog, on_message, on_record, on_route};
use crate::breaker::{Breaker, Pass};
use crate::clock::Clock;
use crate::code::Code;
use crate::fault::{Stopped, within};
use crate::guest::{Facts, Visit};
use crate::instance::{Blueprint, Instance, StartFault};
use crate::lease::Lease;
use crate::metrics::{Metric, Metrics};
use crate::pool::Pool;
use crate::shadow::Tape;
use crate::stats::{Outcomes, Stats, Verdict};
use crate::{Allowed, Capabilities, Engine, Inspection, LoadError, LoadErrorKind, StageSpec, convert, link};

/// What `on-record` may take: it is off the path.
const RECORD_BUDGET: Budget = Budget { ticks: 250, wall: Duration::from_secs(5) };

/// What a hook may spend.
#[derive(Clone, Copy)]
struct Budget {
    /// Epoch ticks it may compute.
    ticks: u64,
    /// Time by the clock.
    wall: Duration,
}

/// A stage made of wasm.
pub struct WasmStage {
    inspection: Inspection,
    facts: Arc<Facts>,
    pool: Arc<Pool>,
    budget: Budget,
    breaker: Breaker,
    outcomes: Outcomes,
    /// Drops instances that nobody uses, as long as the stage is there.
    _housekeeping: AbortOnDropHandle<()>,
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
        let verifier = verifier(&allowed, &capabilities)?;
        let code = engine.codes.of(bytes, &inspection.digest).await?;
        let component = code.component().ok_or_else(|| misfit("it was not compiled"))?;
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
            verifier,
            state_version: inspection.manifest.as_ref().map_or(1, |manifest| manifest.state_version),
            clock,
            ticker: Arc::clone(&engine.ticker),
            metrics: Metrics::default(),
        });
        let limits = spec.limits;
        let blueprint = Blueprint::new(pre, inspection.hooks, Arc::clone(&facts), limits.memory)
            .map_err(|fault| misfit(&format!("{fault:#}")))?;
        let mut first = blueprint.start().await.map_err(|fault| not_started("init", fault))?;
        first.selftest().await.map_err(|fault| not_started("selftest", fault))?;
        let pool = Pool::new(blueprint, spec.isolation, limits.concurrency_of(&facts.allowed));
        let pool = Arc::new(pool);
        pool.warm(first);
        let wall = limits.wall_of_hook(&facts.allowed);
        Ok(Arc::new(Self {
            // The first tick can come at once: one more gives at least the whole budget.
            budget: Budget { ticks: limits.cpu.as_millis() as u64 + 1, wall },
            breaker: Breaker::new(&facts.stage),
            outcomes: Outcomes::default(),
            _housekeeping: AbortOnDropHandle::new(tokio::spawn(Pool::retire_idle(Arc::downgrade(&pool)))),
            inspection,
            facts,
            pool,
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
        let (breaker, suspensions) = self.breaker.state();
        Stats {
            generation: self.facts.generation,
            verdicts: self.outcomes.verdicts(),
            faults: self.outcomes.faults(),
            abandoned: self.pool.abandoned(),
            retries: self.outcomes.retries.value(),
            times: self.outcomes.times(),
            pool: self.pool.stats(),
            breaker,
            suspensions,
        }
    }

    /// Keeps at most so many idle instances from now on: all there is use for (`usize::MAX`) while it serves, one while it may
    /// be needed again at once, none while it only ends what has begun. Those who still call get instances of their own.
    pub fn keep_warm(&self, most: usize) {
        self.pool.keep_warm(most);
    }

    /// The numbers the plugin gives the operator, by name.
    pub fn metrics(&self) -> BTreeMap<String, Metric> {
        self.facts.metrics.all()
    }

    /// `on-record`: hands over durable records, in order. On a fault the same batch must be brought again.
    pub async fn deliver(&self, batch: &[Entry]) -> Result<(), DeliveryFault> {
        self.on_record(batch).await.map_err(DeliveryFault::Failed)?.map_err(DeliveryFault::Refused)
    }

    /// Off the path, and with a patience of its own: neither the breaker nor the numbers of the path know of it.
    async fn on_record(&self, batch: &[Entry]) -> Result<Result<(), String>, HookFault> {
        let entry = |entry: &Entry| on_record::Entry { cursor: entry.cursor, json: entry.json.clone(), ext_json: None };
        let batch: Vec<_> = batch.iter().map(entry).collect();
        let mut lease = self.pool.lease(Instant::now() + RECORD_BUDGET.wall).await?;
        let hook = async |instance: &mut Instance, batch: &Vec<_>| {
            let hook = instance.record.as_ref().ok_or_else(missing)?;
            hook.call_deliver(&mut instance.store, batch).await
        };
        let instance = lease.begin(Visit::records(), RECORD_BUDGET.ticks).ok_or_else(no_instance)?;
        let ran = within(RECORD_BUDGET.wall, pin!(hook(instance, &batch))).await;
        let taken = ran.map_err(|stopped| {
            lease.fail(&stopped);
            stopped.fault
        })?;
        drop(lease.end(Instant::now()));
        Ok(taken)
    }

    pub(crate) async fn on_authenticate(
        &self,
        credential: &Arc<Credential>,
        tape: Option<&Arc<Tape>>,
    ) -> HookResult<Finding> {
        let hook = async |instance: &mut Instance, (): &()| {
            let hook = instance.authenticate.as_ref().ok_or_else(missing)?;
            hook.call_authenticate(&mut instance.store).await
        };
        let deadline = || Instant::now() + self.budget.wall;
        self.ask(deadline, || Visit::credential(credential).taped(tape), &(), hook, convert::finding).await
    }

    async fn on_catalog(&self, definitions: &[Definition]) -> HookResult<Vec<CatalogVerdict>> {
        let definitions: Vec<on_catalog::Definition> = definitions.iter().map(Into::into).collect();
        let hook = async |instance: &mut Instance, definitions: &Vec<_>| {
            let hook = instance.catalog.as_ref().ok_or_else(missing)?;
            hook.call_admit(&mut instance.store, definitions).await
        };
        let read = |admissions: Vec<on_catalog::Admission>| Ok(admissions.into_iter().map(Into::into).collect());
        self.ask(|| Instant::now() + self.budget.wall, Visit::catalog, &definitions, hook, read).await
    }

    pub(crate) async fn on_list(
        &self,
        call: &Arc<Call>,
        listing: &Arc<Listing>,
        tape: Option<&Arc<Tape>>,
    ) -> HookResult<Vec<bool>> {
        let items: Vec<_> = listing.items.iter().map(Into::into).collect();
        let hook = async |instance: &mut Instance, items: &Vec<_>| {
            let hook = instance.list.as_ref().ok_or_else(missing)?;
            hook.call_keep(&mut instance.store, items).await
        };
        self.ask(|| call.deadline.at(), || Visit::listing(call, listing).taped(tape), &items, hook, Ok).await
    }

    pub(crate) async fn on_call(&self, call: &Arc<Call>, tape: Option<&Arc<Tape>>) -> HookResult<CallVerdict> {
        self.judged(call, || Visit::call(Hook::Call, call).taped(tape)).await
    }

    async fn judged(&self, call: &Arc<Call>, visit: impl Fn() -> Visit) -> HookResult<CallVerdict> {
        let hook = async |instance: &mut Instance, (): &()| {
            let hook = instance.call.as_ref().ok_or_else(missing)?;
            hook.call_judge(&mut instance.store).await
        };
        let read = |verdict| convert::call_verdict(verdict, self.facts.role);
        self.ask(|| call.deadline.at(), visit, &(), hook, read).await
    }

    pub(crate) async fn on_route(
        &self,
        call: &Arc<Call>,
        candidates: &[Candidate],
        tape: Option<&Arc<Tape>>,
    ) -> HookResult<Choice> {
        let candidates: Vec<_> = candidates.iter().map(Into::into).collect();
        let hook = async |instance: &mut Instance, candidates: &Vec<_>| {
            let hook = instance.route.as_ref().ok_or_else(missing)?;
            hook.call_choose(&mut instance.store, candidates).await
        };
        let read = |choice: on_route::Choice| Ok(choice.into());
        self.ask(|| call.deadline.at(), || Visit::call(Hook::Route, call).taped(tape), &candidates, hook, read).await
    }

    async fn on_message(&self, call: &Arc<Call>, passing: &Arc<Passing>) -> HookResult<MessageVerdict> {
        let kind: on_message::MessageKind = passing.kind.into();
        let hook = async |instance: &mut Instance, kind: &on_message::MessageKind| {
            let hook = instance.message.as_ref().ok_or_else(missing)?;
            hook.call_judge(&mut instance.store, *kind).await
        };
        let read = |verdict| convert::message_verdict(verdict);
        self.ask(|| call.deadline.latest(), || Visit::passing(call, passing), &kind, hook, read).await
    }

    pub(crate) async fn on_reply(
        &self,
        call: &Arc<Call>,
        reply: &Arc<Reply>,
        tape: Option<&Arc<Tape>>,
    ) -> HookResult<ReplyVerdict> {
        let hook = async |instance: &mut Instance, (): &()| {
            let hook = instance.reply.as_ref().ok_or_else(missing)?;
            hook.call_judge(&mut instance.store).await
        };
        let read = |verdict| convert::reply_verdict(verdict, self.facts.role);
        self.ask(|| call.deadline.at(), || Visit::reply(call, reply).taped(tape), &(), hook, read).await
    }

    /// Asks the plugin on the path of a call: not at all while it is suspended, and a second time if a trap left no trace.
    async fn ask<I, V, T: Verdict>(
        &self,
        deadline: impl FnOnce() -> Instant,
        visit: impl Fn() -> Visit,
        input: &I,
        hook: impl AsyncFn(&mut Instance, &I) -> wasmtime::Result<V>,
        read: impl FnOnce(V) -> Result<T, HookFault>,
    ) -> HookResult<T> {
        let started = Instant::now();
        let pass = self.breaker.admit().inspect_err(|fault| self.outcomes.failed(fault.kind))?;
        let mut lease = match self.pool.lease(deadline()).await {
            Ok(lease) => lease,
            Err(fault) => return Err(self.failed(pass, fault)),
        };
        let Some(instance) = lease.begin(visit(), self.budget.ticks) else {
            return Err(self.failed(pass, no_instance()));
        };
        let ran = within(self.budget.wall, pin!(hook(instance, input))).await;
        let answer = match ran {
            Ok(answer) => answer,
            Err(stopped) => match Box::pin(self.again(&mut lease, stopped, visit, input, hook)).await {
                Ok(answer) => answer,
                Err(fault) => return Err(self.failed(pass, HookFault { cost: lease.spent(), ..fault })),
            },
        };
        pass.returned();
        let ended = Instant::now();
        // The hook returned, so the instance is whole even if the answer makes no sense.
        let effects = lease.end(ended);
        let verdict = read(answer).map_err(|fault| {
            self.outcomes.failed(fault.kind);
            HookFault { cost: effects.cost, ..fault }
        })?;
        self.outcomes.returned(verdict.word(), ended - started);
        Ok(Done { verdict, effects })
    }

    /// Asks once more on a fresh instance, if the hook trapped and had done nothing yet that outlives it.
    async fn again<I, V>(
        &self,
        lease: &mut Lease<'_>,
        stopped: Stopped,
        visit: impl Fn() -> Visit,
        input: &I,
        hook: impl AsyncFn(&mut Instance, &I) -> wasmtime::Result<V>,
    ) -> Result<V, HookFault> {
        let undone = lease.fail(&stopped);
        if !undone || stopped.fault.kind != HookFaultKind::Trap {
            return Err(stopped.fault);
        }
        self.outcomes.retries.add(1);
        lease.renew().await?;
        let instance = lease.begin(visit(), self.budget.ticks).ok_or_else(no_instance)?;
        let ran = within(self.budget.wall, pin!(hook(instance, input))).await;
        ran.map_err(|stopped| {
            lease.fail(&stopped);
            stopped.fault
        })
    }

    /// Counts a hook that failed in the end.
    fn failed(&self, pass: Pass<'_>, fault: HookFault) -> HookFault {
        self.outcomes.failed(fault.kind);
        // That too many call at once is not the plugin's doing, and one that oversteps its grant on some calls serves the others.
        if !matches!(fault.kind, HookFaultKind::Busy | HookFaultKind::Denied) {
            pass.failed(&self.breaker, self.outcomes.ended());
        }
        fault
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
        Box::pin(self.on_authenticate(credential, None))
    }

    fn admit<'a>(&'a self, definitions: &'a Arc<Vec<Definition>>) -> HookFuture<'a, Vec<CatalogVerdict>> {
        Box::pin(self.on_catalog(definitions))
    }

    fn keep<'a>(&'a self, call: &'a Arc<Call>, listing: &'a Arc<Listing>) -> HookFuture<'a, Vec<bool>> {
        Box::pin(self.on_list(call, listing, None))
    }

    fn judge_call<'a>(&'a self, call: &'a Arc<Call>) -> HookFuture<'a, CallVerdict> {
        Box::pin(self.on_call(call, None))
    }

    fn judge_again<'a>(&'a self, call: &'a Arc<Call>) -> HookFuture<'a, CallVerdict> {
        Box::pin(self.judged(call, || Visit::again(call)))
    }

    fn choose<'a>(&'a self, call: &'a Arc<Call>, candidates: &'a [Candidate]) -> HookFuture<'a, Choice> {
        Box::pin(self.on_route(call, candidates, None))
    }

    fn judge_message<'a>(&'a self, call: &'a Arc<Call>, passing: &'a Arc<Passing>) -> HookFuture<'a, MessageVerdict> {
        Box::pin(self.on_message(call, passing))
    }

    fn judge_reply<'a>(&'a self, call: &'a Arc<Call>, reply: &'a Arc<Reply>) -> HookFuture<'a, ReplyVerdict> {
        Box::pin(self.on_reply(call, reply, None))
    }
}

/// The way out of a stage that may send requests.
fn outlet(allowed: &Allowed, capabilities: &Capabilities) -> Result<Option<Outlet>, LoadError> {
    if allowed.scope.http.is_empty() {
        return Ok(None);
    }
    match &capabilities.egress {
        Some(egress) => Ok(Some(egress.outlet(&allowed.private_addresses))),
        None => Err(no_way_out("it sends requests")),
    }
}

/// What verifies the tokens of a stage that may have them verified. It begins to fetch the issuers' keys.
fn verifier(allowed: &Allowed, capabilities: &Capabilities) -> Result<Option<Arc<dyn Verify>>, LoadError> {
    if !allowed.scope.jose {
        return Ok(None);
    }
    match &capabilities.jose {
        Some(jose) => Ok(Some(jose.verifier(&allowed.issuers, &allowed.private_addresses))),
        None => Err(no_way_out("it verifies tokens, whose keys have to be fetched")),
    }
}

fn no_way_out(why: &str) -> LoadError {
    LoadError::new(
        LoadErrorKind::Unavailable,
        format!("{why}, and this gateway has no way out: TLS could not be set up when it started"),
        "Install root certificates and start the gateway again; the log of its start has the cause",
    )
}

/// The chain asks for hooks that [`Stage::hooks`] names, and for no others.
fn missing() -> wasmtime::Error {
    wasmtime::Error::msg("it does not have this hook")
}

/// A lease has an instance until its hook has ended.
fn no_instance() -> HookFault {
    HookFault::bad_answer("its instance is gone")
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
        StartFault::Failed(Stopped { fault, .. }) => (
            format!("{what} did not return ({}): {}", fault.kind.as_str(), fault.inside),
            "The log has what the plugin printed; if it needs more memory, raise the stage's limit",
        ),
    };
    LoadError::new(LoadErrorKind::Init, problem, remedy)
}
