//! The protocols with sessions, 2025-03-26 to 2025-11-25, at the front door.

use std::time::Duration;

use cardea_listen::Limits;
use serde_json::{Value, json};

use crate::support::{Conn, House, Reply, legacy, meta, post};

/// A legacy client with its session.
pub(crate) struct Client {
    pub(crate) conn: Conn,
    pub(crate) headers: String,
}

impl Client {
    pub(crate) async fn open(house: &House, version: &str) -> Self {
        Self::of(house, version, "").await
    }

    async fn of(house: &House, version: &str, headers: &str) -> Self {
        let mut conn = house.connect().await;
        let reply = conn.exchange(&post("/mcp", headers, &initialize(version))).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        let session = reply.header("mcp-session-id").unwrap();
        Self { conn, headers: format!("{headers}Mcp-Session-Id: {session}\r\n") }
    }

    pub(crate) fn session(&self) -> &str {
        self.headers.trim_end().rsplit(' ').next().unwrap()
    }

    pub(crate) fn request(&self, message: &Value) -> String {
        post("/mcp", &self.headers, &message.to_string())
    }

    pub(crate) async fn send(&mut self, message: &Value) -> Reply {
        let request = self.request(message);
        self.conn.exchange(&request).await
    }
}

fn initialize(version: &str) -> String {
    let params = json!({ "protocolVersion": version, "capabilities": { "roots": {} }, "clientInfo": { "name": "c", "version": "1" } });
    legacy(0, "initialize", params).to_string()
}

pub(crate) fn tool(id: impl Into<Value>, name: &str) -> Value {
    legacy(id, "tools/call", json!({ "name": name }))
}

fn cancelled(id: u64) -> Value {
    json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": id } })
}

