//! A second judgement: the guest hears the call as it is now, and nothing that outlasts its hook can be changed by it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;

use cardea_chain::{CallVerdict, Stage};
use cardea_plugin::{Grants, StageSpec};
use cardea_state::{Kv, Quota, Space};
use support::house::shared;
use support::{Component, call, engine, spec};

/// Puts `k` and traps if it cannot.
const PUTS: &str = r#"
    (i32.store8 (i32.const 2048) (i32.const 107))
    (call $put (i32.const 2048) (i32.const 1) (i32.const 2048) (i32.const 1) (i32.const 0) (i64.const 0) (i32.const 256))
    (if (i32.load8_u (i32.const 256)) (then unreachable))
    (i32.const 0)"#;

#[tokio::test]
async fn what_was_noted_the_first_time_is_not_noted_again() {
    let component = Component {
        imports: r#"(import "cardea:plugin/kv@0.1.0" "put" (func $put (param i32 i32 i32 i32 i32 i64 i32)))"#,
        judge: PUTS,
        role: "rights",
        ..Component::default()
    };
    let (memory, capabilities) = shared();
    let spec = StageSpec { grants: Grants { kv: true, ..Grants::default() }, ..spec("policy") };
    let stage = engine().load(component.build().into(), spec, capabilities).await.unwrap();
    let call = call("{}");
    assert!(stage.judge_call(&call).await.is_ok_and(|done| done.verdict == CallVerdict::Pass));
    let space = Space { name: "6:policy", quota: Quota::default() };
    memory.delete(space, "k").await.unwrap();
    assert!(stage.judge_again(&call).await.is_err(), "the guest traps where it may not write");
    assert_eq!(memory.get(space, "k", 0).await.unwrap(), None);
    assert!(stage.judge_call(&Arc::clone(&call)).await.is_ok());
}
