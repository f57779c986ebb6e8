//! What one instance's imports work on: the stage it belongs to, what the present hook runs for, and what it has left behind and spent so far.

use std::sync::Arc;

use bytes::Bytes;
use cardea_chain::{Call, Cost, Credential, Effects, Hook, HostCalls, Import, Listing, Passing, Reply, Role};
use cardea_egress::Outlet;
use cardea_jose::Verify;
use wasmtime::ResourceLimiter;
use wasmtime_wasi::{ResourceTable, WasiCtx, WasiCtxView, WasiView};

use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::outgoing::Outgoing;
use crate::output::Output;
use crate::shadow::Tape;
use crate::ticker::Ticker;
use crate::{Allowed, Capabilities};

/// Imports a hook may call. Beyond it traps: nothing sensible asks so often.
const HOST_CALLS: u32 = 1_000;
/// The same for `init`, `selftest`, `on-catalog` and `on-record`, which have more to do.
const HOST_CALLS_OFF_PATH: u32 = 10_000;
/// Log lines a hook may write.
const LOG_LINES: u32 = 20;
/// Random bytes a guest may have at once.
const RANDOM_BYTES: u64 = 64 << 10;
/// Elements of all tables of one guest.
const TABLE_ELEMENTS: usize = 100_000;

/// What holds for every instance of one stage.
pub(crate) struct Facts {
    pub(crate) stage: Arc<str>,
    pub(crate) role: Role,
    pub(crate) generation: u64,
    /// The `config` table as JSON text.
    pub(crate) config: Bytes,
    pub(crate) allowed: Allowed,
    pub(crate) capabilities: Capabilities,
    /// The way out, where `http` is allowed.
    pub(crate) outlet: Option<Outlet>,
    /// Verifies tokens, where `jose` is allowed.
    pub(crate) verifier: Option<Arc<dyn Verify>>,
    /// Which layout its values in `kv` have.
    pub(crate) state_version: u32,
    pub(crate) clock: Clock,
    pub(crate) ticker: Arc<Ticker>,
    pub(crate) metrics: Metrics,
}

/// What the present hook runs for.
#[derive(Default)]
pub(crate) struct Visit {
    pub(crate) hook: Option<Hook>,
    pub(crate) call: Option<Arc<Call>>,
    pub(crate) credential: Option<Arc<Credential>>,
    pub(crate) listing: Option<Arc<Listing>>,
    pub(crate) reply: Option<Arc<Reply>>,
    /// Whether it judges a second time, and may change nothing that outlasts it.
    pub(crate) again: bool,
    /// What the outside answers: written down where a shadow follows, played back to the shadow.
    pub(crate) tape: Option<Arc<Tape>>,
    pub(crate) passing: Option<Arc<Passing>>,
}

impl Visit {
    pub(crate) fn credential(credential: &Arc<Credential>) -> Self {
        Self { hook: Some(Hook::Authenticate), credential: Some(Arc::clone(credential)), ..Self::default() }
    }

    pub(crate) fn call(hook: Hook, call: &Arc<Call>) -> Self {
        Self { hook: Some(hook), call: Some(Arc::clone(call)), ..Self::default() }
    }

    pub(crate) fn again(call: &Arc<Call>) -> Self {
        Self { again: true, ..Self::call(Hook::Call, call) }
    }

    pub(crate) fn listing(call: &Arc<Call>, listing: &Arc<Listing>) -> Self {
        Self { listing: Some(Arc::clone(listing)), ..Self::call(Hook::List, call) }
    }

    pub(crate) fn reply(call: &Arc<Call>, reply: &Arc<Reply>) -> Self {
        Self { reply: Some(Arc::clone(reply)), ..Self::call(Hook::Reply, call) }
    }

    /// The same, with a tape that runs.
    pub(crate) fn taped(self, tape: Option<&Arc<Tape>>) -> Self {
        Self { tape: tape.cloned(), ..self }
    }

    pub(crate) fn passing(call: &Arc<Call>, passing: &Arc<Passing>) -> Self {
        Self { passing: Some(Arc::clone(passing)), ..Self::call(Hook::Message, call) }
    }

