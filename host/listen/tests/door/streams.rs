//! Streams of legacy clients: what breaks is resumed, and what belongs to no call has a stream of its own.

use std::time::Duration;

use cardea_listen::Limits;
use cardea_message::{Message, Notification, compose};
use serde_json::json;

use crate::legacy::{Client, tool};
use crate::support::{Conn, House, Reply};

/// A GET with what every one needs; `headers` say which session, and from which event on.
fn get(headers: &str) -> String {
    format!("GET /mcp HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n{headers}\r\n")
}

fn resume(client: &Client, last: &str) -> String {
    get(&format!("{}Last-Event-ID: {last}\r\n", client.headers))
}

fn id_of(event: &str) -> &str {
    event.lines().find_map(|line| line.strip_prefix("id: ")).unwrap_or_else(|| panic!("no id in {event:?}"))
}

fn notification(method: &str) -> Notification {
    match Message::parse(compose::notification(method, None)).unwrap() {
        Message::Notification(notification) => notification,
        other => panic!("{other:?}"),
    }
}

/// What a server would say outside any call through the session of its last call.
fn announce(house: &House, method: &str) {
    let call = house.server.last();
    let listener = call.client.session.as_ref().unwrap().listener().unwrap();
    listener.hear(&notification(method));
}

async fn opened(house: &House, request: &str) -> (Conn, Reply) {
    let mut conn = house.connect().await;
    conn.write(request).await;
    let head = conn.head().await;
    (conn, head)
}

/// The next event that says something, beats and priming passed over.
async fn said(conn: &mut Conn) -> Option<String> {
    loop {
        let chunk = conn.chunk().await?;
        if chunk.contains("\ndata: {") {
            return Some(chunk);
        }
    }
}

