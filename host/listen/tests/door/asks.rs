//! What servers ask in the middle of a call, at the front door.

use std::time::Duration;

use cardea_listen::Limits;
use serde_json::{Value, json};

use crate::support::{Conn, House, legacy, modern_post, post, tool};

/// A session of a legacy client.
async fn session(house: &House, who: &str) -> String {
    let params = json!({ "protocolVersion": "2025-11-25", "capabilities": { "roots": {} } });
    let headers = format!("Authorization: Bearer {who}\r\n");
    let request = post("/mcp", &headers, &legacy(0, "initialize", params).to_string());
    let reply = house.connect().await.exchange(&request).await;
    format!("{headers}Mcp-Session-Id: {}\r\n", reply.header("mcp-session-id").unwrap())
}

/// Calls the tool that asks, and reads as far as its question.
async fn asked(house: &House, session: &str, id: u64) -> (Conn, Value) {
    let mut conn = house.connect().await;
    let call = legacy(id, "tools/call", json!({ "name": "ask" }));
    conn.write(&post("/mcp", session, &call.to_string())).await;
    let head = conn.head().await;
    assert_eq!((head.status, head.header("content-type")), (200, Some("text/event-stream")));
    let priming = conn.chunk().await.unwrap();
    assert!(priming.ends_with("data: \n\n"), "{priming}");
    let event = conn.chunk().await.unwrap();
    let data = event.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
    (conn, serde_json::from_str(data).unwrap())
}

async fn send(house: &House, session: &str, message: &Value) -> u16 {
    house.connect().await.exchange(&post("/mcp", session, &message.to_string())).await.status
}

fn answer(question: &Value, name: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": question["id"], "result": { "roots": [{ "uri": name }] } })
}

#[tokio::test]
async fn a_question_goes_out_on_the_calls_stream_and_its_answer_comes_in_by_itself() {
    let house = House::start().await;
    let session = session(&house, "ann").await;
    let ((mut first, one), (mut second, two)) = (asked(&house, &session, 1).await, asked(&house, &session, 2).await);
    assert_eq!((&one["method"], &one["jsonrpc"]), (&json!("roots/list"), &json!("2.0")));
    assert_ne!(one["id"], two["id"]);
    assert_eq!(send(&house, &session, &json!({ "jsonrpc": "2.0", "id": "unknown", "result": {} })).await, 202);
    assert_eq!(send(&house, &session, &answer(&two, "b")).await, 202);
    assert_eq!(send(&house, &session, &answer(&two, "again")).await, 202, "a duplicate is passed over");
    let error = json!({ "jsonrpc": "2.0", "id": one["id"], "error": { "code": -1, "message": "rejected" } });
    assert_eq!(send(&house, &session, &error).await, 202);
    let said = |events: Vec<Value>| events[0]["result"]["said"].as_str().unwrap().to_owned();
    assert_eq!(said(first.reply_events().await), "rejected");
    assert_eq!(said(second.reply_events().await), r#"{"roots":[{"uri":"b"}]}"#);
}

#[tokio::test]
async fn an_answer_counts_only_in_the_session_that_was_asked() {
    let house = House::start().await;
    let (ann, bob) = (session(&house, "ann").await, session(&house, "bob").await);
    let (mut conn, question) = asked(&house, &ann, 1).await;
    assert_eq!(send(&house, &bob, &answer(&question, "evil")).await, 202);
    assert_eq!(send(&house, &ann, &answer(&question, "good")).await, 202);
    let said = conn.reply_events().await[0]["result"]["said"].as_str().unwrap().to_owned();
    assert!(said.contains("good"), "{said}");
}

#[tokio::test]
async fn a_call_that_is_cancelled_takes_its_question_with_it() {
    let house = House::start().await;
    let session = session(&house, "ann").await;
    let (mut conn, question) = asked(&house, &session, 7).await;
    let cancelled = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 7 } });
    assert_eq!(send(&house, &session, &cancelled).await, 202);
    assert!(conn.reply_events().await.is_empty());
    assert_eq!(send(&house, &session, &answer(&question, "late")).await, 202);
}

#[tokio::test]
async fn whoever_is_asked_has_the_time_of_the_whole_call_and_no_more() {
    let (call_timeout, max_call_timeout) = (Duration::from_millis(50), Duration::from_millis(400));
    let house = House::with_limits(Limits { call_timeout, max_call_timeout, ..Limits::default() }).await;
    let session = session(&house, "ann").await;
    let begun = std::time::Instant::now();
    let (mut conn, _) = asked(&house, &session, 1).await;
    let events = conn.reply_events().await;
    assert_eq!(events[0]["error"]["code"], -32016);
    assert!(begun.elapsed() >= max_call_timeout);
}

#[tokio::test]
async fn who_has_no_way_to_answer_is_not_asked() {
    let house = House::start().await;
    let reply = house.connect().await.exchange(&modern_post(&tool(1, "ask"))).await;
    assert_eq!(reply.json()["result"]["said"], "refused");
}
