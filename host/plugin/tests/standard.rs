//! What the standard plugins that decide cost when they are warm: their own components, with policies of the size that
//! their marks speak of. Prints measurements; nothing here fails.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by panicking, and a measurement is printed")]

mod support;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use cardea_chain::{Call, Directory, Fault, ItemKind, Place, Stage, Subject, Target};
use cardea_plugin::{StageSpec, WasmStage};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use support::{call, capabilities, engine, spec};

/// Calls between two looks at the clock.
const BATCH: u32 = 200;
const BATCHES: usize = 100;

/// The component of a standard plugin, as `cargo xtask plugins` left it.
fn component(name: &str) -> Bytes {
    let test = std::env::current_exe().unwrap();
    let target = test.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file()).unwrap();
    std::fs::read(Path::new(target).join("plugins").join(format!("{name}.wasm"))).unwrap().into()
}

async fn stage(name: &str, config: Value) -> Arc<WasmStage> {
    let spec = StageSpec { config, ..spec(name) };
    engine().load(component(name), spec, capabilities()).await.unwrap()
}

/// A `tools/call` of a writer.
fn tool_call(server: &str, name: &str, arguments: &Value) -> Arc<Call> {
    let params = json!({ "name": name, "arguments": arguments }).to_string();
    let subject = Subject { id: "ada".to_owned(), roles: vec!["writer".to_owned()], ..Subject::default() };
    let mut call = Arc::into_inner(call(&params)).unwrap();
    call.server = Some(server.into());
    call.name = Some(name.into());
    call.native_name = Some(name.into());
    call.subject = Arc::new(subject);
    Arc::new(call)
}

async fn measure(what: &str, stage: &WasmStage, call: &Arc<Call>) {
    println!("{what}: {:?}", stage.judge_call(call).await.unwrap().verdict);
    let mut batches = Vec::new();
    for _ in 0..BATCHES {
        let started = Instant::now();
        for _ in 0..BATCH {
            stage.judge_call(call).await.unwrap();
        }
        batches.push(started.elapsed() / BATCH);
    }
    batches.sort();
    let [low, median, high] = [1, 50, 95].map(|percent| batches[BATCHES * percent / 100]);
    println!("{what}: {median:?} a call ({low:?} to {high:?})");
    assert!(median < Duration::from_secs(1));
}

/// `cargo test -p cardea-plugin --test standard -- --ignored --nocapture rbac`
#[tokio::test]
#[ignore = "prints a measurement"]
async fn rbac() {
    let rules = |number: usize| -> Vec<Value> {
        let rule = |at: usize| match at % 4 {
            0 => json!({ "servers": ["notes"], "names": [format!("tool-{at}")] }),
            1 => json!({ "servers": [format!("server-{at}-*")], "names": [format!("read-{at}-*")] }),
            2 => json!({ "names": [format!("*-of-{at}")] }),
            _ => {
                json!({ "names": [format!("tool-{}", at - 3)], "arguments": [{ "pointer": "/path", "prefix": "/srv/" }] })
            }
        };
        (0..number).map(rule).collect()
    };
    for number in [1, 10, 100, 1_000] {
        let deny = rules(number / 4).into_iter().map(|mut rule| {
            rule["methods"] = json!(["prompts/get"]);
            rule
        });
        let config =
            json!({ "roles": { "writer": { "allow": rules(number - number / 4), "deny": deny.collect::<Vec<_>>() } } });
        let stage = stage("rbac", config).await;
        let call = tool_call("notes", "tool-0", &json!({ "path": "/srv/a", "text": "hello" }));
        measure(&format!("rbac, {number} rules"), &stage, &call).await;
    }
}

/// `cargo test -p cardea-plugin --test standard -- --ignored --nocapture policies`
#[tokio::test]
#[ignore = "prints a measurement"]
async fn policies() {
    let call = tool_call("notes", "add", &json!({ "folder": "inbox", "text": "hello" }));
    for (name, policy) in [
        (
            "policy-cel",
            r#"("writer" in input.subject.roles && input.server == "notes" && input.arguments.folder in ["drafts", "inbox"])
                || (input.annotations.readOnlyHint && "reader" in input.subject.roles)"#,
        ),
        (
            "policy-rego",
            r#"package cardea
            default decision := false
            decision if { input.annotations.readOnlyHint; "reader" in input.subject.roles }
            decision if { "writer" in input.subject.roles; input.server == "notes"; input.arguments.folder in ["drafts", "inbox"] }"#,
        ),
        (
            "policy-cedar",
            r#"permit (principal in Role::"reader", action, resource) when { context.annotations.readOnlyHint };
            permit (principal in Role::"writer", action, resource in Server::"notes")
            when { ["drafts", "inbox"].contains(context.arguments.folder) };"#,
        ),
    ] {
        let stage = stage(name, json!({ "policy": policy })).await;
        measure(name, &stage, &call).await;
    }
}

/// `cargo test -p cardea-plugin --test standard -- --ignored --nocapture schema`
#[tokio::test]
#[ignore = "prints a measurement"]
async fn schema() {
    let property = |at: usize| (format!("member-{at}"), json!({ "type": "string", "maxLength": 100 }));
    let schema = json!({
        "type": "object",
        "required": ["member-0"],
        "additionalProperties": false,
        "properties": (0..30).map(property).collect::<serde_json::Map<_, _>>(),
    });
    let value = |at: usize| (format!("member-{at}"), json!("x".repeat(50)));
    let arguments = Value::Object((0..30).map(value).collect());
    let definition = json!({ "name": "add", "inputSchema": schema }).to_string();
    let mut call = Arc::into_inner(tool_call("notes", "add", &arguments)).unwrap();
    call.directory = Arc::new(Offer(definition.into()));
    let stage = stage("schema", json!({})).await;
    let bytes = arguments.to_string().len();
    measure(&format!("schema, {bytes} bytes of arguments"), &stage, &Arc::new(call)).await;
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