    pub(crate) fn catalog() -> Self {
        Self { hook: Some(Hook::Catalog), ..Self::default() }
    }

    pub(crate) fn records() -> Self {
        Self { hook: Some(Hook::Record), ..Self::default() }
    }
}

/// The document an edit is in, as masks begin.
pub(crate) const PARAMS: &str = "/params";
/// The same for a reply.
pub(crate) const RESULT: &str = "/result";

/// What an edit does to the value it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Replace,
    Remove,
}

/// An edit outside the stage's mask.
#[derive(Debug, thiserror::Error)]
#[error("it edits `{part}{pointer}`, which its stage does not allow")]
pub(crate) struct OutsideMask {
    part: &'static str,
    pointer: String,
}

/// The data of one store.
pub(crate) struct Guest {
    pub(crate) facts: Arc<Facts>,
    pub(crate) visit: Visit,
    pub(crate) effects: Effects,
    pub(crate) memory: Memory,
    /// Epoch ticks the hook may still compute.
    pub(crate) ticks: u64,
    /// Those it had when it began.
    budget: u64,
    host_calls: HostCalls,
    /// Whether the ticker beats for it.
    running: bool,
    pub(crate) log_lines: u32,
    pub(crate) outgoing: Outgoing,
    /// Whether the hook has used something that is still changed when the hook is undone.
    reached_out: bool,
    host_calls_left: u32,
    document: Option<Bytes>,
    now_ms: Option<u64>,
    output: Output,
    wasi: WasiCtx,
    table: ResourceTable,
}

impl Guest {
    pub(crate) fn new(facts: &Arc<Facts>, memory: usize) -> Self {
        let output = Output::new(&facts.stage);
        // Nothing is inherited and nothing is opened; what a guest prints goes to the log.
        let wasi =
            WasiCtx::builder().stdout(output.stdout()).stderr(output.stderr()).max_random_size(RANDOM_BYTES).build();
        Self {
            facts: Arc::clone(facts),
            visit: Visit::default(),
            effects: Effects::default(),
            memory: Memory { held: 0, most: memory },
            ticks: 0,
            budget: 0,
            host_calls: HostCalls::default(),
            running: false,
            log_lines: 0,
            outgoing: Outgoing::default(),
            reached_out: false,
            host_calls_left: 0,
            document: None,
            now_ms: None,
            output,
            wasi,
            table: ResourceTable::new(),
        }
    }

    /// A hook begins.
    pub(crate) fn begin(&mut self, visit: Visit, ticks: u64) {
        if !std::mem::replace(&mut self.running, true) {
            self.facts.ticker.enter();
        }
        // Once a revision is not once a call.
        let on_path = visit.hook.is_some_and(|hook| !matches!(hook, Hook::Record | Hook::Catalog));
        self.host_calls_left = if on_path { HOST_CALLS } else { HOST_CALLS_OFF_PATH };
        self.log_lines = LOG_LINES;
        self.outgoing = Outgoing::default();
        self.reached_out = false;
        self.ticks = ticks;
        self.budget = ticks;
        self.host_calls = HostCalls::default();
        self.now_ms = None;
        self.document = None;
        self.output.begin();
        self.visit = visit;
    }

    /// A hook has returned: what it left behind.
    pub(crate) fn end(&mut self) -> Effects {
        self.rest();
        self.visit = Visit::default();
        self.document = None;
        self.effects.cost = self.cost();
        std::mem::take(&mut self.effects)
    }

    /// What the hook has taken so far.
    pub(crate) fn cost(&self) -> Cost {
        Cost {
            host_calls: self.host_calls,
            cpu_ticks: u32::try_from(self.budget.saturating_sub(self.ticks)).unwrap_or(u32::MAX),
            generation: self.facts.generation,
            ..Cost::default()
        }
    }

    fn rest(&mut self) {
        if std::mem::take(&mut self.running) {
            self.facts.ticker.leave();
        }
    }

