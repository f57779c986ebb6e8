//! Legacy servers over HTTP: sessions, and what is translated.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cardea_chain::{Call, Exchange, FaultKind, Health, Upstream};
use cardea_dial::{HttpServer, HttpSpec, SessionPolicy};
use common::fake_http::{FakeHttp, Reply, Seen, event};
use common::{ask, legacy, legacy_in, modern, told, tool, within};
use futures_util::StreamExt;
use serde_json::{Value, json};

fn dial(fake: &FakeHttp) -> HttpServer {
    HttpServer::new(HttpSpec::new("fake", fake.url.clone())).unwrap()
}

/// A legacy server that numbers its sessions, refuses what belongs to none, and answers calls as `handler` does.
async fn legacy_server<F>(handler: F) -> FakeHttp
where
    F: Fn(&Seen) -> Reply + Send + Sync + 'static,
{
    let sessions = AtomicUsize::new(0);
    FakeHttp::start(move |seen| {
        let reply = match (seen.method(), seen.header("mcp-session-id")) {
            ("initialize", None) => seen.initialized(&format!("s{}", sessions.fetch_add(1, Ordering::SeqCst) + 1)),
            ("notifications/initialized" | "notifications/cancelled", Some(_)) => Reply::empty(202),
            ("", Some(_)) => Reply::empty(if seen.http == http::Method::DELETE { 204 } else { 202 }),
            (_, Some(_)) => handler(&seen),
            (_, None) => seen.error(-32000, "Bad Request: Server not initialized").status(400),
        };
        async { reply }
    })
    .await
}

fn echo(seen: &Seen) -> Reply {
    seen.result(json!({ "session": seen.header("mcp-session-id") }))
}

async fn session_of(server: &HttpServer, call: Call) -> Value {
    told(server, call).await.result()["session"].clone()
}

#[tokio::test]
async fn the_probe_falls_back_to_a_session() {
    let fake = legacy_server(echo).await;
    let server = dial(&fake);
    told(&server, legacy("tools/list", json!({}))).await;
    assert_eq!(fake.methods(), ["server/discover", "initialize", "notifications/initialized", "tools/list"]);
    let seen = fake.seen();
    assert_eq!(seen[1].body["params"]["protocolVersion"], "2025-11-25");
    assert_eq!(seen[1].body["params"]["capabilities"], json!({}));
    assert_eq!(seen[1].header("mcp-protocol-version"), None);
    assert_eq!(seen[3].header("mcp-protocol-version"), Some("2025-06-18"), "the version the server settled on");
    assert_eq!(seen[3].header("mcp-session-id"), Some("s1"));
    assert_eq!(seen[3].header("mcp-method"), None);
    assert_eq!(server.health(), Health::Up { era: "legacy" });
}

