//! HTTP+SSE of 2024-11-05 at the front door: a stream, and messages beside it.

use std::time::Duration;

use cardea_listen::{Limits, Settings};
use cardea_message::{Message, compose};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::legacy::tool;
use crate::support::{Conn, House, Reply, legacy, modern};

/// A client with its stream.
struct Client<'h> {
    house: &'h House,
    stream: Conn,
    /// Where it posts.
    target: String,
    headers: &'static str,
}

impl<'h> Client<'h> {
    async fn open(house: &'h House, path: &str, headers: &'static str) -> Self {
        let mut stream = house.connect().await;
        stream.write(&get(path, headers)).await;
        let head = stream.head().await;
        assert_eq!((head.status, head.header("content-type")), (200, Some("text/event-stream")));
        let first = stream.chunk().await.unwrap();
        let target = first.strip_prefix("event: endpoint\ndata: ").and_then(|rest| rest.strip_suffix("\n\n"));
        let target = target.unwrap_or_else(|| panic!("{first:?}")).to_owned();
        Self { house, stream, target, headers }
    }

    /// One that has introduced itself.
    async fn begun(house: &'h House, version: &str) -> Self {
        let mut client = Self::open(house, "/sse", "").await;
        let welcome = client.ask(&initialize(version)).await;
        assert_eq!(welcome["result"]["protocolVersion"], version, "{welcome}");
        client
    }

    async fn post(&self, message: &Value) -> Reply {
        let request = post(&self.target, self.headers, &message.to_string());
        self.house.connect().await.exchange(&request).await
    }

    async fn send(&self, message: &Value) {
        let reply = self.post(message).await;
        assert_eq!((reply.status, reply.body.as_str()), (202, ""), "{reply:?}");
    }

    /// The next message on the stream.
    async fn heard(&mut self) -> Option<Value> {
        let event = self.stream.chunk().await?;
        let data = event.strip_prefix("event: message\ndata: ").unwrap_or_else(|| panic!("{event:?}"));
        Some(serde_json::from_str(data).unwrap())
    }

    async fn ask(&mut self, message: &Value) -> Value {
        self.send(message).await;
        self.heard().await.unwrap()
    }
}

fn get(path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n{headers}\r\n")
}

/// A POST as clients of 2024-11-05 send it: what it takes in return is not said.
fn post(target: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{headers}\
         Content-Length: {length}\r\n\r\n{body}"
    )
}

fn initialize(version: &str) -> Value {
    legacy(0, "initialize", json!({ "protocolVersion": version, "capabilities": { "roots": {} } }))
}

fn cancelled(id: u64) -> Value {
    json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": id } })
}

#[tokio::test]
async fn everything_is_answered_on_the_stream_and_nothing_beside_it() {
    let house = House::start().await;
    let mut client = Client::open(&house, "/servers/x/sse", "").await;
    assert!(client.target.starts_with("/servers/x/message?sessionId="), "{}", client.target);
    let welcome = client.ask(&initialize("2024-11-05")).await;
    assert_eq!(welcome["result"]["protocolVersion"], "2024-11-05");
    assert_eq!(welcome["result"]["serverInfo"]["name"], "first");
    client.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await;
    assert_eq!(client.ask(&legacy("p", "ping", json!({}))).await, json!({ "jsonrpc": "2.0", "id": "p", "result": {} }));

    client.send(&tool(1, "stream")).await;
    let heard = [client.heard().await, client.heard().await, client.heard().await].map(Option::unwrap);
    assert_eq!([&heard[0]["method"], &heard[1]["method"]], ["notifications/progress"; 2]);
    assert_eq!((&heard[2]["id"], &heard[2]["result"]["content"][0]["text"]), (&json!(1), &json!("first")));
    let call = house.server.last();
    assert_eq!((&*call.endpoint, call.client.version.as_str()), ("/servers/x/mcp", "2024-11-05"));

    for (message, code) in [
        (tool(2, "no-such-tool"), -32602),
        (legacy(3, "server/discover", json!({})), -32601),
        (initialize("2024-11-05"), -32600),
        (tool(4, "forbidden"), -32011),
    ] {
        let answer = client.ask(&message).await;
        assert_eq!((&answer["id"], &answer["error"]["code"]), (&message["id"], &json!(code)), "{answer}");
    }
}

