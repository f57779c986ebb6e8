//! What a stage does about its own failures: asks once more where nothing was done yet, and is left alone when it only fails.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use cardea_chain::{CallVerdict, HookFaultKind, Stage};
use cardea_plugin::{BreakerState, Grants, StageSpec, WasmStage};
use support::house::BAD;
use support::log::Log;
use support::{Component, call, capabilities, engine, load, spec};

/// Traps in every second hook of an instance.
const EVERY_SECOND: &str = "(i32.store (i32.const 128) (i32.add (i32.load (i32.const 128)) (i32.const 1)))
    (if (i32.eq (i32.load (i32.const 128)) (i32.const 2)) (then unreachable)) (i32.const 0)";
/// Traps for large params.
const AT_LARGE: &str = "(if (i64.gt_u (call $size) (i64.const 10)) (then unreachable)) (i32.const 0)";

async fn fails(stage: &WasmStage) -> HookFaultKind {
    stage.judge_call(&call(BAD)).await.err().unwrap().kind
}

async fn passes(stage: &WasmStage) -> bool {
    stage.judge_call(&call("{}")).await.is_ok_and(|done| done.verdict == CallVerdict::Pass)
}

#[tokio::test]
async fn a_trap_that_left_no_trace_is_made_good_by_a_fresh_instance() {
    let stage = load(Component { judge: EVERY_SECOND, ..Component::default() }).await;
    for _ in 0..5 {
        assert!(passes(&stage).await);
    }
    let stats = stage.stats();
    assert_eq!((stats.calls(), stats.failed(), stats.retries), (5, 0, 4));
    assert_eq!(stats.pool.started_on_path, 4);
}

#[tokio::test]
async fn what_reached_out_before_it_trapped_is_not_done_twice() {
    let component = Component {
        imports: r#"(import "cardea:plugin/kv@0.1.0" "get" (func $get (param i32 i32 i32)))"#,
        judge: "(call $get (i32.const 2048) (i32.const 1) (i32.const 256)) unreachable",
        ..Component::default()
    };
    let grants = Grants { kv: true, ..Grants::default() };
    let spec = StageSpec { grants, ..spec("writer") };
    let stage = engine().load(component.build().into(), spec, capabilities()).await.unwrap();
    assert_eq!(fails(&stage).await, HookFaultKind::Trap);
    assert_eq!(stage.stats().retries, 0);
}

#[tokio::test]
async fn a_stage_that_only_fails_is_left_alone_and_tried_again() {
    let stage = load(Component { judge: AT_LARGE, ..Component::default() }).await;
    let log = Log::default();
    let _listening = log.listen();
    tokio::time::pause();
    for _ in 0..5 {
        assert_eq!(fails(&stage).await, HookFaultKind::Trap);
    }
    assert_eq!(stage.stats().breaker, BreakerState::Open);
    let asked = stage.stats().pool.started;
    assert_eq!(fails(&stage).await, HookFaultKind::Suspended);
    assert_eq!(stage.judge_call(&call("{}")).await.err().unwrap().kind, HookFaultKind::Suspended);
    assert_eq!(stage.stats().failed_by(HookFaultKind::Suspended), 2);
    assert!(log.line("left alone").contains("pause=1s"));
    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(passes(&stage).await && passes(&stage).await);
    assert_eq!((stage.stats().breaker, stage.stats().suspensions), (BreakerState::Closed, 1));
    assert!(stage.stats().pool.started <= asked + 1, "a suspended stage is not asked");
}

#[tokio::test]
async fn who_makes_a_stage_trap_does_not_take_it_from_the_others() {
    let stage = load(Component { judge: AT_LARGE, ..Component::default() }).await;
    for _ in 0..20 {
        assert_eq!(fails(&stage).await, HookFaultKind::Trap);
        for _ in 0..4 {
            assert!(passes(&stage).await);
        }
    }
    assert_eq!(stage.stats().suspensions, 0);
}

#[tokio::test]
async fn waiting_in_vain_for_a_place_is_no_failure_of_the_plugin() {
    let limits = cardea_plugin::Limits {
        cpu: Duration::from_secs(600),
        wall: Duration::from_secs(600),
        concurrency: Some(1),
        ..cardea_plugin::Limits::default()
    };
    let judge = "(loop $again (br $again)) unreachable";
    let stage: Arc<WasmStage> = support::load_within(Component { judge, ..Component::default() }, limits).await;
    let long = call("{}");
    let others = async {
        for _ in 0..10 {
            let hurried = support::call_until("{}", Duration::from_millis(1));
            assert_eq!(stage.judge_call(&hurried).await.err().unwrap().kind, HookFaultKind::Busy);
        }
    };
    tokio::select! {
        biased;
        _ = stage.judge_call(&long) => panic!("it ended by itself"),
        () = others => {}
    }
    let stats = stage.stats();
    assert_eq!((stats.breaker, stats.failed_by(HookFaultKind::Busy), stats.pool.waits), (BreakerState::Closed, 10, 10));
}
