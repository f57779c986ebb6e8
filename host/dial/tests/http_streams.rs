//! Streams of legacy servers over HTTP: those that break are resumed, and those of sessions are listened to.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use cardea_chain::{FaultKind, Upstream};
use cardea_dial::{HttpServer, HttpSpec};
use common::fake_http::{FakeHttp, Reply, Seen, event};
use common::{ask, legacy, legacy_of, listening, told, within};
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

/// A legacy server that declares changes, numbers its sessions and can forget the first; GETs are `get`'s.
async fn telling<F>(get: F) -> FakeHttp
where
    F: Fn(&Seen) -> Reply + Send + Sync + 'static,
{
    let sessions = AtomicU32::new(0);
    FakeHttp::start(move |seen| {
        let reply = match seen.method() {
            "server/discover" => seen.error(-32601, "no"),
            "initialize" => {
                let capabilities = json!({ "tools": { "listChanged": true }, "resources": { "subscribe": true } });
                let result = json!({ "protocolVersion": "2025-11-25", "capabilities": capabilities, "serverInfo": {} });
                seen.result(result).header("mcp-session-id", &format!("s{}", sessions.fetch_add(1, Ordering::SeqCst)))
            }
            "notifications/initialized" => Reply::empty(202),
            "tools/call" if seen.header("mcp-session-id") == Some("s0") && seen.body["params"]["name"] == "expire" => {
                seen.error(-32001, "Session not found").status(404)
            }
            "" if seen.http == http::Method::GET => get(&seen),
            "" => Reply::empty(202),
            _ => seen.result(json!({})),
        };
        async { reply }
    })
    .await
}

fn news(id: &str, uri: &str) -> String {
    let said = json!({ "jsonrpc": "2.0", "method": "notifications/resources/updated", "params": { "uri": uri } });
    format!("id: {id}\nretry: 1\ndata: {said}\n\n")
}

#[tokio::test]
async fn the_stream_of_a_session_is_opened_once_and_resumed_when_it_breaks() {
    let fake = telling(|seen| match seen.header("last-event-id") {
        None => written(&news("e1", "a:1")),
        Some("e1") => written(&news("e2", "a:2")),
        Some("e2") => Reply::empty(400),
        Some(_) => Reply::empty(500),
    })
    .await;
    let server = dial(&fake);
    let (ann, mut heard) = listening("ann");
    for _ in 0..3 {
        told(&server, legacy_of(&ann, "tools/list", json!({}))).await;
    }
    // Behind an event that is not known any more, the stream begins anew.
    for uri in ["a:1", "a:2", "a:1"] {
        assert_eq!(within(heard.recv()).await.unwrap()["params"]["uri"], uri);
    }
    let get = fake.wait_for(|seen| seen.http == http::Method::GET).await;
    assert_eq!((get.header("mcp-session-id"), get.header("accept")), (Some("s0"), Some("text/event-stream")));
    server.session_ended("ann");
    fake.wait_for(|seen| seen.http == http::Method::DELETE).await;
}

#[tokio::test]
async fn a_server_without_a_stream_is_asked_for_it_once() {
    let fake = telling(|_| Reply::empty(405)).await;
    let server = dial(&fake);
    let (ann, _heard) = listening("ann");
    for _ in 0..3 {
        told(&server, legacy_of(&ann, "resources/subscribe", json!({ "uri": "a:b" }))).await;
    }
    let methods =
        |seen: &Seen| (seen.http == http::Method::GET).then(|| seen.header("mcp-session-id").map(str::to_owned));
    assert_eq!(fake.seen().iter().filter_map(methods).count(), 1);
}

#[tokio::test]
async fn a_subscription_outlives_the_servers_session() {
    let fake = telling(|seen| {
        let (reply, events) = Reply::events();
        let session = seen.header("mcp-session-id").unwrap().to_owned();
        events.send(Ok(news("e", &session).into())).unwrap();
        // Open for as long as the test runs.
        tokio::spawn(async move { events.closed().await });
        reply
    })
    .await;
    let server = dial(&fake);
    let (ann, mut heard) = listening("ann");
    told(&server, legacy_of(&ann, "resources/subscribe", json!({ "uri": "a:b" }))).await;
    assert_eq!(within(heard.recv()).await.unwrap()["params"]["uri"], "s0");
    told(&server, legacy_of(&ann, "tools/call", json!({ "name": "expire" }))).await;
    assert_eq!(within(heard.recv()).await.unwrap()["params"]["uri"], "s1");
    let again = fake
        .wait_for(|seen| seen.method() == "resources/subscribe" && seen.header("mcp-session-id") == Some("s1"))
        .await;
    assert_eq!(again.body["params"], json!({ "uri": "a:b" }));
}
