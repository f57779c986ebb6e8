//! What stops a guest: told to the chain in one line, and to the operator's log with the functions it happened in.

use std::fmt::Write;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use cardea_chain::{Hook, HookFault, HookFaultKind};
use tokio::time::timeout;
use wasmtime::WasmBacktrace;

use crate::guest::{Guest, OutsideMask};

/// A guest that did not return.
pub(crate) struct Stopped {
    pub(crate) fault: HookFault,
    /// The functions it was in, innermost first; empty if that is not known.
    trace: String,
}

/// The CPU budget is used up.
#[derive(Debug, thiserror::Error)]
#[error("it computed longer than its CPU budget")]
pub(crate) struct CpuSpent;

/// Waits for a guest as long as the clock allows. One that needs no waiting, which is nearly every one, costs no timer. The
/// work comes pinned, because moving a guest's future costs as much as a host call.
pub(crate) async fn within<T>(
    wall: Duration,
    mut work: Pin<&mut impl Future<Output = wasmtime::Result<T>>>,
) -> Result<T, Stopped> {
    let done = match futures_util::poll!(work.as_mut()) {
        Poll::Ready(done) => done,
        Poll::Pending => Box::pin(timeout(wall, work)).await.map_err(|_| Stopped::late(wall))?,
    };
    done.map_err(|fault| Stopped::of(&fault))
}

impl Stopped {
    fn of(fault: &wasmtime::Error) -> Self {
        let trace = fault.downcast_ref::<WasmBacktrace>().map(trace).unwrap_or_default();
        let (kind, inside) = if fault.is::<CpuSpent>() {
            (HookFaultKind::CpuBudget, CpuSpent.to_string())
        } else if let Some(outside) = fault.downcast_ref::<OutsideMask>() {
            (HookFaultKind::Denied, outside.to_string())
        } else if fault.is::<wasmtime::PoolConcurrencyLimitError>() {
            (HookFaultKind::Busy, "as many instances are alive as the gateway may have".to_owned())
        } else {
            (HookFaultKind::Trap, fault.root_cause().to_string())
        };
        Self { fault: HookFault::new(kind, inside), trace }
    }

    fn late(wall: Duration) -> Self {
        let inside = format!("it had not returned after {wall:?}");
        Self { fault: HookFault::new(HookFaultKind::WallBudget, inside), trace: String::new() }
    }

    /// Puts it into the log, under the id of the call it happened in.
    pub(crate) fn log(&self, guest: &Guest) {
        let Self { fault, trace } = self;
        let (stage, generation) = (&guest.facts.stage, guest.facts.generation);
        let call = guest.visit.call.as_ref().map_or("", |call| call.id.as_str());
        let hook = guest.visit.hook.map_or("lifecycle", Hook::as_str);
        tracing::warn!(
            %stage, generation, hook, call, kind = fault.kind.as_str(), backtrace = trace, "the plugin was stopped: {}", fault.inside
        );
    }
}

fn trace(trace: &WasmBacktrace) -> String {
    let mut text = String::new();
    for frame in trace.frames() {
        let separator = if text.is_empty() { "" } else { " < " };
        let _ = match frame.func_name() {
            Some(name) => write!(text, "{separator}{name}"),
            None => write!(text, "{separator}function {}", frame.func_index()),
        };
    }
    text
}
