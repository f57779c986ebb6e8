//! Subscriptions across the eras: a stream before a session, and a session before a stream.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::path::Path;
use std::sync::Arc;

use cardea_chain::{Call, Event, Exchange, FaultKind, Upstream};
use cardea_dial::{ChildServer, ChildSpec};
use common::{ask, legacy_of, listening, modern, told, until, within};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use serde_json::{Value, json};

fn dial(mode: &str) -> ChildServer {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fake_server.py");
    let mut spec = ChildSpec::new("fake", "python3");
    spec.args = vec![script.to_str().unwrap().to_owned(), mode.to_owned()];
    spec.env = vec![("PATH".to_owned(), std::env::var("PATH").unwrap())];
    ChildServer::new(spec)
}

fn tool(name: &str) -> Call {
    modern("tools/call", json!({ "name": name }))
}

async fn said(server: &ChildServer, call: Call) -> Value {
    serde_json::from_str(&told(server, call).await.text()).unwrap()
}

/// Waits until a tool says this. What is let go of is told to the server in the background.
async fn comes_to(server: &ChildServer, name: &str, expected: Value) {
    within(async { while said(server, tool(name)).await != expected {} }).await;
}

/// A modern client's subscription, with what is acknowledged.
async fn listen(server: &ChildServer, filter: Value) -> (Value, BoxStream<'static, Value>) {
    let call = Arc::new(modern("subscriptions/listen", json!({ "notifications": filter })));
    let Exchange::Open(events) = within(server.open(&call)).await.unwrap() else { panic!("it is a stream") };
    let mut news = events
        .map(|event| match event.unwrap() {
            Event::Notification(news) => serde_json::from_slice::<Value>(news.bytes()).unwrap(),
            other => panic!("{other:?}"),
        })
        .boxed();
    let first = within(news.next()).await.unwrap();
    assert_eq!(first["method"], "notifications/subscriptions/acknowledged");
    (first["params"]["notifications"].clone(), news)
}

#[tokio::test]
// proves: changes of lists | modern | legacy | translated
// proves: updates of resources | modern | legacy | translated
async fn a_modern_client_listens_to_a_legacy_server() {
    let server = dial("legacy");
    let wanted =
        json!({ "toolsListChanged": true, "promptsListChanged": true, "resourceSubscriptions": ["a:b", "c:d"] });
    let (honoured, mut both) = listen(&server, wanted).await;
    assert_eq!(
        honoured,
        json!({ "toolsListChanged": true, "resourceSubscriptions": ["a:b", "c:d"] }),
        "what it declares"
    );
    let (_, mut uri) = listen(&server, json!({ "resourceSubscriptions": ["a:b"] })).await;
    assert_eq!(said(&server, tool("subscribed")).await, json!(["a:b", "c:d"]), "each once");
    let before = server.revision();
    told(&server, tool("change")).await;
    assert_eq!(server.revision(), before + 1, "and what was listed is old now");
    for method in ["notifications/tools/list_changed", "notifications/resources/updated"] {
        assert_eq!(within(both.next()).await.unwrap()["method"], method);
    }
    assert_eq!(within(uri.next()).await.unwrap()["params"]["uri"], "a:b");
    drop(both);
    comes_to(&server, "unsubscribed", json!(["c:d"])).await;
    told(&server, tool("change")).await;
    assert_eq!(within(uri.next()).await.unwrap()["params"]["uri"], "a:b", "the other one still listens");
}

#[tokio::test]
async fn a_modern_clients_subscription_ends_with_the_legacy_servers_process() {
    let server = dial("legacy");
    let call = Arc::new(modern("subscriptions/listen", json!({ "notifications": { "toolsListChanged": true } })));
    let Exchange::Open(events) = server.open(&call).await.unwrap() else { panic!("it is a stream") };
    assert!(ask(&server, tool("die")).await.is_err());
    let heard: Vec<_> = events.collect().await;
    assert_eq!(heard.last().unwrap().as_ref().unwrap_err().kind, FaultKind::Unreachable);
}

#[tokio::test]
// proves: changes of lists | legacy | modern | translated
// proves: updates of resources | legacy | modern | translated
async fn a_legacy_client_subscribes_at_a_modern_server() {
    let server = dial("telling");
    let (ann, mut heard) = listening("ann");
    let of_ann = |method: &str, params: Value| legacy_of(&ann, method, params);
    let change = || of_ann("tools/call", json!({ "name": "change" }));
    told(&server, change()).await;
    assert_eq!(
        within(heard.recv()).await.unwrap()["method"],
        "notifications/tools/list_changed",
        "from its first call on"
    );

    let taken = told(&server, of_ann("resources/subscribe", json!({ "uri": "a:b" }))).await;
    assert_eq!(taken.json(), json!({}));
    told(&server, change()).await;
    let news: Vec<Value> = vec![within(heard.recv()).await.unwrap(), within(heard.recv()).await.unwrap()];
    assert_eq!(news[0]["method"], "notifications/tools/list_changed");
    assert_eq!(
        (&news[1]["method"], &news[1]["params"]["uri"]),
        (&json!("notifications/resources/updated"), &json!("a:b"))
    );
    assert!(!news[1].to_string().contains("subscriptionId"), "which a legacy client knows nothing of");
    assert_eq!(
        said(&server, tool("listeners")).await.as_array().unwrap().len(),
        1,
        "one stream in the place of the other"
    );

    let refused = ask(&server, of_ann("resources/subscribe", json!({ "uri": "no:such" }))).await.unwrap_err();
    assert_eq!(refused.kind, FaultKind::InvalidParams);
    told(&server, of_ann("resources/unsubscribe", json!({ "uri": "a:b" }))).await;
    comes_to(&server, "listeners", json!([{ "toolsListChanged": true }])).await;
    server.session_ended("ann");
    comes_to(&server, "listeners", json!([])).await;
}

#[tokio::test]
async fn a_legacy_client_is_told_that_it_may_have_missed_something() {
    let server = dial("telling");
    let (ann, mut heard) = listening("ann");
    told(&server, legacy_of(&ann, "resources/subscribe", json!({ "uri": "a:b" }))).await;
    assert!(ask(&server, tool("die")).await.is_err());
    for method in ["notifications/tools/list_changed", "notifications/resources/updated"] {
        assert_eq!(within(heard.recv()).await.unwrap()["method"], method, "the process that serves it now is another");
    }
    until(|| heard.try_recv().is_err()).await;
}
