//! What a stage may not read is not there, and an edit outside its mask ends the hook.

use std::sync::Arc;

use cardea_chain::{HookFaultKind, Stage};
use cardea_grant::Mask;
use cardea_plugin::{Grants, WasmStage};
use serde_json::json;

use crate::{ASK, ask, call, grants, guest, judged, load};

fn mask(lines: &[&str]) -> Option<Mask> {
    Some(lines.iter().map(|line| line.parse().unwrap()).collect())
}

async fn stage(read: Option<Mask>, edit: Option<Mask>) -> Arc<WasmStage> {
    load(guest(ASK), Grants { read, edit, ..grants() }).await.unwrap()
}

#[tokio::test]
async fn what_may_not_be_read_is_not_there() {
    let stage = stage(mask(&["/params/arguments/do", "/params/arguments/pointer", "header:x-other"]), None).await;
    let arguments = json!({ "do": "read", "pointer": "/arguments/secret", "secret": "s" });
    let told = ask(&stage, arguments.clone()).await;
    assert_eq!(told, json!({ "value": null, "texts": ["/arguments/do", "/arguments/pointer"], "header": null }));
    for outside in ["", "/arguments", "/name", "/arguments/secret/x", "/arguments/dox"] {
        let told = ask(&stage, json!({ "do": "read", "pointer": outside })).await;
        assert_eq!(told["value"], json!(null), "{outside}");
    }
}

#[tokio::test]
async fn headers_are_read_within_the_mask() {
    for (lines, seen) in
        [(&["/params", "header:x-team"][..], json!("blue")), (&["/params", "header:x-tea"], json!(null))]
    {
        let stage = stage(mask(lines), None).await;
        let mut call = Arc::into_inner(call(json!({ "do": "read" }))).unwrap();
        let headers = [("x-team", "blue")].map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        call.headers = Arc::new(headers.into_iter().collect());
        let done = stage.judge_call(&Arc::new(call)).await.unwrap();
        let cardea_chain::CallVerdict::Answer(json) = done.verdict else { panic!("no answer") };
        let told: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(told["header"], seen, "{lines:?}");
    }
}

#[tokio::test]
async fn an_edit_outside_the_mask_fails_the_hook_and_changes_nothing() {
    let stage = stage(None, mask(&["/params/arguments/mine", "/params/arguments/list/*"])).await;
    for (command, pointer) in [
        ("set", "/arguments/other"),
        ("set", "/arguments/minex"),
        ("set", "/arguments/list"),
        ("remove", "/arguments/other"),
        ("remove", "/arguments/mi~0ne"),
    ] {
        let fault = judged(&stage, json!({ "do": command, "pointer": pointer, "other": 2, "list": [] })).await.err();
        let fault = fault.unwrap_or_else(|| panic!("{command} {pointer} was taken"));
        assert_eq!(fault.kind, HookFaultKind::Denied, "{fault:?}");
        assert!(fault.inside.contains(&format!("`/params{pointer}`")), "{fault:?}");
    }
    for (command, pointer) in
        [("set", "/arguments/mine"), ("set", "/arguments/list/0"), ("remove", "/arguments/list/0")]
    {
        let done = judged(&stage, json!({ "do": command, "pointer": pointer, "mine": 2, "list": [1] })).await.unwrap();
        assert!(done.effects.params.is_some(), "{command} {pointer}");
    }
    assert_eq!(stage.stats().failed_by(HookFaultKind::Denied), 5);
}

#[tokio::test]
async fn an_element_is_not_removed_where_only_it_may_be_edited() {
    // What follows it would take its place, and be within reach of the next edit.
    let stage = stage(None, mask(&["/params/arguments/list/0"])).await;
    let arguments = |command: &str| json!({ "do": command, "pointer": "/arguments/list/0", "list": [1, 2] });
    assert!(judged(&stage, arguments("set")).await.is_ok());
    assert_eq!(judged(&stage, arguments("remove")).await.err().unwrap().kind, HookFaultKind::Denied);
}