    /// Counts one import.
    pub(crate) fn charge(&mut self, import: Import) -> wasmtime::Result<()> {
        self.host_calls.count(import);
        match self.host_calls_left.checked_sub(1) {
            Some(left) => self.host_calls_left = left,
            None => wasmtime::bail!("more host calls than a hook may make"),
        }
        Ok(())
    }

    /// The one moment this hook runs at.
    pub(crate) fn now_ms(&mut self) -> u64 {
        let (clock, tape) = (&self.facts.clock, &self.visit.tape);
        *self.now_ms.get_or_insert_with(|| tape.as_ref().map_or_else(|| clock.now_ms(), |tape| tape.now_ms(clock)))
    }

    /// The call's `params` as the hook has edited them; empty where there is no message.
    pub(crate) fn params(&self) -> &[u8] {
        match (&self.effects.params, &self.visit.call) {
            (Some(edited), _) => edited,
            (None, Some(call)) => call.params(),
            (None, None) => b"",
        }
    }

    /// Sees to it that an edit stays within the stage's mask. One that does not ends the hook: nothing it has done counts.
    pub(crate) fn check_edit(&self, part: &'static str, pointer: &str, action: Action) -> Result<(), OutsideMask> {
        let covered = |pointer: &str| match part {
            PARAMS => self.facts.allowed.edit.covers_call(pointer),
            _ => self.facts.allowed.edit.covers_reply(pointer),
        };
        let within = match (action, pointer.rsplit_once('/')) {
            // What follows an element that goes takes its place, so all of them must be within: `-` is named by no mask.
            (Action::Remove, Some((list, token))) if is_index(token) => covered(&format!("{list}/-")),
            _ => covered(pointer),
        };
        if within { Ok(()) } else { Err(OutsideMask { part, pointer: pointer.to_owned() }) }
    }

    /// The reply's `result` or `error`, or what is passing, as the hook has edited it; empty where there is none.
    pub(crate) fn document(&mut self) -> Bytes {
        if let Some(edited) = &self.effects.reply {
            return edited.clone();
        }
        if let Some(passing) = &self.visit.passing {
            return passing.document.clone();
        }
        let Visit { call: Some(call), reply: Some(reply), .. } = &self.visit else { return Bytes::new() };
        self.document.get_or_insert_with(|| reply.document(&call.method, call.name.as_deref())).clone()
    }

    /// The hook is about to do what cannot be undone: from here on it is not asked again if it fails. Every import that
    /// reaches something outside this call says so.
    pub(crate) fn reach_out(&mut self) {
        self.reached_out = true;
    }

    /// Whether the hook has done what cannot be undone.
    pub(crate) fn has_reached_out(&self) -> bool {
        self.reached_out
    }

    /// Where this stage's limits live for the tenant of the call. Lengths stand first, so no two namespaces are one text. Who
    /// asks is about to use it.
    pub(crate) fn namespace(&mut self) -> String {
        self.reach_out();
        let stage = &self.facts.stage;
        format!("{}:{stage}{}", stage.len(), self.tenant())
    }

    /// Where its values live: likewise, and apart for every layout they have had.
    pub(crate) fn space(&mut self) -> String {
        self.reach_out();
        match self.facts.state_version {
            0 | 1 => self.namespace(),
            // No stage has a `#` in its name.
            version => {
                let owner = format!("{}#{version}", self.facts.stage);
                format!("{}:{owner}{}", owner.len(), self.tenant())
            }
        }
    }

    fn tenant(&self) -> &str {
        self.visit.call.as_ref().map_or("", |call| &call.subject.tenant)
    }
}

fn is_index(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_digit())
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.rest();
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// The memory of one guest: all its linear memories together.
pub(crate) struct Memory {
    pub(crate) held: usize,
    most: usize,
}

impl ResourceLimiter for Memory {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let held = self.held.saturating_add(desired.saturating_sub(current));
        let fits = held <= self.most;
        if fits {
            self.held = held;
        }
        Ok(fits)
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE_ELEMENTS)
    }

    fn instances(&self) -> usize {
        64
    }

    fn tables(&self) -> usize {
        64
    }

    fn memories(&self) -> usize {
        8
    }
}
