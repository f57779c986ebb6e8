//! Warm instances: used again, replaced in time, and what they cost.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use cardea_chain::Stage;
use cardea_plugin::{Capabilities, Grants, Isolation, StageSpec, WasmStage};
use cardea_state::Memory;
use support::house::BAD;
use support::kv::Hesitant;
use support::{Component, call, capabilities, engine, load, spec};

/// Calls between two looks at the clock.
const BATCH: u32 = 1000;

#[tokio::test]
async fn one_instance_serves_call_after_call_until_its_time_is_up() {
    let stage = load(Component::default()).await;
    let call = call("{}");
    for _ in 0..7_999 {
        stage.judge_call(&call).await.unwrap();
    }
    let stats = stage.stats();
    assert_eq!((stats.calls(), stats.pool.idle, stats.retired()), (7_999, 1, 0));
    for _ in 0..4_002 {
        stage.judge_call(&call).await.unwrap();
    }
    assert_eq!(stage.stats().pool.retired_by_calls, 1);
}

/// Asks the store once.
const GET: &str = r#"(import "cardea:plugin/kv@0.1.0" "get" (func $get (param i32 i32 i32)))"#;
const ASKS: &str = "(call $get (i32.const 2048) (i32.const 1) (i32.const 256)) (i32.const 0)";

/// A stage whose hooks wait for a turn, so that several can be under way.
async fn waiting(isolation: Isolation) -> Arc<WasmStage> {
    let component = Component { imports: GET, judge: ASKS, ..Component::default() }.build();
    let capabilities = Capabilities::new(Arc::new(Hesitant(Some(3))), Arc::new(Memory::default()));
    let grants = Grants { kv: true, ..Grants::default() };
    let spec = StageSpec { grants, isolation, ..spec("waiting") };
    engine().load(component.into(), spec, capabilities).await.unwrap()
}

async fn at_once(stage: &WasmStage, hooks: usize) {
    let call = call("{}");
    let all = futures_util::future::join_all((0..hooks).map(|_| stage.judge_call(&call))).await;
    assert!(all.into_iter().all(|done| done.is_ok()));
}

/// Until what was begun in the background has ended.
async fn settle(stage: &WasmStage, idle: usize) {
    while stage.stats().pool.idle < idle {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn one_more_than_were_ever_in_use_at_once_is_kept_warm() {
    let stage = waiting(Isolation::Shared).await;
    at_once(&stage, 1).await;
    assert_eq!(stage.stats().pool.started, 1, "calls that come one by one need one instance");
    at_once(&stage, 4).await;
    settle(&stage, 5).await;
    let before = stage.stats().pool;
    assert_eq!((before.idle, before.started_on_path), (5, 3));
    at_once(&stage, 5).await;
    assert_eq!(stage.stats().pool.started_on_path, before.started_on_path, "the fifth was waiting for it");
}

#[tokio::test]
async fn what_nobody_has_used_for_long_is_dropped_but_for_one() {
    let stage = waiting(Isolation::Shared).await;
    at_once(&stage, 4).await;
    settle(&stage, 5).await;
    tokio::time::pause();
    for _ in 0..11 {
        // The one that was used last is used again, and so the others are idle.
        at_once(&stage, 1).await;
        assert_eq!(stage.stats().pool.idle, 5);
        tokio::time::advance(Duration::from_secs(50)).await;
        tokio::task::yield_now().await;
    }
    while stage.stats().pool.idle > 1 {
        tokio::time::advance(Duration::from_secs(10)).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(stage.stats().pool.retired_by_idleness, 4);
    tokio::time::advance(Duration::from_secs(3600)).await;
    tokio::task::yield_now().await;
    assert_eq!(stage.stats().pool.idle, 1);
    at_once(&stage, 1).await;
}

#[tokio::test]
async fn an_instance_of_its_own_is_used_once_and_replaced_in_the_background() {
    // Traps in the second hook of an instance.
    let judge =
        "(if (i32.load (i32.const 128)) (then unreachable)) (i32.store (i32.const 128) (i32.const 1)) (i32.const 0)";
    let component = Component { judge, ..Component::default() }.build();
    let spec = StageSpec { isolation: Isolation::Call, ..spec("own") };
    let stage = engine().load(component.into(), spec, capabilities()).await.unwrap();
    for calls in 1..=50 {
        at_once(&stage, 1).await;
        settle(&stage, 1).await;
        assert_eq!((stage.stats().retries, stage.stats().pool.started), (0, calls + 1));
    }
    assert_eq!(stage.stats().pool.started_on_path, 0, "nobody had to wait for one");
}

#[tokio::test]
async fn what_was_lost_is_replaced_in_the_background() {
    let judge = "(if (i64.gt_u (call $size) (i64.const 10)) (then (loop $again (br $again)))) (i32.const 0)";
    let stage = load(Component { judge, ..Component::default() }).await;
    assert!(stage.judge_call(&call(BAD)).await.is_err());
    settle(&stage, 1).await;
    at_once(&stage, 1).await;
    assert_eq!(stage.stats().pool.started_on_path, 0);
}

/// `cargo test --release -p cardea-plugin --test warm -- --ignored --nocapture`
#[tokio::test]
#[ignore = "prints a measurement"]
async fn what_a_warm_hook_costs() {
    let three = Component {
        judge: "(drop (call $size)) (drop (call $size)) (drop (call $size)) (i32.const 0)",
        ..Component::default()
    };
    for (what, component) in [("no host call", Component::default()), ("three host calls", three)] {
        let stage = load(component).await;
        let call = call(r#"{"name":"x","arguments":{}}"#);
        let mut batches = Vec::new();
        for _ in 0..200 {
            let started = Instant::now();
            for _ in 0..BATCH {
                stage.judge_call(&call).await.unwrap();
            }
            batches.push(started.elapsed() / BATCH);
        }
        println!("{what}: {:?} a call", median(batches));
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

#[tokio::test]
async fn what_a_stage_keeps_warm_can_be_lowered_to_one_and_to_none_and_it_still_answers() {
    let stage = waiting(Isolation::Shared).await;
    at_once(&stage, 4).await;
    settle(&stage, 5).await;
    for most in [1, 0] {
        stage.keep_warm(most);
        assert_eq!(stage.stats().pool.idle, most);
        at_once(&stage, 3).await;
        assert_eq!(stage.stats().pool.idle, most, "what came back is not kept");
    }
    stage.keep_warm(usize::MAX);
    at_once(&stage, 3).await;
    settle(&stage, 4).await;
}
