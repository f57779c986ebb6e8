//! What a hook took is told with its verdict, and with its failure.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use cardea_chain::{Cost, HookFaultKind, Import, Origination, Stage};
use cardea_plugin::{Limits, WasmStage};
use support::{Component, call, load, load_within};

/// Asks for the size three times.
const THRICE: &str = "(drop (call $size)) (drop (call $size)) (drop (call $size)) (i32.const 0)";
/// Asks once, and traps in every second hook of an instance.
const EVERY_SECOND: &str = "(drop (call $size))
    (i32.store (i32.const 128) (i32.add (i32.load (i32.const 128)) (i32.const 1)))
    (if (i32.eq (i32.load (i32.const 128)) (i32.const 2)) (then unreachable)) (i32.const 0)";

async fn passes(stage: &WasmStage) -> Cost {
    stage.judge_call(&call("{}")).await.map_err(|fault| fault.inside).unwrap().effects.cost
}

fn calls(cost: &Cost) -> Vec<(Import, u16)> {
    cost.host_calls.iter().collect()
}

#[tokio::test]
async fn host_calls_are_counted_anew_in_every_hook() {
    let stage = load(Component { judge: THRICE, ..Component::default() }).await;
    for _ in 0..2 {
        let cost = passes(&stage).await;
        assert_eq!(calls(&cost), [(Import::Call, 3)]);
        assert_eq!((cost.instance, cost.generation, cost.retries), (Some(Origination::Warm), 1, 0));
    }
}

#[tokio::test]
async fn a_hook_that_was_asked_again_took_both_times() {
    let stage = load(Component { judge: EVERY_SECOND, ..Component::default() }).await;
    assert_eq!(passes(&stage).await.retries, 0);
    let cost = passes(&stage).await;
    assert_eq!((cost.instance, cost.retries), (Some(Origination::Fresh), 1));
    assert_eq!(calls(&cost), [(Import::Call, 2)]);
}

#[tokio::test]
async fn a_guest_that_was_stopped_took_its_whole_budget() {
    let judge = "(drop (call $size)) (loop $again (br $again)) unreachable";
    let limits = Limits { cpu: Duration::from_millis(5), wall: Duration::from_secs(60), ..Limits::default() };
    let stage = load_within(Component { judge, ..Component::default() }, limits).await;
    let fault = stage.judge_call(&call("{}")).await.err().unwrap();
    assert_eq!(fault.kind, HookFaultKind::CpuBudget);
    assert!(fault.cost.cpu_ticks >= 5, "{}", fault.cost.cpu_ticks);
    assert_eq!(calls(&fault.cost), [(Import::Call, 1)]);
}
