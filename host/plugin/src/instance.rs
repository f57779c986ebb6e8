//! One instance: a store of its own, the hooks found in it, and the bounds that hold while it runs.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use cardea_chain::{Hook, Hooks};
use wasmtime::component::InstancePre;
use wasmtime::{Store, UpdateDeadline};

use crate::bindings::exports::cardea::plugin as exports;
use crate::fault::{CpuSpent, Stopped, within};
use crate::guest::{Facts, Guest, Visit};

/// Bytes a guest may hand the host in one import.
const HOSTCALL_BYTES: usize = 8 << 20;
/// Resource handles a guest may hold.
const HANDLES: usize = 1_000;
/// What starting an instance may take: it is off the path, or once in thousands of calls on it.
const START_TICKS: u64 = 1_000;
const START_WALL: Duration = Duration::from_secs(5);

/// Everything instances of one stage are made from.
pub(crate) struct Blueprint {
    pre: InstancePre<Guest>,
    indices: Indices,
    pub(crate) facts: Arc<Facts>,
    memory: usize,
}

/// Where the exports are; those of hooks that are not there are none.
struct Indices {
    lifecycle: exports::lifecycle::GuestIndices,
    authenticate: Option<exports::on_authenticate::GuestIndices>,
    catalog: Option<exports::on_catalog::GuestIndices>,
    list: Option<exports::on_list::GuestIndices>,
    call: Option<exports::on_call::GuestIndices>,
    route: Option<exports::on_route::GuestIndices>,
    message: Option<exports::on_message::GuestIndices>,
    reply: Option<exports::on_reply::GuestIndices>,
    record: Option<exports::on_record::GuestIndices>,
}

/// One instance, started.
pub(crate) struct Instance {
    pub(crate) store: Store<Guest>,
    lifecycle: exports::lifecycle::Guest,
    pub(crate) authenticate: Option<exports::on_authenticate::Guest>,
    pub(crate) catalog: Option<exports::on_catalog::Guest>,
    pub(crate) list: Option<exports::on_list::Guest>,
    pub(crate) call: Option<exports::on_call::Guest>,
    pub(crate) route: Option<exports::on_route::Guest>,
    pub(crate) message: Option<exports::on_message::Guest>,
    pub(crate) reply: Option<exports::on_reply::Guest>,
    pub(crate) record: Option<exports::on_record::Guest>,
    /// Bytes of memory it held when it had started.
    pub(crate) memory_at_start: usize,
}

/// Why an instance did not start.
pub(crate) enum StartFault {
    /// The plugin said no.
    Refused(String),
    /// It did not come to that.
    Failed(Stopped),
}

impl Blueprint {
    pub(crate) fn new(
        pre: InstancePre<Guest>,
        hooks: Hooks,
        facts: Arc<Facts>,
        memory: usize,
    ) -> wasmtime::Result<Self> {
        let indices = Indices {
            lifecycle: exports::lifecycle::GuestIndices::new(&pre)?,
            authenticate: given(hooks, Hook::Authenticate, || exports::on_authenticate::GuestIndices::new(&pre))?,
            catalog: given(hooks, Hook::Catalog, || exports::on_catalog::GuestIndices::new(&pre))?,
            list: given(hooks, Hook::List, || exports::on_list::GuestIndices::new(&pre))?,
            call: given(hooks, Hook::Call, || exports::on_call::GuestIndices::new(&pre))?,
            route: given(hooks, Hook::Route, || exports::on_route::GuestIndices::new(&pre))?,
            message: given(hooks, Hook::Message, || exports::on_message::GuestIndices::new(&pre))?,
            reply: given(hooks, Hook::Reply, || exports::on_reply::GuestIndices::new(&pre))?,
            record: given(hooks, Hook::Record, || exports::on_record::GuestIndices::new(&pre))?,
        };
        Ok(Self { pre, indices, facts, memory })
    }

    /// Makes an instance and runs `init` in it.
    pub(crate) async fn start(&self) -> Result<Box<Instance>, StartFault> {
        let mut instance = within(START_WALL, pin!(self.instantiate())).await.map_err(StartFault::Failed)?;
        let started = within(START_WALL, pin!(instance.lifecycle.call_init(&mut instance.store))).await;
        match started.map_err(StartFault::Failed)? {
            Ok(()) => {
                let guest = instance.store.data_mut();
                drop(guest.end());
                instance.memory_at_start = guest.memory.held;
                Ok(instance)
            }
            Err(why) => Err(StartFault::Refused(why)),
        }
    }

    async fn instantiate(&self) -> wasmtime::Result<Box<Instance>> {
        let mut store = Store::new(self.pre.engine(), Guest::new(&self.facts, self.memory));
        store.limiter(|guest| &mut guest.memory);
        store.set_hostcall_fuel(HOSTCALL_BYTES);
        store.set_max_component_handles(HANDLES);
        // Yields at every tick, so that a guest that computes shares its thread and the clock can stop it.
        store.epoch_deadline_callback(|mut store| {
            let ticks = &mut store.data_mut().ticks;
            *ticks = ticks.saturating_sub(1);
            match *ticks {
                0 => Err(wasmtime::Error::new(CpuSpent)),
                _ => Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now()))),
            }
        });
        store.set_epoch_deadline(1);
        store.data_mut().begin(Visit::default(), START_TICKS);
        let found = self.pre.instantiate_async(&mut store).await?;
        let indices = &self.indices;
        Ok(Box::new(Instance {
            lifecycle: indices.lifecycle.load(&mut store, &found)?,
            authenticate: load(&indices.authenticate, |indices| indices.load(&mut store, &found))?,
            catalog: load(&indices.catalog, |indices| indices.load(&mut store, &found))?,
            list: load(&indices.list, |indices| indices.load(&mut store, &found))?,
            call: load(&indices.call, |indices| indices.load(&mut store, &found))?,
            route: load(&indices.route, |indices| indices.load(&mut store, &found))?,
            message: load(&indices.message, |indices| indices.load(&mut store, &found))?,
            reply: load(&indices.reply, |indices| indices.load(&mut store, &found))?,
            record: load(&indices.record, |indices| indices.load(&mut store, &found))?,
            memory_at_start: 0,
            store,
        }))
    }
}

impl Instance {
    /// Runs `selftest`.
    pub(crate) async fn selftest(&mut self) -> Result<(), StartFault> {
        self.begin(Visit::default(), START_TICKS);
        let tested = within(START_WALL, pin!(self.lifecycle.call_selftest(&mut self.store))).await;
        drop(self.store.data_mut().end());
        tested.map_err(StartFault::Failed)?.map_err(StartFault::Refused)
    }

    /// A hook begins. The deadline counts from now: a store that was idle has an old one.
    pub(crate) fn begin(&mut self, visit: Visit, ticks: u64) {
        self.store.set_epoch_deadline(1);
        self.store.data_mut().begin(visit, ticks);
    }
}

fn given<T>(hooks: Hooks, hook: Hook, find: impl FnOnce() -> wasmtime::Result<T>) -> wasmtime::Result<Option<T>> {
    hooks.has(hook).then(find).transpose()
}

fn load<I, T>(indices: &Option<I>, load: impl FnOnce(&I) -> wasmtime::Result<T>) -> wasmtime::Result<Option<T>> {
    indices.as_ref().map(load).transpose()
}
