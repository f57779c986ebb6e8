//! Values: apart by tenant and by layout, and within their quota.

use std::sync::Arc;

use cardea_chain::{CallVerdict, Stage, Subject};
use cardea_grant::Quota;
use cardea_plugin::{Grants, WasmStage};
use serde_json::{Value, json};

use crate::{ASK, ask, call, capabilities, engine, grants, guest, guest_of, load, load_on};

async fn count(stage: &WasmStage, tenant: &str) -> Value {
    let mut call = Arc::into_inner(call(json!({ "do": "count" }))).unwrap();
    call.subject = Arc::new(Subject { tenant: tenant.to_owned(), ..Subject::default() });
    match stage.judge_call(&Arc::new(call)).await.unwrap().verdict {
        CallVerdict::Answer(json) => serde_json::from_slice::<Value>(&json).unwrap()["sum"].take(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn tenants_and_layouts_do_not_meet_and_a_reload_finds_its_own_again() {
    let (engine, capabilities) = (engine(16), capabilities(&[]));
    let load = |plugin: &str| load_on(&engine, guest_of(plugin, ASK), grants(), capabilities.clone());
    let first = load("").await.unwrap();
    assert_eq!(count(&first, "acme").await, json!(1));
    assert_eq!(count(&first, "acme").await, json!(2));
    assert_eq!(count(&first, "other").await, json!(1));
    let second = load("state-version = 2").await.unwrap();
    assert_eq!(count(&second, "acme").await, json!(1));
    let again = load("state-version = 1").await.unwrap();
    assert_eq!(count(&again, "acme").await, json!(3));
    assert_eq!(count(&load("state-version = 2").await.unwrap(), "acme").await, json!(2));
}

#[tokio::test]
async fn a_quota_is_the_smaller_of_what_is_asked_and_granted() {
    let ask_for = "kv = { max-bytes = 20 }\nsecret = ['hook']";
    let granted = Grants { kv_quota: Quota { bytes: Some(1000), keys: Some(2) }, ..grants() };
    let stage = load(guest(ask_for), granted).await.unwrap();
    let keep = |key: &'static str, value: &'static str| json!({ "do": "keep", "key": key, "value": value });
    assert_eq!(ask(&stage, keep("a", "123456789")).await, json!({}));
    assert_eq!(ask(&stage, keep("b", "1234567890")).await, json!({ "error": "busy" }));
    assert_eq!(ask(&stage, keep("b", "1")).await, json!({}));
    assert_eq!(ask(&stage, keep("c", "1")).await, json!({ "error": "busy" }));
}
