//! Servers that speak only HTTP+SSE of 2024-11-05.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use cardea_chain::{FaultKind, Health, Upstream};
use cardea_dial::{HttpServer, HttpSpec};
use common::fake_http::{Events, FakeHttp, Reply, Seen, event};
use common::{able, answering, ask, legacy, legacy_in, legacy_of, listening, modern, told, tool, until, within};
use serde_json::{Value, json};

/// The streams that are open at a server, in the order in which they were opened.
type Streams = Arc<Mutex<Vec<Option<Events>>>>;

fn dial(fake: &FakeHttp) -> HttpServer {
    HttpServer::new(HttpSpec { max_message_bytes: 64 << 10, ..HttpSpec::new("fake", fake.url.clone()) }).unwrap()
}

fn response(seen: &Seen, result: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": seen.id(), "result": result })
}

/// Which stream a POST belongs to.
fn stream_of(seen: &Seen) -> usize {
    seen.target.strip_prefix("/message?sessionId=").unwrap().parse().unwrap()
}

fn say(streams: &Streams, stream: usize, message: &Value) {
    if let Some(events) = &streams.lock().unwrap()[stream] {
        let _ = events.send(event(message));
    }
}

/// A server as they were in 2024: nothing can be posted where its stream is. What a call is answered with, `handler` says.
async fn old_server<F>(handler: F) -> (FakeHttp, Streams)
where
    F: Fn(&Streams, &Seen) + Send + Sync + 'static,
{
    let streams = Streams::default();
    let opened = Arc::clone(&streams);
    let fake = FakeHttp::start(move |seen| {
        let reply = respond(&opened, &seen, &handler);
        async { reply }
    })
    .await;
    (fake, streams)
}

fn respond(streams: &Streams, seen: &Seen, handler: &impl Fn(&Streams, &Seen)) -> Reply {
    if seen.http == http::Method::GET {
        let (reply, events) = Reply::events();
        let mut open = streams.lock().unwrap();
        let _ = events.send(Ok(format!("event: endpoint\ndata: /message?sessionId={}\n\n", open.len()).into()));
        open.push(Some(events));
        return reply;
    }
    if seen.target == "/mcp" {
        return Reply::of("text/html", "<h1>Method Not Allowed</h1>").status(405);
    }
    if streams.lock().unwrap()[stream_of(seen)].is_none() {
        return Reply::of("text/plain", "Could not find session").status(404);
    }
    match seen.method() {
        "initialize" => {
            let capabilities = json!({ "tools": { "listChanged": true } });
            let info = json!({ "name": "old", "version": "1" });
            let welcome = json!({ "protocolVersion": "2024-11-05", "capabilities": capabilities, "serverInfo": info });
            say(streams, stream_of(seen), &response(seen, &welcome));
        }
        _ => handler(streams, seen),
    }
    Reply::of("text/plain", "Accepted").status(202)
}

fn echo(streams: &Streams, seen: &Seen) {
    if !seen.id().is_null() && !seen.method().is_empty() {
        let stream = stream_of(seen);
        say(streams, stream, &response(seen, &json!({ "stream": stream, "name": seen.body["params"]["name"] })));
    }
}

#[tokio::test]
async fn a_server_that_takes_no_post_is_asked_for_its_stream() {
    let (fake, _) = old_server(echo).await;
    let server = dial(&fake);
    assert_eq!(told(&server, legacy("tools/list", json!({}))).await.result()["stream"], 0);
    let seen = fake.seen();
    let ways: Vec<_> = seen.iter().map(|seen| (seen.http.as_str(), seen.target.as_str(), seen.method())).collect();
    let posted = "/message?sessionId=0";
    assert_eq!(
        ways,
        [
            ("POST", "/mcp", "server/discover"),
            ("POST", "/mcp", "initialize"),
            ("GET", "/mcp", ""),
            ("POST", posted, "initialize"),
            ("POST", posted, "notifications/initialized"),
            ("POST", posted, "tools/list"),
        ]
    );
    assert_eq!(seen[2].header("accept"), Some("text/event-stream"));
    assert_eq!(server.health(), Health::Up { era: "legacy" });

    for call in [legacy_in("bob", "tools/list", json!({})), tool("echo", json!({}))] {
        told(&server, call).await;
    }
    let later = &fake.seen()[seen.len()..];
    assert!(later.iter().all(|seen| seen.target != "/mcp" || seen.http == http::Method::GET), "what was found is kept");
}

