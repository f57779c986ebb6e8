//! One policy in three languages, and 10,000 calls that are made up: the components of all three decide the same.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cardea_chain::{Call, CallVerdict, Directory, Fault, ItemKind, Place, Stage, Subject, Target};
use cardea_plugin::{Limits, StageSpec, WasmStage};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use support::{call, capabilities, engine, spec};

const CALLS: usize = 10_000;

/// A source of choices that makes the same ones each time.
struct Dice(u64);

impl Dice {
    fn one<T: Clone>(&mut self, of: &[T]) -> T {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        of[usize::try_from(self.0 >> 33).unwrap() % of.len()].clone()
    }
}

/// The component of a standard plugin, as `cargo xtask plugins` left it.
fn component(name: &str) -> Bytes {
    let test = std::env::current_exe().unwrap();
    let target = test.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file()).unwrap();
    std::fs::read(Path::new(target).join("plugins").join(format!("{name}.wasm"))).unwrap().into()
}

async fn stage(name: &str, config: Value) -> Arc<WasmStage> {
    // A test machine may be busy with everything but the test.
    let limits = Limits { cpu: Duration::from_secs(5), wall: Duration::from_secs(30), ..Limits::default() };
    let spec = StageSpec { config, limits, ..spec(name) };
    engine().load(component(name), spec, capabilities()).await.unwrap()
}

fn made_up(dice: &mut Dice) -> Arc<Call> {
    let name = dice.one(&["search", "add", "pay", "wipe"]);
    let mut arguments = json!({});
    for (key, values) in [
        ("folder", vec![json!("drafts"), json!("inbox"), json!("sent"), json!(7), json!(["inbox"])]),
        ("amount", vec![json!(5), json!(100), json!(101), json!(-1), json!("5"), json!(true)]),
    ] {
        if dice.one(&[true, true, false]) {
            arguments[key] = dice.one(&values);
        }
    }
    let words = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
    let roles: [&[&str]; 5] = [&[], &["reader"], &["writer"], &["payer", "reader"], &["writer", "reader"]];
    let groups: [&[&str]; 3] = [&[], &["staff"], &["staff", "oncall"]];
    let subject = Subject {
        issuer: "idp".to_owned(),
        id: dice.one(&["ada", "bob"]).to_owned(),
        tenant: dice.one(&["", "acme", "umbrella"]).to_owned(),
        roles: words(dice.one(&roles)),
        groups: words(dice.one(&groups)),
        claims_json: Some(json!({ "level": dice.one(&[1, 2, 3]) }).to_string()),
        ..Subject::default()
    };
    let hints = json!({ "readOnlyHint": name == "search", "destructiveHint": name == "wipe" });
    let definition = json!({ "name": name, "annotations": hints }).to_string();
    let mut call = Arc::into_inner(call(&json!({ "name": name, "arguments": arguments }).to_string())).unwrap();
    call.server = Some(dice.one(&["notes", "bank"]).into());
    call.name = Some(name.into());
    call.native_name = Some(name.into());
    call.subject = Arc::new(subject);
    call.directory = Arc::new(Offer(definition.into()));
    Arc::new(call)
}

/// What comes of a call, in a word; the words of refusals are each language's own.
async fn verdict(stage: &WasmStage, call: &Arc<Call>) -> &'static str {
    match stage.judge_call(call).await.unwrap().verdict {
        CallVerdict::Pass => "allowed",
        CallVerdict::Answer(_) => "answered",
        CallVerdict::Refuse(refusal) => refusal.kind.as_str(),
    }
}

#[tokio::test]
async fn three_languages_decide_the_same() {
    let data = json!({ "suspended": ["umbrella"] });
    let entities = json!([
        { "uid": { "type": "Tenant", "id": "umbrella" }, "attrs": {}, "parents": [{ "type": "Standing", "id": "suspended" }] },
    ]);
    let cel = stage("policy-cel", json!({ "policy": include_str!("policy.cel"), "data": data })).await;
    let rego = stage("policy-rego", json!({ "policy": include_str!("policy.rego"), "data": data })).await;
    let cedar = stage("policy-cedar", json!({ "policy": include_str!("policy.cedar"), "data": entities })).await;
    let mut dice = Dice(20_261_122);
    let mut counted = std::collections::BTreeMap::<&str, usize>::new();
    for _ in 0..CALLS {
        let call = made_up(&mut dice);
        let [cel, rego, cedar] =
            [verdict(&cel, &call).await, verdict(&rego, &call).await, verdict(&cedar, &call).await];
        assert_eq!((cel, cel), (rego, cedar), "{:?} {:?}", call.subject, call.params);
        *counted.entry(cel).or_default() += 1;
    }
    println!("{CALLS} calls, 0 differences: {counted:?}");
    for word in ["allowed", "forbidden", "unknown"] {
        assert!(counted.get(word).is_some_and(|count| count * 20 > CALLS), "{counted:?} shows little");
    }
}

/// A directory that offers one tool.
struct Offer(Bytes);

impl Directory for Offer {
    fn resolve<'a>(&'a self, call: &'a Arc<Call>) -> BoxFuture<'a, Result<Target, Fault>> {
        Box::pin(std::future::ready(Err(Fault::unknown_method(&call.method))))
    }

    fn place(&self, _: &Call, _: ItemKind, _: &str) -> Option<Place> {
        None
    }

    fn definition(&self, _: &Call, _: ItemKind, _: &str) -> Option<Bytes> {
        Some(self.0.clone())
    }
}