#[tokio::test]
async fn calls_run_side_by_side_and_are_cancelled_one_by_one() {
    let house = House::start().await;
    let mut client = Client::begun(&house, "2025-11-25").await;
    client.send(&tool(1, "wait")).await;
    house.server.hanging.notified().await;
    client.send(&tool(2, "hang")).await;
    house.server.hanging.notified().await;
    assert_eq!(client.ask(&tool(1, "echo")).await["error"]["code"], -32600, "the id is in use");
    assert_eq!(client.ask(&tool(3, "echo")).await["id"], 3);
    client.send(&cancelled(2)).await;
    house.server.dropped.notified().await;
    house.server.release.add_permits(1);
    assert_eq!(client.heard().await.unwrap()["id"], 1, "and nothing is said of the one that was cancelled");
}

#[tokio::test]
async fn a_question_goes_out_on_the_stream_and_its_answer_is_posted() {
    let house = House::start().await;
    let mut client = Client::begun(&house, "2024-11-05").await;
    let question = client.ask(&tool(1, "ask")).await;
    assert_eq!(question["method"], "roots/list");
    let answer = json!({ "jsonrpc": "2.0", "id": question["id"], "result": { "roots": [] } });
    let end = client.ask(&answer).await;
    assert_eq!((&end["id"], &end["result"]["said"]), (&json!(1), &json!(r#"{"roots":[]}"#)));
}

#[tokio::test]
async fn what_servers_say_outside_calls_comes_on_the_stream_too() {
    let house = House::start().await;
    let mut client = Client::begun(&house, "2024-11-05").await;
    client.ask(&tool(1, "echo")).await;
    let call = house.server.last();
    let listener = call.client.session.as_ref().unwrap().listener().unwrap();
    let Message::Notification(changed) =
        Message::parse(compose::notification("notifications/tools/list_changed", None)).unwrap()
    else {
        panic!("no notification");
    };
    listener.hear(&changed);
    assert_eq!(client.heard().await.unwrap()["method"], "notifications/tools/list_changed");
}

#[tokio::test]
async fn a_client_that_hangs_up_has_left_with_all_it_asked_for() {
    let limits = Limits { max_sessions: 1, ..Limits::default() };
    let house = House::with_limits(limits).await;
    let client = Client::begun(&house, "2024-11-05").await;
    let refused = house.connect().await.exchange(&get("/sse", "")).await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    client.send(&tool(1, "hang")).await;
    house.server.hanging.notified().await;
    let target = client.target.clone();
    drop(client);
    house.server.dropped.notified().await;
    house.server.session_over.notified().await;
    assert!(target.ends_with(&house.server.ended.lock().unwrap()[0]));
    let reply = house.connect().await.exchange(&post(&target, "", &tool(2, "echo").to_string())).await;
    assert_eq!(reply.status, 404);
    Client::begun(&house, "2024-11-05").await;
}

#[tokio::test]
async fn a_session_is_its_subjects_own_at_its_own_endpoint() {
    let house = House::start().await;
    let client = Client::open(&house, "/sse", "Authorization: Bearer ann\r\n").await;
    client.send(&initialize("2024-11-05")).await;
    let query = client.target.split_once('?').unwrap().1;
    let message = tool(1, "echo").to_string();
    for (target, headers, status) in [
        (client.target.as_str(), "Authorization: Bearer ann\r\n", 202),
        (client.target.as_str(), "Authorization: Bearer bob\r\n", 404),
        (client.target.as_str(), "", 404),
        (client.target.as_str(), "Authorization: Bearer expired\r\n", 401),
        (&format!("/servers/x/message?{query}"), "Authorization: Bearer ann\r\n", 404),
        ("/message?sessionId=0", "Authorization: Bearer ann\r\n", 404),
        ("/message?session=0", "Authorization: Bearer ann\r\n", 400),
        ("/message", "Authorization: Bearer ann\r\n", 400),
        ("/servers/y/message?sessionId=0", "", 404),
    ] {
        let reply = house.connect().await.exchange(&post(target, headers, &message)).await;
        assert_eq!(reply.status, status, "{target} {headers}");
    }
    let id = query.strip_prefix("sessionId=").unwrap();
    let streamable = format!("Authorization: Bearer ann\r\nMcp-Session-Id: {id}\r\n");
    let reply = house.connect().await.exchange(&crate::support::post("/mcp", &streamable, &message)).await;
    assert_eq!(reply.status, 404, "another transport has other sessions");
}

#[tokio::test]
async fn what_is_no_exchange_of_this_transport_is_refused_by_its_head() {
    let house = House::start().await;
    let client = Client::open(&house, "/sse", "").await;
    let target = client.target.as_str();
    let body = initialize("2024-11-05").to_string();
    let plain = post(target, "", &body);
    for (request, status, allow) in [
        (post("/sse", "", &body), 405, Some("GET")),
        (get(target, ""), 405, Some("POST")),
        (get("/sse", "Authorization: Bearer expired\r\n"), 401, None),
        (get("/sse", "Origin: https://evil.example\r\n"), 403, None),
        (get("/sse", "").replace("Host: localhost", "Host: evil.example"), 403, None),
        (get("/sse", "").replace("text/event-stream", "application/json"), 406, None),
        (post(target, "Origin: https://evil.example\r\n", &body), 403, None),
        (plain.replace("Host: localhost", "Host: evil.example"), 403, None),
        (plain.replace("application/json", "text/plain"), 415, None),
        (post(target, "", "{"), 400, None),
        (post(target, "", "[]"), 400, None),
        (post(target, "", r#"{"jsonrpc":"2.0"}"#), 400, None),
        (post(target, "MCP-Protocol-Version: 2026-07-28\r\n", &body), 400, None),
        (post(target, "", &modern(1, "server/discover", json!({})).to_string()), 400, None),
    ] {
        let reply = house.connect().await.exchange(&request).await;
        assert_eq!((reply.status, reply.header("allow")), (status, allow), "{request}");
        assert!(reply.code() < 0, "{reply:?}");
    }
}

#[tokio::test]
async fn nothing_but_initialize_is_answered_before_it() {
    let house = House::start().await;
    let mut client = Client::open(&house, "/sse", "").await;
    assert_eq!(client.ask(&tool(1, "echo")).await["error"]["code"], -32600);
    client.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await;
    client.send(&json!({ "jsonrpc": "2.0", "id": 7, "result": {} })).await;
    assert_eq!(client.ask(&legacy(2, "ping", json!({}))).await["result"], json!({}));
    let malformed = legacy(3, "initialize", json!({ "capabilities": {} }));
    assert_eq!(client.ask(&malformed).await["error"]["code"], -32602);
    assert!(client.ask(&initialize("2024-11-05")).await["result"].is_object(), "a refusal is not the end");
}

#[tokio::test]
async fn a_batch_is_answered_with_one_message_in_the_version_that_has_batches() {
    let house = House::start().await;
    let mut client = Client::begun(&house, "2025-03-26").await;
    let batch = json!([tool(1, "stream"), cancelled(9), tool(2, "echo")]);
    let answer = client.ask(&batch).await;
    assert_eq!([&answer[0]["id"], &answer[1]["id"]], [1, 2], "{answer}");
    client.send(&json!([cancelled(9)])).await;
    let older = Client::begun(&house, "2024-11-05").await;
    assert_eq!(older.post(&batch).await.status, 400);
}

#[tokio::test(start_paused = true)]
async fn silence_is_broken_by_comments_and_a_stream_nobody_uses_is_closed() {
    let house = House::start().await;
    let mut used = Client::begun(&house, "2024-11-05").await;
    let mut unused = Client::open(&house, "/sse", "").await;
    assert_eq!(used.stream.chunk().await.unwrap(), ": \n\n");
    while let Some(beat) = unused.stream.chunk().await {
        assert_eq!(beat, ": \n\n");
    }
    assert_eq!(used.post(&tool(1, "echo")).await.status, 202, "the other one is still there");
}

#[tokio::test]
async fn a_shutdown_answers_what_was_taken_and_then_closes_the_stream() {
    let house = House::start().await;
    let mut client = Client::begun(&house, "2024-11-05").await;
    client.send(&tool(1, "wait")).await;
    house.server.hanging.notified().await;
    house.shutdown.cancel();
    house.server.release.add_permits(1);
    assert_eq!(client.heard().await.unwrap()["id"], 1);
    assert!(client.heard().await.is_none());
    drop(client);
    timeout(Duration::from_secs(5), house.ended()).await.unwrap();
}

#[tokio::test]
async fn behind_a_proxy_the_client_is_told_the_path_it_knows() {
    let public_url = Some("https://tools.example/gateway/".to_owned());
    let house = House::with(Settings { public_url, ..Settings::default() }).await;
    let client = Client::open(&house, "/servers/x/sse", "").await;
    assert!(client.target.starts_with("/gateway/servers/x/message?sessionId="), "{}", client.target);
}
