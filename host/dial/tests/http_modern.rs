//! Modern servers over HTTP.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;

use cardea_chain::{Exchange, FaultKind, Health, Upstream};
use cardea_dial::{HttpServer, HttpSpec};
use common::fake_http::{FakeHttp, Reply, Seen, event};
use common::{ask, legacy, modern, told, tool, within};
use futures_util::StreamExt;
use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};
use tokio::sync::{Notify, mpsc};

fn dial(fake: &FakeHttp) -> HttpServer {
    HttpServer::new(HttpSpec::new("fake", fake.url.clone())).unwrap()
}

/// A modern server that answers calls as `handler` does.
async fn modern_server<F>(handler: F) -> FakeHttp
where
    F: Fn(&Seen) -> Reply + Send + Sync + 'static,
{
    FakeHttp::start(move |seen| {
        let reply = if seen.method() == "server/discover" { seen.discovered() } else { handler(&seen) };
        async { reply }
    })
    .await
}

#[tokio::test]
async fn a_call_carries_what_its_body_says_and_nothing_of_the_clients_own_secrets() {
    let fake = modern_server(|seen| seen.result(json!({ "resultType": "complete", "content": [] }))).await;
    let mut spec = HttpSpec::new("fake", fake.url.clone());
    spec.headers.insert("authorization", HeaderValue::from_static("Bearer of-the-gateway"));
    let server = HttpServer::new(spec).unwrap();
    let mut call = tool("caf\u{e9}", json!({ "region": "eu" }));
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("authorization", "Bearer of-the-client"),
        ("cookie", "a=b"),
        ("mcp-session-id", "s"),
        ("x-other", "1"),
        ("mcp-param-region", "eu"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    call.headers = Arc::new(headers);
    call.traceparent = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into());
    told(&server, call).await;

    let seen = &fake.seen()[1];
    assert_eq!(seen.header("mcp-protocol-version"), Some("2026-07-28"));
    assert_eq!(seen.header("mcp-method"), Some("tools/call"));
    assert_eq!(seen.header("mcp-name"), Some("=?base64?Y2Fmw6k=?="));
    assert_eq!(seen.header("mcp-param-region"), Some("eu"));
    assert_eq!(seen.header("accept"), Some("application/json, text/event-stream"));
    assert_eq!(seen.header("authorization"), Some("Bearer of-the-gateway"));
    assert_eq!(seen.header("traceparent"), Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
    for gone in ["cookie", "mcp-session-id", "x-other"] {
        assert_eq!(seen.header(gone), None, "{gone}");
    }
    assert_eq!(server.health(), Health::Up { era: "modern" });
    assert_eq!(fake.seen()[0].header("mcp-method"), Some("server/discover"), "the probe follows the same rules");
}

#[tokio::test]
async fn between_modern_parties_every_byte_of_a_result_stays() {
    let text = r#"{ "x":{"b":1.0,"a":[ ]}, "result" : {"content":[],"n":1e2,"u":"\u00e9" } ,"jsonrpc":"2.0","id":ID }"#;
    let fake = modern_server(move |seen| Reply::json(text.replace("ID", &seen.id().to_string()))).await;
    let server = dial(&fake);
    let end = told(&server, tool("t", json!({}))).await.end;
    let id = fake.seen()[1].id().to_string();
    assert_eq!(end, text.replace("ID", &id));
}

#[tokio::test]
async fn the_house_answers_discover_from_the_probe_without_what_is_not_bridged_to_a_legacy_client() {
    let fake = modern_server(|_| Reply::empty(500)).await;
    let server = dial(&fake);
    for _ in 0..3 {
        let bridged: Value = told(&server, legacy("server/discover", json!({}))).await.json();
        assert_eq!(bridged["capabilities"], json!({ "tools": {}, "logging": {} }));
        let said: Value = told(&server, modern("server/discover", json!({}))).await.json();
        assert_eq!(said["capabilities"], json!({ "tools": { "listChanged": true }, "logging": {} }));
        assert_eq!((&said["x"], &said["cacheScope"]), (&json!(1), &json!("public")));
    }
    assert_eq!(fake.methods(), ["server/discover"]);
}

#[tokio::test]
async fn a_legacy_client_gets_the_envelope_it_cannot_write() {
    let fake = modern_server(|seen| seen.result(json!({ "resultType": "complete", "tools": [] }))).await;
    let server = dial(&fake);
    let mut call = legacy("tools/list", json!({ "cursor": "c", "_meta": { "own": 1 } }));
    let client = Arc::make_mut(&mut call.client);
    client.info = Some(r#"{"name":"old client"}"#.into());
    client.log_level = Some("error".into());
    client.capabilities = r#"{"sampling":{}}"#.into();
    told(&server, call).await;
    let params = &fake.seen()[1].body["params"];
    assert_eq!(params["cursor"], "c");
    assert_eq!(
        params["_meta"],
        json!({
            "own": 1,
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": { "name": "old client" },
            "io.modelcontextprotocol/logLevel": "error",
        })
    );
}

#[tokio::test]
async fn a_legacy_client_is_not_handed_a_question_it_cannot_answer() {
    let fake = modern_server(|seen| seen.result(json!({ "resultType": "input_required", "requestState": "s" }))).await;
    let server = dial(&fake);
    let fault = ask(&server, legacy("tools/call", json!({ "name": "t" }))).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::BadReply);
    let passed = told(&server, tool("t", json!({}))).await;
    assert_eq!(passed.result()["requestState"], "s", "a modern client gets it as it is");
}

#[tokio::test]
async fn progress_comes_back_under_the_clients_own_token() {
    let fake = FakeHttp::start(|seen| async move {
        if seen.method() == "server/discover" {
            return seen.discovered();
        }
        let (reply, events) = Reply::events();
        let token = seen.body["params"]["_meta"]["progressToken"].clone();
        assert_eq!(&token, seen.id(), "the gateway's own");
        let note =
            |method: &str, params: Value| event(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
        events.send(Ok(": keep-alive\n\n".into())).unwrap();
        events.send(note("notifications/progress", json!({ "progressToken": token, "progress": 1 }))).unwrap();
        events.send(note("notifications/progress", json!({ "progressToken": "another's", "progress": 2 }))).unwrap();
        events.send(note("notifications/message", json!({ "level": "info", "data": "not asked for" }))).unwrap();
        events.send(note("notifications/tools/list_changed", json!({}))).unwrap();
        events.send(note("notifications/x-new", json!({ "a": 1 }))).unwrap();
        events.send(event(&json!({ "jsonrpc": "2.0", "id": seen.id(), "result": {} }))).unwrap();
        reply
    })
    .await;
    let server = dial(&fake);
    let mut call = tool("t", json!({}));
    Arc::make_mut(&mut call.client).progress_token = Some(r#""p\u0031""#.into());
    let said = told(&server, call).await;
    let expected = [
        json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": { "progressToken": "p1", "progress": 1 } }),
        json!({ "jsonrpc": "2.0", "method": "notifications/x-new", "params": { "a": 1 } }),
    ];
    assert_eq!(said.notifications, expected);
}

#[tokio::test]
async fn a_subscription_hears_what_the_server_says_of_it_until_the_server_ends_it() {
    for ending in ["result", "cancelled"] {
        let fake = FakeHttp::start(move |seen| async move {
            if seen.method() == "server/discover" {
                return seen.discovered();
            }
            let (reply, events) = Reply::events();
            let note = |method: &str, id: &Value| {
                let params = json!({ "_meta": { "io.modelcontextprotocol/subscriptionId": id } });
                event(&json!({ "jsonrpc": "2.0", "method": format!("notifications/{method}"), "params": params }))
            };
            events.send(note("subscriptions/acknowledged", seen.id())).unwrap();
            events.send(note("tools/list_changed", &json!("another's"))).unwrap();
            events.send(note("tools/list_changed", &json!(99))).unwrap();
            events.send(note("x-new", seen.id())).unwrap();
            let cancelled = json!({ "requestId": seen.id() });
            let end = match ending {
                "result" => json!({ "jsonrpc": "2.0", "id": seen.id(), "result": { "resultType": "complete" } }),
                _ => json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": cancelled }),
            };
            events.send(event(&end)).unwrap();
            reply
        })
        .await;
        let server = dial(&fake);
        let filter = json!({ "notifications": { "toolsListChanged": true, "x-new": [1.0] } });
        let said = told(&server, modern("subscriptions/listen", filter)).await;
        let heard: Vec<_> = said.notifications.iter().map(|note| note["method"].as_str().unwrap()).collect();
        let expected = ["subscriptions/acknowledged", "tools/list_changed", "x-new"];
        assert_eq!(heard, expected.map(|method| format!("notifications/{method}")), "{ending}");
        assert_eq!(said.result()["resultType"], "complete");
        let asked = &fake.seen()[1];
        assert_eq!(asked.header("mcp-method"), Some("subscriptions/listen"));
        assert_eq!(asked.body["params"]["notifications"], json!({ "toolsListChanged": true, "x-new": [1.0] }));
    }
}

#[tokio::test]
async fn a_task_passes_both_ways_under_the_servers_own_id() {
    let text = r#"{"id":ID,"jsonrpc":"2.0","result":{ "resultType":"task","taskId":"t-1","ttlMs":null,"x":1.0 }}"#;
    let fake = modern_server(move |seen| Reply::json(text.replace("ID", &seen.id().to_string()))).await;
    let server = dial(&fake);
    let capabilities = json!({ "extensions": { "io.modelcontextprotocol/tasks": {} } });
    for (method, params) in [("tools/call", json!({ "name": "t" })), ("tasks/get", json!({ "taskId": "t-1" }))] {
        let mut call = modern(method, params.clone());
        let mut sent = params;
        sent["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": capabilities,
        });
        call.params = Some(sent.to_string().into());
        let end = told(&server, call).await.end;
        let seen = fake.seen().pop().unwrap();
        assert_eq!(end, text.replace("ID", &seen.id().to_string()));
        assert_eq!(seen.body["params"], sent, "{method}");
    }
    assert_eq!(fake.seen().pop().unwrap().header("mcp-name"), Some("t-1"));
}

#[tokio::test]
// proves: methods nobody knows | modern | modern | passes
async fn a_method_nobody_knows_passes_as_it_is() {
    let fake = modern_server(|seen| Reply::json(seen.raw.clone())).await;
    let odd = r#"{ "z":[1.0, 2e0 ],"\u0061":{"b":null,"B":-0}, "io.modelcontextprotocol/new":{ },"_meta":{"acme/x":[ ],"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"extensions":{"acme/y":{ }},"new":1}}}"#;
    let mut call = modern("acme/new", json!({}));
    call.params = Some(odd.into());
    let _ = ask(&dial(&fake), call).await;
    let sent = String::from_utf8(fake.seen()[1].raw.to_vec()).unwrap();
    assert!(sent.ends_with(&format!(r#""method":"acme/new","params":{odd}}}"#)), "{sent}");
}

#[tokio::test]
async fn a_stream_that_breaks_off_is_a_fault_and_never_half_a_reply() {
    for cut in [
        "data: {\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{\"a\":1",
        "data: {\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{}}",
        "",
    ] {
        let fake = FakeHttp::start(move |seen| async move {
            if seen.method() == "server/discover" {
                return seen.discovered();
            }
            let (reply, events) = Reply::events();
            events.send(Ok(cut.into())).unwrap();
            reply
        })
        .await;
        let fault = ask(&dial(&fake), tool("t", json!({}))).await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Unreachable, "{cut}");
    }
}

#[tokio::test]
async fn streams_that_end_leave_their_connection_to_the_next_call() {
    let fake = FakeHttp::start(|seen| async move {
        if seen.method() == "server/discover" {
            return seen.discovered();
        }
        let (reply, events) = Reply::events();
        events.send(event(&json!({ "jsonrpc": "2.0", "id": seen.id(), "result": {} }))).unwrap();
        reply
    })
    .await;
    let server = dial(&fake);
    for _ in 0..20 {
        told(&server, tool("t", json!({}))).await;
    }
    // A stream may end a moment after its last event, and the next call does not wait for that moment.
    assert!(fake.connections() < 10, "{} connections for 21 requests", fake.connections());
}

#[tokio::test]
async fn messages_beyond_the_limit_are_faults() {
    let big = "x".repeat(5000);
    let fake = FakeHttp::start(move |seen| {
        let big = big.clone();
        async move {
            match (seen.method(), seen.body["params"]["name"].as_str()) {
                ("server/discover", _) => seen.discovered(),
                (_, Some("json")) => seen.result(json!({ "big": big })),
                (_, name) => {
                    let (reply, events) = Reply::events();
                    let whole =
                        format!("data: {}\n\n", json!({ "jsonrpc": "2.0", "id": seen.id(), "result": { "big": big } }));
                    let endless = Ok(format!("data: {big}").into());
                    events.send(if name == Some("endless") { endless } else { Ok(whole.into()) }).unwrap();
                    if name == Some("endless") {
                        tokio::spawn(async move {
                            while events.send(Ok("x".repeat(1000).into())).is_ok() {
                                tokio::task::yield_now().await;
                            }
                        });
                    }
                    reply
                }
            }
        }
    })
    .await;
    let mut spec = HttpSpec::new("fake", fake.url.clone());
    spec.max_message_bytes = 4000;
    let server = HttpServer::new(spec).unwrap();
    for name in ["json", "event", "endless"] {
        let fault = ask(&server, tool(name, json!({}))).await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::TooLarge, "{name}: {fault}");
    }
}

#[tokio::test]
async fn leaving_closes_the_response() {
    let (left, mut leaving) = mpsc::unbounded_channel();
    let fake = FakeHttp::start(move |seen| {
        let left = left.clone();
        async move {
            if seen.method() == "server/discover" {
                return seen.discovered();
            }
            let (reply, events) = Reply::events();
            let note = json!({ "jsonrpc": "2.0", "method": "notifications/x", "params": {} });
            events.send(event(&note)).unwrap();
            tokio::spawn(async move {
                events.closed().await;
                left.send(()).unwrap();
            });
            reply
        }
    })
    .await;
    let server = dial(&fake);
    let call = Arc::new(tool("t", json!({})));
    let Exchange::Open(mut events) = within(server.open(&call)).await.unwrap() else {
        panic!("it said something first")
    };
    assert!(events.next().await.unwrap().is_ok());
    drop(events);
    within(leaving.recv()).await.unwrap();
    assert_eq!(fake.methods(), ["server/discover", "tools/call"], "a modern server is told by nothing else");
}

#[tokio::test]
async fn a_thousand_calls_at_once_get_their_own_answers() {
    let fake = modern_server(|seen| seen.result(json!({ "nonce": seen.body["params"]["arguments"]["nonce"] }))).await;
    let server = Arc::new(dial(&fake));
    let calls = (0..1000).map(|nonce| {
        let server = Arc::clone(&server);
        tokio::spawn(async move { (nonce, told(&*server, tool("t", json!({ "nonce": nonce }))).await.result()) })
    });
    for call in calls.collect::<Vec<_>>() {
        let (nonce, result) = call.await.unwrap();
        assert_eq!(result["nonce"], nonce);
    }
    assert_eq!(fake.methods().iter().filter(|method| *method == "server/discover").count(), 1, "one probe for all");
}

#[tokio::test]
async fn whoever_began_the_probe_may_leave() {
    let gate = Arc::new(Notify::new());
    let opened = Arc::clone(&gate);
    let fake = FakeHttp::start(move |seen| {
        let gate = Arc::clone(&gate);
        async move {
            if seen.method() == "server/discover" {
                gate.notified().await;
                return seen.discovered();
            }
            seen.result(json!({ "ok": true }))
        }
    })
    .await;
    let server = Arc::new(dial(&fake));
    let first = tokio::spawn({
        let server = Arc::clone(&server);
        async move { ask(&*server, tool("t", json!({}))).await }
    });
    fake.wait_for(|seen| seen.method() == "server/discover").await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    opened.notify_one();
    assert_eq!(told(&*server, tool("t", json!({}))).await.result()["ok"], true);
    assert_eq!(fake.methods(), ["server/discover", "tools/call"], "the first one's probe served the second");
}

#[tokio::test]
async fn statuses_are_told_apart() {
    let fake = modern_server(|seen| match seen.body["params"]["name"].as_str().unwrap() {
        "in-band" => seen.error(-32602, "bad cursor").status(400),
        "unknown" => seen.error(-32601, "no such method").status(404),
        "redirect" => Reply::empty(307).header("location", "http://169.254.169.254/"),
        "unauthorized" => seen.error(-32000, "secret words").status(401),
        "forbidden" => Reply::empty(403),
        "limited" => Reply::empty(429),
        "broken" => seen.error(-32603, "secret words").status(500),
        "nothing" => Reply::empty(202),
        "html" => Reply::of("text/html", "<html>"),
        other => panic!("{other}"),
    })
    .await;
    let server = dial(&fake);
    for (name, code) in [("in-band", -32602), ("unknown", -32601)] {
        assert_eq!(told(&server, tool(name, json!({}))).await.json()["error"]["code"], code);
    }
    for (name, kind) in [
        ("redirect", FaultKind::BadReply),
        ("unauthorized", FaultKind::ServerAuth),
        ("forbidden", FaultKind::ServerAuth),
        ("limited", FaultKind::Overloaded),
        ("broken", FaultKind::Unreachable),
        ("nothing", FaultKind::BadReply),
        ("html", FaultKind::BadReply),
    ] {
        let fault = ask(&server, tool(name, json!({}))).await.unwrap_err();
        assert_eq!(fault.kind, kind, "{name}");
        assert!(!fault.outside.contains("127.0.0.1") && !fault.outside.contains("secret"), "{}", fault.outside);
    }
    assert!(matches!(server.health(), Health::Down { .. }));
}

#[tokio::test]
async fn a_reply_to_another_request_is_none() {
    let fake = modern_server(|_| Reply::json(r#"{"jsonrpc":"2.0","id":999,"result":{}}"#)).await;
    assert_eq!(ask(&dial(&fake), tool("t", json!({}))).await.unwrap_err().kind, FaultKind::BadReply);
}

#[tokio::test]
async fn nobody_there_is_a_fault_without_an_address() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    drop(listener);
    let server = HttpServer::new(HttpSpec::new("git", url.parse().unwrap())).unwrap();
    let fault = ask(&server, tool("t", json!({}))).await.unwrap_err();
    assert_eq!((fault.kind, fault.outside.as_str()), (FaultKind::Unreachable, "Server `git` cannot be reached"));
    assert!(fault.inside.contains("127.0.0.1"), "{}", fault.inside);
    assert!(matches!(server.health(), Health::Down { .. }));
}