#[tokio::test]
async fn the_probes_table() {
    type Answer = fn(&Seen) -> Reply;
    let table: [(&str, Answer, Result<&str, FaultKind>); 13] = [
        ("discover result", |seen| seen.discovered(), Ok("modern")),
        ("header mismatch", |seen| seen.error(-32020, "x").status(400), Ok("modern")),
        ("missing capability", |seen| seen.error(-32021, "x").status(400), Ok("modern")),
        ("unsupported version", |seen| seen.error(-32022, "x").status(400), Ok("modern")),
        ("method not found", |seen| seen.error(-32601, "x"), Ok("legacy")),
        ("invalid params", |seen| seen.error(-32602, "x").status(400), Ok("legacy")),
        (
            "error without id",
            |_| Reply::json(r#"{"jsonrpc":"2.0","error":{"code":-32000,"message":"no"},"id":null}"#).status(400),
            Ok("legacy"),
        ),
        ("plain 404", |_| Reply::empty(404), Ok("legacy")),
        ("plain 406", |_| Reply::empty(406), Ok("legacy")),
        ("something else", |seen| seen.result(json!({ "what": 1 })), Ok("legacy")),
        ("unauthorized", |_| Reply::empty(401), Err(FaultKind::ServerAuth)),
        ("forbidden", |_| Reply::empty(403), Err(FaultKind::ServerAuth)),
        ("unavailable", |_| Reply::empty(503), Err(FaultKind::Unreachable)),
    ];
    for (name, answer, expected) in table {
        let fake = FakeHttp::start(move |seen| {
            let reply = match seen.method() {
                "server/discover" => answer(&seen),
                "initialize" => seen.initialized("s"),
                "notifications/initialized" => Reply::empty(202),
                _ => seen.result(json!({})),
            };
            async { reply }
        })
        .await;
        let server = dial(&fake);
        let came = ask(&server, tool("t", json!({}))).await;
        match expected {
            Ok(era) => {
                came.unwrap_or_else(|fault| panic!("{name}: {fault}"));
                assert_eq!(server.health(), Health::Up { era }, "{name}");
            }
            Err(kind) => {
                assert_eq!(came.unwrap_err().kind, kind, "{name}");
                assert_eq!(fake.methods(), ["server/discover"], "{name}: an outage says nothing about the era");
            }
        }
    }
}

#[tokio::test]
async fn a_server_that_speaks_only_versions_of_the_future_is_named_as_such() {
    let fake = FakeHttp::start(|seen| async move {
        seen.result(json!({ "supportedVersions": ["2030-01-01"], "capabilities": {} }))
    })
    .await;
    let fault = ask(&dial(&fake), tool("t", json!({}))).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::BadReply);
    assert!(fault.inside.contains("2030-01-01"), "{}", fault.inside);
}

#[tokio::test]
async fn silence_over_http_is_an_outage() {
    let fake = FakeHttp::start(|_| std::future::pending()).await;
    let mut spec = HttpSpec::new("fake", fake.url.clone());
    spec.start_timeout = Duration::from_millis(20);
    let fault = ask(&HttpServer::new(spec).unwrap(), tool("t", json!({}))).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Deadline);
    assert_eq!(fake.methods(), ["server/discover"]);
}

#[tokio::test]
async fn each_session_of_a_client_has_its_own_at_the_server_and_both_end_together() {
    let fake = legacy_server(echo).await;
    let server = dial(&fake);
    let call = |session: &str| legacy_in(session, "tools/call", json!({ "name": "t" }));
    let a = session_of(&server, call("a")).await;
    let b = session_of(&server, call("b")).await;
    assert_ne!(a, b);
    assert_eq!(session_of(&server, call("a")).await, a);
    server.session_ended("a");
    let deleted = fake.wait_for(|seen| seen.http == http::Method::DELETE).await;
    assert_eq!(deleted.header("mcp-session-id"), a.as_str());
    assert_ne!(session_of(&server, call("a")).await, a);
    assert_eq!(session_of(&server, call("b")).await, b);
    server.shut().await;
    let deletes = fake.seen().iter().filter(|seen| seen.http == http::Method::DELETE).count();
    assert_eq!(deletes, 3, "every session that was opened is ended at the server");
}

#[tokio::test]
async fn policies_say_who_shares() {
    let as_subject = |id: &str| {
        let mut call = tool("t", json!({}));
        Arc::make_mut(&mut call.subject).id = id.to_owned();
        call
    };
    for (policy, same_subject, other_subject) in [
        (SessionPolicy::Client, true, false),
        (SessionPolicy::Subject, true, false),
        (SessionPolicy::Shared, true, true),
        (SessionPolicy::Call, false, false),
    ] {
        let fake = legacy_server(echo).await;
        let mut spec = HttpSpec::new("fake", fake.url.clone());
        spec.session = policy;
        let server = HttpServer::new(spec).unwrap();
        let first = session_of(&server, as_subject("alice")).await;
        assert_eq!(session_of(&server, as_subject("alice")).await == first, same_subject, "{policy:?}");
        assert_eq!(session_of(&server, as_subject("bob")).await == first, other_subject, "{policy:?}");
    }
}

