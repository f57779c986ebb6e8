//! A client that goes away at any moment of a hook: no panic, no instance that stays on loan, and the next call is served.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use cardea_chain::{Call, CallVerdict, Stage};
use cardea_plugin::{Capabilities, Grants, Isolation, Limits, StageSpec, WasmStage};
use cardea_state::Memory;
use support::kv::Hesitant;
use support::{Component, call, engine, spec};

/// Turns in which the store has no answer yet.
const TURNS: u32 = 3;
/// Asks the store twice, and then computes until the host has taken a few turns.
const JUDGE: &str = "(local $left i32)
    (call $get (i32.const 256) (i32.const 1) (i32.const 128))
    (call $get (i32.const 256) (i32.const 1) (i32.const 128))
    (local.set $left (i32.const 20000000))
    (loop $more (br_if $more (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
    (i32.const 0)";
const GET: &str = r#"(import "cardea:plugin/kv@0.1.0" "get" (func $get (param i32 i32 i32)))"#;

async fn stage(isolation: Isolation) -> Arc<WasmStage> {
    let limits = Limits {
        cpu: Duration::from_secs(60),
        wall: Duration::from_secs(60),
        concurrency: Some(1),
        ..Limits::default()
    };
    let grants = Grants { kv: true, ..Grants::default() };
    let component = Component { imports: GET, judge: JUDGE, ..Component::default() }.build();
    let capabilities = Capabilities::new(Arc::new(Hesitant(Some(TURNS))), Arc::new(Memory::default()));
    let spec = StageSpec { limits, grants, isolation, ..spec("hesitant") };
    engine().load(component.into(), spec, capabilities).await.unwrap()
}

/// Gives a hook so many turns and drops it; says whether it ended before.
async fn turns(stage: &WasmStage, call: &Arc<Call>, turns: u32) -> bool {
    let mut hook = pin!(stage.judge_call(call));
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..turns {
        if let Poll::Ready(done) = hook.as_mut().poll(&mut context) {
            assert_eq!(done.map_err(|fault| fault.inside).unwrap().verdict, CallVerdict::Pass);
            return true;
        }
        // What the hook left to the runtime, such as a fresh instance in the background, has its turn too.
        tokio::task::yield_now().await;
    }
    false
}

async fn leaves_at_every_turn(isolation: Isolation) {
    let stage = stage(isolation).await;
    let call = call("{}");
    for most in 0.. {
        let ended = turns(&stage, &call, most).await;
        let stats = stage.stats();
        assert_eq!(stats.pool.in_use, 0, "after {most} turns");
        assert_eq!(stats.failed(), 0, "after {most} turns");
        // Without a turn, nothing was on loan yet.
        let abandoned = if ended { most - 1 } else { most };
        assert_eq!(stats.abandoned, u64::from(abandoned), "after {most} turns");
        let served = stage.judge_call(&call).await.map_err(|fault| fault.inside).unwrap();
        assert_eq!(served.verdict, CallVerdict::Pass);
        if ended {
            assert!(most > 2 * TURNS, "it ended after {most} turns and had to wait for the store twice");
            return;
        }
    }
}

#[tokio::test]
async fn a_hook_may_be_left_at_every_turn() {
    leaves_at_every_turn(Isolation::Shared).await;
}

#[tokio::test]
async fn a_hook_on_an_instance_of_its_own_may_be_left_at_every_turn() {
    leaves_at_every_turn(Isolation::Call).await;
}

#[tokio::test]
async fn who_waits_for_a_place_may_leave() {
    let stage = stage(Isolation::Shared).await;
    let (first, second) = (call("{}"), call("{}"));
    let mut holds = pin!(stage.judge_call(&first));
    let mut context = Context::from_waker(Waker::noop());
    assert!(holds.as_mut().poll(&mut context).is_pending());
    assert!(!turns(&stage, &second, 5).await, "there is one place");
    assert_eq!((stage.stats().pool.waits, stage.stats().pool.in_use), (1, 1));
    holds.await.map_err(|fault| fault.inside).unwrap();
    assert!(stage.judge_call(&second).await.is_ok());
}