#[tokio::test]
async fn what_is_found_neither_way_is_told_with_both_reasons() {
    for (get, expected) in [
        (Reply::empty as fn(u16) -> Reply, "HTTP 404 Not Found and no stream"),
        (|_| Reply::events().0, "does not begin with the event `endpoint`"),
        (|_| begun_with("http://evil.example/message"), "not a URL of its own origin"),
        (|_| begun_with("file:///etc/passwd"), "not a URL of its own origin"),
    ] {
        let fake = FakeHttp::start(move |seen| {
            let reply = if seen.http == http::Method::GET { get(404) } else { Reply::empty(404) };
            async { reply }
        })
        .await;
        let fault = ask(&dial(&fake), tool("echo", json!({}))).await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::BadReply);
        assert!(fault.inside.contains(expected), "{}", fault.inside);
        assert!(!fault.outside.contains("evil"), "{}", fault.outside);
        assert!(fake.seen().iter().all(|seen| seen.target == "/mcp"));
    }
}

fn begun_with(target: &str) -> Reply {
    let (reply, events) = Reply::events();
    let _ = events.send(Ok(format!("event: endpoint\ndata: {target}\n\n").into()));
    reply
}

#[tokio::test]
async fn progress_and_questions_come_on_the_stream_and_answers_are_posted() {
    let (fake, _) = old_server(|streams, seen| {
        let stream = stream_of(seen);
        if seen.method() == "tools/call" {
            let token = &seen.body["params"]["_meta"]["progressToken"];
            let progress = json!({ "progressToken": token, "progress": 1 });
            let progress = json!({ "jsonrpc": "2.0", "method": "notifications/progress", "params": progress });
            say(streams, stream, &progress);
            say(streams, stream, &json!({ "jsonrpc": "2.0", "id": 0, "method": "ping" }));
            let question = json!({ "jsonrpc": "2.0", "id": seen.id(), "method": "roots/list" });
            say(streams, stream, &question);
        } else if seen.id() != 0 && !seen.body["result"].is_null() {
            say(streams, stream, &response(seen, &json!({ "roots": seen.body["result"] })));
        }
    })
    .await;
    let server = dial(&fake);
    let mut call = able(legacy_in("ann", "tools/call", json!({ "name": "t" })), json!({ "roots": {} }));
    Arc::make_mut(&mut call.client).progress_token = Some(Bytes::from_static(b"\"p\""));
    let told = answering(&server, call, |ask| ask.answer(Ok(Bytes::from_static(br#"{"roots":[]}"#)))).await.unwrap();
    assert_eq!(told.notifications[0]["params"], json!({ "progressToken": "p", "progress": 1 }));
    assert_eq!(told.asks[0]["method"], "roots/list");
    assert_eq!(told.result(), json!({ "roots": { "roots": [] } }));
    fake.wait_for(|seen| seen.id() == 0 && seen.body["result"] == json!({})).await;
}

#[tokio::test]
async fn a_call_that_is_given_up_is_cancelled() {
    let (fake, _) = old_server(|_, _| {}).await;
    let server = dial(&fake);
    let call = Arc::new(tool("slow", json!({})));
    let id = within(async {
        tokio::select! {
            _ = server.open(&call) => panic!("nobody answers"),
            seen = fake.wait_for(|seen| seen.method() == "tools/call") => seen.id().clone(),
        }
    })
    .await;
    let cancelled = fake.wait_for(|seen| seen.method() == "notifications/cancelled").await;
    assert_eq!(cancelled.body["params"]["requestId"], id);
    assert_eq!(cancelled.target, "/message?sessionId=0");
}

#[tokio::test]
async fn a_session_the_server_has_forgotten_is_opened_again_and_the_call_made_once_more() {
    let (fake, streams) = old_server(echo).await;
    let server = dial(&fake);
    let list = || legacy_in("ann", "tools/list", json!({}));
    assert_eq!(told(&server, list()).await.result()["stream"], 0);
    // It forgets the session, and its stream hangs on somewhere.
    let hanging = streams.lock().unwrap()[0].take();
    assert_eq!(told(&server, list()).await.result()["stream"], 1);
    drop(hanging);
}

#[tokio::test]
async fn a_stream_that_ends_ends_its_calls_and_the_next_call_opens_another() {
    let (fake, streams) = old_server(|streams, seen| {
        if seen.body["params"]["name"] != "slow" {
            echo(streams, seen);
        }
    })
    .await;
    let server = dial(&fake);
    let slow = ask(&server, legacy_in("ann", "tools/call", json!({ "name": "slow" })));
    let cut = async {
        fake.wait_for(|seen| seen.body["params"]["name"] == "slow").await;
        streams.lock().unwrap()[0] = None;
    };
    let (fault, ()) = tokio::join!(slow, cut);
    assert_eq!(fault.unwrap_err().kind, FaultKind::Unreachable);
    let call = legacy_in("ann", "tools/call", json!({ "name": "quick" }));
    assert_eq!(told(&server, call).await.result(), json!({ "stream": 1, "name": "quick" }));
}

#[tokio::test]
async fn each_client_has_a_stream_of_its_own_and_hears_on_it_what_changes() {
    let (fake, streams) = old_server(echo).await;
    let server = dial(&fake);
    let ((ann, mut heard), (bob, mut other)) = (listening("ann"), listening("bob"));
    for session in [&ann, &bob] {
        told(&server, legacy_of(session, "tools/list", json!({}))).await;
    }
    let streams_of = |session: &str| {
        let session = session.to_owned();
        told(&server, legacy_in(&session, "tools/list", json!({})))
    };
    let stream = streams_of("ann").await.result()["stream"].as_u64().unwrap();
    let changed = json!({ "jsonrpc": "2.0", "method": "notifications/tools/list_changed" });
    say(&streams, usize::try_from(stream).unwrap(), &changed);
    assert_eq!(within(heard.recv()).await.unwrap(), changed);
    assert!(other.try_recv().is_err());

    server.session_ended("ann");
    let gone = || streams.lock().unwrap()[usize::try_from(stream).unwrap()].as_ref().unwrap().is_closed();
    until(gone).await;
    server.shut().await;
    until(|| streams.lock().unwrap().iter().flatten().all(Events::is_closed)).await;
}

#[tokio::test]
async fn a_server_that_floods_or_babbles_harms_no_other_call() {
    let (fake, streams) = old_server(|streams, seen| {
        let name = seen.body["params"]["name"].as_str().unwrap_or_default();
        match name {
            "huge" => {
                let text = "x".repeat(100 << 10);
                say(streams, stream_of(seen), &response(seen, &json!({ "text": text })));
            }
            _ => {
                let babble = Bytes::from_static(b": beat\n\ndata: {]\n\nevent: x\ndata: {}\n\ndata:\n\n");
                let _ = streams.lock().unwrap()[stream_of(seen)].as_ref().unwrap().send(Ok(babble));
                echo(streams, seen);
            }
        }
    })
    .await;
    let server = dial(&fake);
    assert_eq!(told(&server, tool("quick", json!({}))).await.result()["name"], "quick");
    let fault = ask(&server, tool("huge", json!({}))).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::TooLarge, "{}", fault.inside);
    assert_eq!(told(&server, tool("again", json!({}))).await.result()["name"], "again");
    drop(streams);
}

#[tokio::test]
async fn a_server_that_learned_streamable_http_is_found_out_when_its_stream_is_gone() {
    let new = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let (streams, is_new) = (Streams::default(), Arc::clone(&new));
    let opened = Arc::clone(&streams);
    let fake = FakeHttp::start(move |seen| {
        let reply = match (is_new.load(std::sync::atomic::Ordering::SeqCst), seen.method()) {
            (false, _) => respond(&opened, &seen, &echo),
            (true, "server/discover") => seen.discovered(),
            (true, "") => Reply::empty(405),
            (true, _) => seen.result(json!({ "resultType": "complete", "new": true })),
        };
        async { reply }
    })
    .await;
    let server = dial(&fake);
    told(&server, modern("tools/list", json!({}))).await;
    new.store(true, std::sync::atomic::Ordering::SeqCst);
    streams.lock().unwrap()[0] = None;
    // One call may find the stream gone, and the next one no other in its place.
    let mut told = Vec::new();
    for _ in 0..3 {
        told.push(ask(&server, modern("tools/list", json!({}))).await.map(|told| told.result()["new"].clone()));
    }
    assert_eq!(told[2].as_ref().unwrap(), true, "{told:?}");
}