#[tokio::test]
async fn idle_sessions_are_ended() {
    let fake = legacy_server(echo).await;
    let mut spec = HttpSpec::new("fake", fake.url.clone());
    spec.max_sessions = 1;
    spec.idle_timeout = Duration::from_millis(20);
    let server = HttpServer::new(spec).unwrap();
    let call = |session: &str| legacy_in(session, "tools/call", json!({ "name": "t" }));
    session_of(&server, call("a")).await;
    fake.wait_for(|seen| seen.http == http::Method::DELETE && seen.header("mcp-session-id") == Some("s1")).await;
    session_of(&server, call("b")).await;
}

#[tokio::test]
async fn too_many_sessions_are_refused() {
    let fake = legacy_server(echo).await;
    let mut spec = HttpSpec::new("fake", fake.url.clone());
    spec.max_sessions = 2;
    let server = HttpServer::new(spec).unwrap();
    let call = |session: &str| legacy_in(session, "tools/call", json!({ "name": "t" }));
    session_of(&server, call("a")).await;
    session_of(&server, call("b")).await;
    assert_eq!(ask(&server, call("c")).await.unwrap_err().kind, FaultKind::Overloaded);
    server.session_ended("a");
    session_of(&server, call("c")).await;
}

#[tokio::test]
async fn an_expired_session_is_renewed_once_and_the_call_made_again() {
    for (status, code, message) in
        [(404, -32001, "Session not found"), (400, -32000, "Bad Request: No valid session ID provided")]
    {
        let fake = legacy_server(move |seen| match seen.header("mcp-session-id") {
            Some("s1") => seen.error(code, message).status(status),
            _ => echo(seen),
        })
        .await;
        let server = dial(&fake);
        assert_eq!(session_of(&server, tool("t", json!({}))).await, "s2");
        assert_eq!(session_of(&server, tool("t", json!({}))).await, "s2");
    }
    let fake = legacy_server(|seen| seen.error(-32001, "Session not found").status(404)).await;
    assert!(ask(&dial(&fake), tool("t", json!({}))).await.is_err());
    assert_eq!(fake.methods().iter().filter(|method| *method == "tools/call").count(), 2, "once more, and no more");
}

#[tokio::test]
async fn a_server_without_session_ids_is_a_server_too() {
    let fake = FakeHttp::start(|seen| async move {
        match seen.method() {
            "initialize" => seen.result(json!({ "protocolVersion": "2025-03-26", "capabilities": {} })),
            "notifications/initialized" => Reply::empty(202),
            "tools/call" => seen.error(-32602, "no").status(404),
            _ => Reply::empty(404),
        }
    })
    .await;
    let server = dial(&fake);
    assert_eq!(told(&server, tool("t", json!({}))).await.json()["error"]["code"], -32602);
    assert_eq!(fake.seen()[3].header("mcp-protocol-version"), None, "2025-03-26 does not know the header");
}

#[tokio::test]
// proves: types of results and hints for caches | modern | legacy | translated
async fn a_modern_client_gets_a_modern_result() {
    let fake = legacy_server(|seen| match seen.method() {
        "tools/list" => seen.result(json!({ "tools": [] })),
        "resources/read" => seen.error(-32002, "gone"),
        _ => seen.result(json!({ "content": [], "_meta": { "x": 1 } })),
    })
    .await;
    let server = dial(&fake);
    let info = json!({ "name": "old", "version": "1" });
    assert_eq!(
        told(&server, modern("tools/list", json!({}))).await.result(),
        json!({
            "tools": [], "resultType": "complete", "ttlMs": 0, "cacheScope": "private",
            "_meta": { "io.modelcontextprotocol/serverInfo": info },
        })
    );
    assert_eq!(
        told(&server, tool("t", json!({}))).await.result(),
        json!({ "content": [], "resultType": "complete", "_meta": { "x": 1, "io.modelcontextprotocol/serverInfo": info } })
    );
    assert_eq!(
        told(&server, modern("resources/read", json!({ "uri": "a:b" }))).await.json()["error"],
        json!({ "code": -32602, "message": "gone", "data": { "uri": "a:b" } })
    );
    let sent = &fake.seen()[3].body["params"];
    assert_eq!(*sent, json!({}), "an old server sees no modern keys");
}