#[tokio::test]
async fn a_call_whose_connection_breaks_is_heard_to_its_end_by_a_get() {
    let house = House::start().await;
    let client = Client::open(&house, "2025-11-25").await;
    let (mut conn, head) = opened(&house, &client.request(&tool(1, "wait-streaming"))).await;
    assert_eq!(head.header("content-type"), Some("text/event-stream"));
    let priming = conn.chunk().await.unwrap();
    assert_eq!(priming, format!("id: {}\nretry: 1000\ndata: \n\n", id_of(&priming)));
    let progress = conn.chunk().await.unwrap();
    assert!(progress.contains("notifications/progress"), "{progress}");
    drop(conn);
    house.server.release.add_permits(1);

    let (mut conn, head) = opened(&house, &resume(&client, id_of(&progress))).await;
    assert_eq!((head.status, head.header("content-type")), (200, Some("text/event-stream")));
    let end = said(&mut conn).await.unwrap();
    assert!(end.contains(r#""id":1"#) && end.contains("first"), "{end}");
    assert_eq!(said(&mut conn).await, None);

    let (mut conn, _) = opened(&house, &resume(&client, id_of(&priming))).await;
    assert_eq!(said(&mut conn).await.as_ref(), Some(&progress), "as often as the client asks, and byte for byte");
    assert_eq!(said(&mut conn).await.as_ref(), Some(&end));
    assert_eq!(said(&mut conn).await, None);
    assert_eq!(house.server.calls.lock().unwrap().len(), 2, "initialize and one call");
}

#[tokio::test]
async fn a_call_that_is_silent_gives_its_client_something_to_resume_from() {
    let limits = Limits { prime_after: Duration::from_millis(1), ..Limits::default() };
    let house = House::with_limits(limits).await;
    let client = Client::open(&house, "2025-11-25").await;
    let (mut conn, head) = opened(&house, &client.request(&tool(1, "wait"))).await;
    assert_eq!(head.header("content-type"), Some("text/event-stream"));
    let priming = conn.chunk().await.unwrap();
    drop(conn);
    let (mut conn, _) = opened(&house, &resume(&client, id_of(&priming))).await;
    house.server.release.add_permits(1);
    assert!(said(&mut conn).await.unwrap().contains(r#""id":1"#));
}

#[tokio::test]
async fn older_versions_have_ids_and_nothing_that_they_do_not_know() {
    let house = House::start().await;
    for version in ["2025-03-26", "2025-06-18"] {
        let client = Client::open(&house, version).await;
        let (mut conn, _) = opened(&house, &client.request(&tool(1, "wait-streaming"))).await;
        let first = conn.chunk().await.unwrap();
        assert!(first.contains("notifications/progress") && !first.contains("retry"), "{first}");
        drop(conn);
        house.server.release.add_permits(1);
        let (mut conn, _) = opened(&house, &resume(&client, id_of(&first))).await;
        assert!(said(&mut conn).await.unwrap().contains(r#""id":1"#), "{version}");
    }
}

#[tokio::test]
async fn an_event_id_leads_nowhere_but_to_its_own_stream() {
    let house = House::start().await;
    let (ann, bob) = (Client::open(&house, "2025-11-25").await, Client::open(&house, "2025-11-25").await);
    let (mut conn, _) = opened(&house, &ann.request(&tool(1, "wait-streaming"))).await;
    let id = id_of(&conn.chunk().await.unwrap()).to_owned();
    let (key, _) = id.split_once('-').unwrap();
    for (client, id, status) in [
        (&ann, id.clone(), 200),
        (&bob, id.clone(), 400),
        (&ann, format!("{key}-99"), 400),
        (&ann, "0000000000000000-0".into(), 400),
        (&ann, "what".into(), 400),
    ] {
        let (_, head) = opened(&house, &resume(client, &id)).await;
        assert_eq!(head.status, status, "{id}");
    }
}

#[tokio::test]
async fn a_session_has_one_stream_for_what_belongs_to_no_call() {
    let house = House::start().await;
    let mut client = Client::open(&house, "2025-11-25").await;
    client.send(&tool(1, "echo")).await;
    announce(&house, "notifications/tools/list_changed");
    let (mut conn, head) = opened(&house, &get(&client.headers)).await;
    assert_eq!((head.status, head.header("content-type")), (200, Some("text/event-stream")));
    let priming = conn.chunk().await.unwrap();
    assert!(priming.contains("retry: 1000\ndata: \n"), "{priming}");
    let early = conn.chunk().await.unwrap();
    assert!(early.contains("tools/list_changed"), "what was said before the stream was open: {early}");
    announce(&house, "notifications/prompts/list_changed");
    let later = conn.chunk().await.unwrap();
    assert!(later.contains("prompts/list_changed"), "{later}");

    let mut other = house.connect().await;
    assert_eq!(other.exchange(&get(&client.headers)).await.status, 409);
    let (mut resumed, head) = opened(&house, &resume(&client, id_of(&early))).await;
    assert_eq!(head.status, 200);
    assert_eq!(said(&mut resumed).await.as_ref(), Some(&later));
    assert_eq!(said(&mut conn).await, None, "whoever resumes a stream takes it over");

    let delete = get(&client.headers).replace("GET", "DELETE");
    assert_eq!(other.exchange(&delete).await.status, 204);
    assert_eq!(said(&mut resumed).await, None, "the stream ends with its session");
}

#[tokio::test]
async fn a_get_that_cannot_be_served_says_why() {
    let house = House::start().await;
    let client = Client::open(&house, "2025-11-25").await;
    let json_only = get(&client.headers).replace("text/event-stream", "application/json");
    for (request, status) in [
        (json_only, 406),
        (get("MCP-Protocol-Version: 2025-11-25\r\n"), 400),
        (get("Mcp-Session-Id: guess\r\n"), 404),
        (get("MCP-Protocol-Version: 2026-07-28\r\n"), 405),
        (get(""), 405),
        (get(&format!("{}Authorization: Bearer bob\r\n", client.headers)), 404),
    ] {
        let reply = house.connect().await.exchange(&request).await;
        assert_eq!(reply.status, status, "{request}");
        assert!(!reply.json()["error"]["message"].as_str().unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_sessions_stream_ends_when_the_gateway_stops() {
    let house = House::start().await;
    let client = Client::open(&house, "2025-11-25").await;
    let (mut conn, _) = opened(&house, &get(&client.headers)).await;
    house.shutdown.cancel();
    assert_eq!(said(&mut conn).await, None);
    drop((conn, client));
    house.ended().await;
}

#[tokio::test]
async fn a_sessions_stream_has_a_last_day_and_can_be_opened_again() {
    let limits = Limits { max_age: Duration::from_millis(300), ..Limits::default() };
    let house = House::with_limits(limits).await;
    let client = Client::open(&house, "2025-11-25").await;
    for _ in 0..2 {
        let (mut conn, head) = opened(&house, &get(&client.headers)).await;
        assert_eq!(head.status, 200);
        while conn.chunk().await.is_some() {}
    }
    announce(&house, "notifications/tools/list_changed");
    let (mut conn, _) = opened(&house, &get(&client.headers)).await;
    assert!(said(&mut conn).await.unwrap().contains("tools/list_changed"), "kept while nobody listened");
}

#[tokio::test]
async fn a_session_that_is_listened_to_is_not_idle() {
    let limits = Limits { session_idle: Duration::from_millis(40), ..Limits::default() };
    let house = House::with_limits(limits).await;
    let client = Client::open(&house, "2025-11-25").await;
    let listened_to = house.server.last_session();
    let (conn, head) = opened(&house, &get(&client.headers)).await;
    assert_eq!(head.status, 200);
    let _other = Client::open(&house, "2025-11-25").await;
    let unheard = house.server.last_session();
    house.server.session_over.notified().await;
    assert_eq!(*house.server.ended.lock().unwrap(), [unheard], "the one nobody listens to");
    drop(conn);
    house.server.session_over.notified().await;
    assert_eq!(house.server.ended.lock().unwrap()[1], listened_to);
}

#[tokio::test]
async fn a_client_hears_what_its_own_session_is_told_and_nothing_else() {
    let house = House::start().await;
    let (mut ann, mut bob) = (Client::open(&house, "2025-06-18").await, Client::open(&house, "2025-06-18").await);
    let (mut anns, _) = opened(&house, &get(&ann.headers)).await;
    let (mut bobs, _) = opened(&house, &get(&bob.headers)).await;
    ann.send(&tool(1, "echo")).await;
    announce(&house, "notifications/resources/updated");
    bob.send(&tool(1, "echo")).await;
    announce(&house, "notifications/tools/list_changed");
    assert!(said(&mut anns).await.unwrap().contains("resources/updated"));
    assert!(said(&mut bobs).await.unwrap().contains("tools/list_changed"));
    assert_eq!(ann.send(&json!({ "jsonrpc": "2.0", "id": 2, "method": "ping" })).await.json()["id"], 2);
}