#[tokio::test]
async fn a_session_lives_from_initialize_to_delete() {
    let house = House::start().await;
    let mut conn = house.connect().await;
    let reply = conn.exchange(&post("/mcp", "", &initialize("2025-06-18"))).await;
    assert_eq!((reply.status, reply.json()["id"].as_i64()), (200, Some(0)));
    assert_eq!(
        reply.json()["result"],
        json!({
            "protocolVersion": "2025-06-18", "instructions": "be kind", "serverInfo": { "name": "first", "version": "1" },
            "capabilities": { "tools": { "listChanged": true }, "logging": {} },
        })
    );
    let session = reply.header("mcp-session-id").unwrap().to_owned();
    assert!(session.len() >= 32 && session.bytes().all(|byte| byte.is_ascii_graphic()));
    let inside = house.server.last_session();
    assert!(!session.contains(&inside), "servers know the session, and never what the client shows for it");

    let mut client =
        Client { conn, headers: format!("Mcp-Session-Id: {session}\r\nMCP-Protocol-Version: 2025-06-18\r\n") };
    let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    assert_eq!(client.send(&initialized).await.status, 202);
    assert_eq!(client.send(&json!({ "jsonrpc": "2.0", "id": 1, "result": {} })).await.status, 202);
    assert_eq!(client.send(&legacy(1, "ping", json!({}))).await.json()["result"], json!({}));
    let reply = client.send(&tool("a", "echo")).await;
    assert_eq!((reply.status, reply.json()["id"].as_str()), (200, Some("a")));
    let call = house.server.last();
    assert_eq!(call.client.version.as_str(), "2025-06-18");
    assert_eq!(call.client.capabilities, r#"{"roots":{}}"#);
    assert_eq!(call.client.info.as_deref(), Some(&br#"{"name":"c","version":"1"}"#[..]));

    let delete = format!("DELETE /mcp HTTP/1.1\r\nHost: localhost\r\nMcp-Session-Id: {session}\r\n\r\n");
    assert_eq!(client.conn.exchange(&delete).await.status, 204);
    assert_eq!(*house.server.ended.lock().unwrap(), [inside]);
    assert_eq!(client.conn.exchange(&delete).await.status, 404);
    let reply = client.send(&tool(2, "echo")).await;
    assert_eq!((reply.status, reply.code(), reply.json()["id"].as_i64()), (404, -32001, Some(2)));
}

#[tokio::test]
async fn nobody_else_and_no_other_door_knows_a_session() {
    let house = House::start().await;
    let ann = Client::of(&house, "2025-11-25", "Authorization: Bearer ann\r\n").await;
    let id = ann.session();
    let message = tool(1, "echo").to_string();
    for (path, headers, status, code) in [
        ("/mcp", format!("Authorization: Bearer ann\r\nMcp-Session-Id: {id}\r\n"), 200, 0),
        ("/mcp", format!("Authorization: Bearer bob\r\nMcp-Session-Id: {id}\r\n"), 404, -32001),
        ("/mcp", format!("Mcp-Session-Id: {id}\r\n"), 404, -32001),
        ("/servers/x/mcp", format!("Authorization: Bearer ann\r\nMcp-Session-Id: {id}\r\n"), 404, -32001),
        ("/mcp", "Authorization: Bearer ann\r\nMcp-Session-Id: guess\r\n".into(), 404, -32001),
        ("/mcp", "Authorization: Bearer ann\r\n".into(), 400, -32000),
    ] {
        let reply = house.connect().await.exchange(&post(path, &headers, &message)).await;
        assert_eq!((reply.status, reply.code()), (status, code), "{path} {headers}");
    }
    let theft =
        format!("DELETE /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer bob\r\nMcp-Session-Id: {id}\r\n\r\n");
    assert_eq!(house.connect().await.exchange(&theft).await.status, 404);
    assert!(house.server.ended.lock().unwrap().is_empty());
}

#[tokio::test]
async fn versions_in_headers_and_bodies_are_held_against_the_session() {
    let house = House::start().await;
    let client = Client::open(&house, "2025-11-25").await;
    let modern_claim = json!({ "name": "echo", "_meta": meta() });
    for (headers, message, status, code) in [
        ("MCP-Protocol-Version: 2025-11-25\r\n", tool(1, "echo"), 200, 0),
        ("MCP-Protocol-Version: 1999-01-01\r\n", tool(1, "echo"), 400, -32602),
        ("MCP-Protocol-Version: 2025-11-25\r\nMCP-Protocol-Version: 2025-11-25\r\n", tool(1, "echo"), 400, -32600),
        ("", legacy(1, "tools/call", modern_claim), 400, -32020),
    ] {
        let request = post("/mcp", &format!("{}{headers}", client.headers), &message.to_string());
        let reply = house.connect().await.exchange(&request).await;
        assert_eq!((reply.status, reply.code()), (status, code), "{headers}");
    }
}

#[tokio::test]
async fn an_initialize_that_cannot_be_served_opens_nothing() {
    let house = House::with_limits(Limits { max_sessions: 1, ..Limits::default() }).await;
    let mut conn = house.connect().await;
    let reply = conn.exchange(&post("/mcp", "", &legacy(0, "initialize", json!({})).to_string())).await;
    assert_eq!((reply.status, reply.code()), (200, -32602));
    let first = Client::open(&house, "2025-11-25").await;
    let reply = conn.exchange(&post("/mcp", "", &initialize("2025-11-25"))).await;
    assert_eq!((reply.status, reply.header("mcp-session-id")), (503, None));
    let delete = format!("DELETE /mcp HTTP/1.1\r\nHost: localhost\r\n{}\r\n", first.headers);
    assert_eq!(conn.exchange(&delete).await.status, 204);
    Client::open(&house, "2025-11-25").await;
}

#[tokio::test]
async fn what_sessions_do_not_have_here_is_an_unknown_method_in_the_legacy_way() {
    let house = House::start().await;
    let mut client = Client::open(&house, "2025-11-25").await;
    for method in ["server/discover", "subscriptions/listen", "sampling/createMessage"] {
        let reply = client.send(&legacy(1, method, json!({}))).await;
        assert_eq!((reply.status, reply.code()), (200, -32601), "{method}");
    }
    for (name, status, code) in [
        ("no-such-tool", 200, -32602),
        ("forbidden", 403, -32011),
        ("limited", 429, -32013),
        ("dead", 200, -32015),
        ("rpc-error", 200, -32021),
    ] {
        let reply = client.send(&tool(1, name)).await;
        assert_eq!((reply.status, reply.code()), (status, code), "{name}");
    }
}

#[tokio::test]
async fn a_log_level_holds_for_the_calls_that_follow() {
    let house = House::start().await;
    let mut client = Client::open(&house, "2025-11-25").await;
    let reply = client.send(&legacy(1, "logging/setLevel", json!({ "level": "loud" }))).await;
    assert_eq!((reply.status, reply.code()), (200, -32602));
    client.send(&tool(2, "echo")).await;
    assert_eq!(house.server.last().client.log_level, None);
    let reply = client.send(&legacy(3, "logging/setLevel", json!({ "level": "warning" }))).await;
    assert_eq!(reply.json()["result"], json!({}));
    client.send(&tool(4, "echo")).await;
    assert_eq!(house.server.last().client.log_level.as_deref(), Some("warning"));
}

#[tokio::test]
async fn notifications_stream_and_a_cancelled_call_ends_without_an_answer() {
    let house = House::start().await;
    let mut client = Client::open(&house, "2025-11-25").await;
    let events = client.send(&tool(1, "stream")).await.events();
    assert_eq!(events.len(), 3);

    let request = client.request(&tool(7, "hang"));
    client.conn.write(&request).await;
    house.server.hanging.notified().await;
    let mut other = Client { conn: house.connect().await, headers: client.headers.clone() };
    let reply = other.send(&tool(7, "echo")).await;
    assert_eq!((reply.status, reply.code()), (400, -32600), "the id is taken");
    assert_eq!(other.send(&cancelled(8)).await.status, 202);
    assert_eq!(other.send(&cancelled(7)).await.status, 202);
    let reply = client.conn.reply().await;
    assert_eq!((reply.status, reply.events().len()), (200, 0));
    house.server.dropped.notified().await;
    assert_eq!(other.send(&tool(7, "echo")).await.status, 200, "the id is free again");
}

#[tokio::test]
async fn a_disconnect_is_not_a_cancellation() {
    let house = House::start().await;
    let mut client = Client::open(&house, "2025-11-25").await;
    let request = client.request(&tool(7, "wait"));
    client.conn.write(&request).await;
    house.server.hanging.notified().await;
    let Client { conn, headers } = client;
    drop(conn);
    let mut again = Client { conn: house.connect().await, headers };
    assert_eq!(again.send(&tool(7, "echo")).await.status, 400, "it still runs");
    house.server.release.add_permits(1);
    while again.send(&tool(7, "echo")).await.status == 400 {
        tokio::task::yield_now().await;
    }
    let outcomes = house.journal.outcomes.lock().unwrap();
    assert!(outcomes.iter().all(|(_, outcome)| *outcome == "ok"), "{outcomes:?}");
}

#[tokio::test]
async fn ending_a_session_ends_its_calls() {
    let house = House::start().await;
    let mut client = Client::open(&house, "2025-11-25").await;
    let request = client.request(&tool(7, "hang"));
    client.conn.write(&request).await;
    house.server.hanging.notified().await;
    let delete = format!("DELETE /mcp HTTP/1.1\r\nHost: localhost\r\n{}\r\n", client.headers);
    assert_eq!(house.connect().await.exchange(&delete).await.status, 204);
    house.server.dropped.notified().await;
    assert_eq!(client.conn.reply().await.events().len(), 0);
}

#[tokio::test]
async fn a_session_nobody_uses_ends() {
    let house = House::with_limits(Limits { session_idle: Duration::from_millis(60), ..Limits::default() }).await;
    let mut client = Client::open(&house, "2025-11-25").await;
    house.server.session_over.notified().await;
    let inside = house.server.last_session();
    assert_eq!(*house.server.ended.lock().unwrap(), [inside]);
    assert_eq!(client.send(&tool(1, "echo")).await.status, 404);
}

#[tokio::test]
async fn an_id_whose_time_is_over_or_that_was_touched_leads_nowhere() {
    let brief = Limits { session_age: Duration::ZERO, ..Limits::default() };
    let house = House::with_limits(brief).await;
    let mut client = Client::open(&house, "2025-11-25").await;
    assert_eq!(client.send(&tool(1, "echo")).await.status, 404);

    let house = House::start().await;
    let mut client = Client::open(&house, "2025-11-25").await;
    let session = client.session();
    client.headers = client.headers.replace(session, &session[..session.len() - 1]);
    let reply = client.send(&tool(1, "echo")).await;
    assert_eq!((reply.status, reply.code()), (404, -32001));
}

#[tokio::test]
async fn batches_are_for_the_version_that_has_them() {
    let house = House::start().await;
    let mut client = Client::open(&house, "2025-03-26").await;
    let batch = json!([
        tool(1, "echo"),
        cancelled(99),
        legacy(2, "ping", json!({})),
        tool(3, "no-such-tool"),
        { "jsonrpc": "2.0", "id": 4, "method": 7 },
        legacy(5, "initialize", json!({ "protocolVersion": "2025-03-26" })),
        tool(6, "stream"),
        tool(1, "wait"),
    ]);
    let reply = client.send(&batch).await;
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")));
    let answers = reply.json();
    let told: Vec<_> = answers
        .as_array()
        .unwrap()
        .iter()
        .map(|answer| (answer["id"].as_i64().unwrap(), answer["error"]["code"].as_i64()))
        .collect();
    assert_eq!(
        told,
        [(1, None), (2, None), (3, Some(-32602)), (4, Some(-32600)), (5, Some(-32600)), (6, None), (1, Some(-32600))]
    );
    assert_eq!(client.send(&json!([cancelled(1), cancelled(2)])).await.status, 202);
    for refused in [json!([]), Value::Array(vec![cancelled(1); 101])] {
        let reply = client.send(&refused).await;
        assert_eq!((reply.status, reply.code()), (400, -32600));
    }
    let mut later = Client::open(&house, "2025-06-18").await;
    let reply = later.send(&batch).await;
    assert_eq!((reply.status, reply.code()), (400, -32600));
}
