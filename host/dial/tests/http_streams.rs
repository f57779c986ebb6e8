//! Streams of legacy servers over HTTP: those that break are resumed, and those of sessions are listened to.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cardea_chain::FaultKind;
use cardea_dial::{HttpServer, HttpSpec};
use common::fake_http::{FakeHttp, Reply, Seen, event};
use common::{ask, legacy, told};
use serde_json::{Value, json};

fn dial(fake: &FakeHttp) -> HttpServer {
    HttpServer::new(HttpSpec::new("fake", fake.url.clone())).unwrap()
}

/// A legacy server that answers calls with a stream of these pieces and then breaks off; GETs are `get`'s.
async fn breaking<F>(pieces: &'static str, get: F) -> FakeHttp
where
    F: Fn(&Seen) -> Reply + Send + Sync + 'static,
{
    FakeHttp::start(move |seen| {
        let reply = match seen.method() {
            "initialize" => seen.initialized("s"),
            "server/discover" => seen.error(-32601, "no"),
            "notifications/initialized" | "notifications/cancelled" => Reply::empty(202),
            "tools/call" => written(pieces),
            _ if seen.http == http::Method::GET => get(&seen),
            _ => Reply::empty(204),
        };
        async { reply }
    })
    .await
}

/// A stream of these pieces that ends.
fn written(pieces: &str) -> Reply {
    let (reply, events) = Reply::events();
    events.send(Ok(pieces.to_owned().into())).unwrap();
    reply
}

/// The first call after `server/discover` and `initialize` has the id 3.
fn result_of(id: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "result": { "content": [{ "type": "text", "text": "late" }] } })
}

fn call() -> cardea_chain::Call {
    legacy("tools/call", json!({ "name": "t" }))
}

const PRIMING: &str = "id: e1\nretry: 150\ndata: \n\n";

#[tokio::test]
async fn a_stream_that_ends_before_its_answer_is_resumed_after_the_time_the_server_names() {
    let fake = breaking(PRIMING, |seen| {
        let (reply, events) = Reply::events();
        events.send(Ok("id: e2\nretry: 1\ndata: \n\n".into())).unwrap();
        events.send(event(&result_of(&json!(3)))).unwrap();
        assert_eq!(seen.header("accept"), Some("text/event-stream"));
        reply
    })
    .await;
    let begun = Instant::now();
    let told = told(&dial(&fake), call()).await;
    assert_eq!(told.text(), "late", "{:?}", fake.methods());
    assert!(begun.elapsed() >= Duration::from_millis(150));
    let get = fake.wait_for(|seen| seen.http == http::Method::GET).await;
    assert_eq!((get.header("last-event-id"), get.header("mcp-session-id")), (Some("e1"), Some("s")));
    assert_eq!((get.header("mcp-protocol-version"), get.header("content-type")), (Some("2025-06-18"), None));
}

#[tokio::test]
async fn a_stream_is_resumed_as_often_as_it_breaks() {
    let busy = AtomicBool::new(true);
    let progress = r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":3,"progress":1}}"#;
    let fake = breaking(PRIMING, move |seen| match seen.header("last-event-id") {
        Some("e1") => written(&format!("id: e2\nretry: 1\ndata: {progress}\n\n")),
        Some("e2") if busy.swap(false, Ordering::SeqCst) => Reply::empty(503),
        Some("e2") => written(&format!("id: e3\ndata: {}\n\n", result_of(&json!(3)))),
        _ => Reply::empty(400),
    })
    .await;
    let mut call = call();
    Arc::make_mut(&mut call.client).progress_token = Some(r#""p""#.into());
    let told = told(&dial(&fake), call).await;
    assert_eq!(told.text(), "late");
    assert_eq!(told.notifications.len(), 1, "what was said on the way is said once: {told:?}");
}

#[tokio::test]
async fn what_cannot_be_resumed_is_a_dead_server() {
    type Get = fn(&Seen) -> Reply;
    let table: [(&str, &'static str, Get, usize); 4] = [
        ("no id", "retry: 1\ndata: \n\n", |_| Reply::empty(500), 0),
        ("an id taken back", "id: e1\nretry: 1\ndata: \n\nid\ndata: \n\n", |_| Reply::empty(500), 0),
        ("no GET", "id: e1\nretry: 1\ndata: \n\n", |_| Reply::empty(405), 1),
        ("unknown event", "id: e1\nretry: 1\ndata: \n\n", |_| Reply::empty(400), 1),
    ];
    for (name, pieces, get, gets) in table {
        let fake = breaking(pieces, get).await;
        assert_eq!(ask(&dial(&fake), call()).await.unwrap_err().kind, FaultKind::Unreachable, "{name}");
        let seen = fake.seen().iter().filter(|seen| seen.http == http::Method::GET).count();
        assert_eq!(seen, gets, "{name}");
    }
}