#[tokio::test]
// proves: unknown fields of results | legacy | legacy | passes
async fn between_legacy_parties_every_byte_of_a_result_stays() {
    let fake = legacy_server(|seen| {
        Reply::json(format!(r#"{{"result":{{ "tools":[ ] ,"z":1.50}},"id":{},"jsonrpc":"2.0"}}"#, seen.id()))
    })
    .await;
    let server = dial(&fake);
    let end = told(&server, legacy("tools/list", json!({}))).await.end;
    let id = fake.seen()[3].id().clone();
    assert_eq!(end, format!(r#"{{"result":{{ "tools":[ ] ,"z":1.50}},"id":{id},"jsonrpc":"2.0"}}"#));
}

#[tokio::test]
async fn the_log_level_is_told_when_it_changes() {
    let fake = legacy_server(|seen| seen.result(json!({}))).await;
    let server = dial(&fake);
    let at = |level: Option<&str>| {
        let mut call = legacy_in("a", "tools/call", json!({ "name": "t" }));
        Arc::make_mut(&mut call.client).log_level = level.map(Into::into);
        call
    };
    for level in [None, Some("error"), Some("error"), None, Some("debug")] {
        told(&server, at(level)).await;
    }
    let told: Vec<_> = fake.seen().into_iter().filter(|seen| seen.method() == "logging/setLevel").collect();
    let levels: Vec<_> = told.iter().map(|seen| seen.body["params"]["level"].as_str().unwrap()).collect();
    assert_eq!(levels, ["error", "debug"]);
}

#[tokio::test]
async fn what_a_server_asks_is_answered_by_the_gateway() {
    let fake = legacy_server(|seen| {
        let (reply, events) = Reply::events();
        events.send(event(&json!({ "jsonrpc": "2.0", "id": 0, "method": "ping" }))).unwrap();
        events
            .send(event(&json!({ "jsonrpc": "2.0", "id": "q", "method": "sampling/createMessage", "params": {} })))
            .unwrap();
        events.send(event(&json!({ "jsonrpc": "2.0", "id": seen.id(), "result": { "done": 1 } }))).unwrap();
        reply
    })
    .await;
    let server = dial(&fake);
    let said = told(&server, legacy("tools/call", json!({ "name": "t" }))).await;
    assert_eq!(
        (said.result()["done"].clone(), said.notifications.len()),
        (json!(1), 0),
        "the client hears nothing of it"
    );
    let ping = fake.wait_for(|seen| *seen.id() == json!(0)).await;
    assert_eq!((&ping.body["result"], ping.header("mcp-session-id")), (&json!({}), Some("s1")));
    let refused = fake.wait_for(|seen| *seen.id() == json!("q")).await;
    assert_eq!(refused.body["error"]["code"], -32601);
}

#[tokio::test]
async fn leaving_cancels_at_the_server() {
    let fake = legacy_server(|seen| {
        let (reply, events) = Reply::events();
        let note = json!({ "jsonrpc": "2.0", "method": "notifications/x", "params": {} });
        events.send(event(&note)).unwrap();
        if seen.body["params"]["name"] == "ends" {
            events.send(event(&json!({ "jsonrpc": "2.0", "id": seen.id(), "result": {} }))).unwrap();
        } else {
            tokio::spawn(async move { events.closed().await });
        }
        reply
    })
    .await;
    let server = dial(&fake);
    told(&server, legacy("tools/call", json!({ "name": "ends" }))).await;
    let call = Arc::new(legacy("tools/call", json!({ "name": "hangs" })));
    let Exchange::Open(mut events) = within(server.open(&call)).await.unwrap() else {
        panic!("it said something first")
    };
    assert!(events.next().await.unwrap().is_ok());
    drop(events);
    let cancelled = fake.wait_for(|seen| seen.method() == "notifications/cancelled").await;
    let hanging = fake.wait_for(|seen| seen.body["params"]["name"] == "hangs").await;
    assert_eq!(&cancelled.body["params"]["requestId"], hanging.id());
    assert_eq!(cancelled.header("mcp-session-id"), Some("s1"));
    let cancellations = fake.methods().iter().filter(|method| *method == "notifications/cancelled").count();
    assert_eq!(cancellations, 1, "what has ended is not cancelled");
}
