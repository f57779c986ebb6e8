//! The statuses of the specification's tables, one after the other, each with the JSON-RPC code that goes with it.

use cardea_listen::Limits;
use serde_json::json;

use crate::legacy::{Client, tool};
use crate::support::{House, legacy, modern, modern_post, post};

const MODERN: &str = "MCP-Protocol-Version: 2026-07-28\r\n";

/// A request, its status, the code of its error (0 for none), and what may be done instead.
type Row = (String, u16, i64, Option<&'static str>);

async fn hold(house: &House, table: Vec<Row>) {
    for (request, status, code, allow) in table {
        let reply = house.connect().await.exchange(&request).await;
        let told = if reply.body.is_empty() { 0 } else { reply.code() };
        assert_eq!((reply.status, told, reply.header("allow")), (status, code, allow), "{request}\n{reply:?}");
    }
}

fn ping() -> String {
    legacy(1, "ping", json!({})).to_string()
}

/// 2025-03-26 to 2025-11-25, "Streamable HTTP".
#[tokio::test]
async fn of_the_versions_with_sessions() {
    let house = House::with_limits(Limits { max_body: 2048, ..Limits::default() }).await;
    let client = Client::open(&house, "2025-11-25").await;
    let session = client.headers.as_str();
    let plain = post("/mcp", session, &ping());
    let answer = json!({ "jsonrpc": "2.0", "id": 7, "result": {} }).to_string();
    let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }).to_string();
    let unknown = "Mcp-Session-Id: 00\r\n";
    let bare = |method: &str, headers: &str| {
        format!(
            "{method} /mcp HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n{headers}Content-Length: 0\r\n\r\n"
        )
    };
    let in_session = Some("GET, POST, DELETE");
    hold(
        &house,
        vec![
            (plain.clone(), 200, 0, None),
            (post("/mcp", session, &initialized), 202, 0, None),
            (post("/mcp", session, &answer), 202, 0, None),
            (plain.replace("application/json, text/event-stream", "application/json"), 406, -32600, None),
            (plain.replace("application/json, text/event-stream", "text/event-stream"), 406, -32600, None),
            (plain.replace("Content-Type: application/json", "Content-Type: text/plain"), 415, -32600, None),
            (post("/mcp", session, "{"), 400, -32700, None),
            (post("/mcp", session, "[]"), 400, -32600, None),
            (post("/mcp", session, r#"{"jsonrpc":"2.0","id":1}"#), 400, -32600, None),
            (post("/mcp", session, &"x".repeat(3000)), 413, -32600, None),
            (post("/mcp", "", &ping()), 400, -32000, None),
            (post("/mcp", unknown, &ping()), 404, -32001, None),
            (post("/mcp", &format!("{session}MCP-Protocol-Version: 2025-11-25\r\n"), &ping()), 200, 0, None),
            (post("/mcp", &format!("{session}MCP-Protocol-Version: 1.0\r\n"), &ping()), 400, -32602, None),
            (post("/mcp", session, &legacy(1, "no/such-method", json!({})).to_string()), 200, -32601, None),
            (post("/mcp", session, &tool(1, "no-such-tool").to_string()), 200, -32602, None),
            (post("/mcp", session, &tool(1, "forbidden").to_string()), 403, -32011, None),
            (post("/mcp", session, &tool(1, "limited").to_string()), 429, -32013, None),
            (post("/mcp", session, &tool(1, "dead").to_string()), 200, -32015, None),
            (post("/mcp", &format!("{session}Origin: https://evil.example\r\n"), &ping()), 403, -32600, None),
            (plain.replace("Host: localhost", "Host: evil.example"), 403, -32600, None),
            (post("/mcp", "Authorization: Bearer expired\r\n", &ping()), 401, -32010, None),
            (bare("GET", ""), 405, -32600, Some("POST")),
            (bare("GET", "MCP-Protocol-Version: 2025-11-25\r\n"), 400, -32000, None),
            (bare("GET", unknown), 404, -32001, None),
            (bare("GET", session).replace("text/event-stream", "text/html"), 406, -32600, None),
            (bare("GET", &format!("{session}Last-Event-ID: x\r\n")), 400, -32600, None),
            (bare("PUT", session), 405, -32600, in_session),
            (bare("DELETE", ""), 405, -32600, Some("POST")),
            (bare("DELETE", unknown), 404, -32001, None),
            (bare("DELETE", session), 204, 0, None),
            (bare("DELETE", session), 404, -32001, None),
            (plain, 404, -32001, None),
        ],
    )
    .await;
}

/// 2026-07-28, "Streamable HTTP" and the error codes.
#[tokio::test]
async fn of_the_version_without_sessions() {
    let house = House::start().await;
    let discover = modern(1, "server/discover", json!({}));
    let other = |from: &str, to: &str| modern_post(&discover).replace(from, to);
    let note = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled" }).to_string();
    let bare = |method: &str| format!("{method} /mcp HTTP/1.1\r\nHost: localhost\r\n{MODERN}Content-Length: 0\r\n\r\n");
    hold(
        &house,
        vec![
            (modern_post(&discover), 200, 0, None),
            (post("/mcp", &format!("{MODERN}Mcp-Session-Id: 00\r\nLast-Event-ID: x\r\n"), &note), 202, 0, None),
            (post("/mcp", MODERN, "{"), 400, -32700, None),
            (post("/mcp", MODERN, &json!([discover]).to_string()), 400, -32600, None),
            (post("/mcp", "", &discover.to_string()), 400, -32020, None),
            (other("Mcp-Method: server/discover", "Mcp-Method: SERVER/DISCOVER"), 400, -32020, None),
            (other("Mcp-Method: server/discover\r\n", ""), 400, -32020, None),
            (other("2026-07-28", "2999-01-01"), 400, -32022, None),
            (post("/mcp", MODERN, &legacy(1, "server/discover", json!({})).to_string()), 400, -32602, None),
            (modern_post(&modern(1, "initialize", json!({}))), 404, -32601, None),
            (modern_post(&modern(1, "ping", json!({}))), 404, -32601, None),
            (modern_post(&modern(1, "no/such-method", json!({}))), 404, -32601, None),
            (other("Host: localhost", "Host: localhost\r\nOrigin: https://evil.example"), 403, -32600, None),
            (bare("GET"), 405, -32600, Some("POST")),
            (bare("DELETE"), 405, -32600, Some("POST")),
        ],
    )
    .await;
}

/// 2025-03-26, "Batching".
#[tokio::test]
async fn of_batches() {
    let house = House::start().await;
    let mut client = Client::open(&house, "2025-03-26").await;
    let note = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    let answer = json!({ "jsonrpc": "2.0", "id": 7, "result": {} });
    for (batch, status) in [
        (json!([answer, answer]), 202),
        (json!([note]), 202),
        (json!([note, answer]), 202),
        (json!([note, legacy(1, "ping", json!({})), answer]), 200),
        (json!([[]]), 200),
        (json!([]), 400),
    ] {
        assert_eq!(client.send(&batch).await.status, status, "{batch}");
    }
}
