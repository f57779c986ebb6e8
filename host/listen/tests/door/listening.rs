//! `subscriptions/listen` at the front door.

use std::time::Duration;

use cardea_listen::Limits;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::support::{Conn, House, modern, modern_post};

/// What the server of these tests does is written in the filter.
fn listen(id: &str, then: &str) -> String {
    modern_post(&modern(
        id,
        "subscriptions/listen",
        json!({ "notifications": { "toolsListChanged": true, "then": then } }),
    ))
}

/// The messages of one piece of an event stream, and none for a comment.
fn messages(chunk: &str) -> Vec<Value> {
    chunk
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str(data).unwrap())
        .collect()
}

/// Subscribes, and reads the acknowledgement.
async fn subscribed(house: &House, id: &str, then: &str) -> Conn {
    let mut conn = house.connect().await;
    conn.write(&listen(id, then)).await;
    let head = conn.head().await;
    assert_eq!((head.status, head.header("content-type")), (200, Some("text/event-stream")));
    assert_eq!(head.header("x-accel-buffering"), Some("no"));
    let acknowledged = messages(&conn.chunk().await.unwrap());
    let expected = json!({
        "jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged",
        "params": { "notifications": { "toolsListChanged": true }, "_meta": tagged(id) },
    });
    assert_eq!(acknowledged, [expected]);
    conn
}

fn tagged(id: &str) -> Value {
    json!({ "io.modelcontextprotocol/subscriptionId": id })
}

fn ended(id: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "result": { "resultType": "complete", "_meta": tagged(id) } })
}

#[tokio::test]
async fn every_message_carries_the_clients_own_id() {
    let house = House::start().await;
    let mut conn = subscribed(&house, "s1", "end").await;
    let changed =
        json!({ "jsonrpc": "2.0", "method": "notifications/tools/list_changed", "params": { "_meta": tagged("s1") } });
    assert_eq!(conn.reply_events().await, [changed, ended("s1")]);
}

#[tokio::test]
async fn neither_silence_nor_the_length_of_calls_ends_a_subscription() {
    let limits = Limits {
        call_timeout: Duration::from_millis(30),
        max_call_timeout: Duration::from_millis(30),
        keep_alive: Duration::from_millis(20),
        ..Limits::default()
    };
    let house = House::with_limits(limits).await;
    let mut conn = subscribed(&house, "s1", "wait").await;
    for _ in 0..5 {
        assert_eq!(conn.chunk().await.unwrap(), ": \n\n");
    }
    house.server.release.add_permits(1);
    assert_eq!(conn.reply_events().await, [ended("s1")]);
}

#[tokio::test]
async fn a_client_that_leaves_ends_its_subscription_at_the_server() {
    let house = House::start().await;
    let conn = subscribed(&house, "s1", "hang").await;
    drop(conn);
    timeout(Duration::from_secs(20), house.server.dropped.notified()).await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_gone_is_the_last_word() {
    let house = House::start().await;
    let mut conn = subscribed(&house, "s1", "dead").await;
    let last = conn.reply_events().await;
    assert_eq!((last.len(), &last[0]["id"], &last[0]["error"]["code"]), (1, &json!("s1"), &json!(-32015)));
}

#[tokio::test]
async fn a_shutdown_ends_subscriptions_with_a_word() {
    let house = House::start().await;
    let mut conn = subscribed(&house, "s1", "hang").await;
    house.shutdown.cancel();
    assert_eq!(conn.reply_events().await, [ended("s1")]);
    house.server.dropped.notified().await;
    let journal = std::sync::Arc::clone(&house.journal);
    house.ended().await;
    assert_eq!(*journal.outcomes.lock().unwrap(), [("subscriptions/listen".to_owned(), "ok")]);
}

#[tokio::test]
async fn a_connection_of_age_ends_its_subscription_with_a_word() {
    let house = House::with_limits(Limits { max_age: Duration::from_millis(200), ..Limits::default() }).await;
    let mut conn = subscribed(&house, "s1", "hang").await;
    assert_eq!(conn.reply_events().await, [ended("s1")]);
    assert!(conn.is_closed().await);
}

#[tokio::test]
async fn many_subscribers_hear_their_own_ids_and_all_are_told_of_the_end() {
    let house = House::start().await;
    let ids: Vec<_> = (0..200).map(|number| format!("s{number}")).collect();
    let mut subscribers = join_all(ids.iter().map(|id| subscribed(&house, id, "hang"))).await;
    house.shutdown.cancel();
    for (conn, id) in subscribers.iter_mut().zip(&ids) {
        assert_eq!(conn.reply_events().await, [ended(id)]);
    }
    house.ended().await;
}
