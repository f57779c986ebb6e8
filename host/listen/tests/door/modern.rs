//! The protocol of 2026-07-28 at the front door.

use std::time::Duration;

use crate::support::{House, legacy, meta, modern, modern_post, post, tool};
use cardea_listen::Limits;
use serde_json::json;

#[tokio::test]
async fn a_call_is_answered_as_one_json_object_under_the_clients_id() {
    let house = House::start().await;
    let mut conn = house.connect().await;
    for id in [json!(7), json!("a\"b"), json!(0)] {
        let reply = conn.exchange(&modern_post(&tool(id.clone(), "echo"))).await;
        assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")));
        assert_eq!(reply.json()["id"], id);
        assert_eq!(reply.json()["result"]["content"][0]["text"], "first");
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
        assert!(reply.header("mcp-session-id").is_none());
    }
}

#[tokio::test]
async fn the_call_carries_what_the_client_said() {
    let house = House::start().await;
    let mut params = json!({ "name": "echo", "_meta": meta() });
    params["_meta"]["progressToken"] = json!("p");
    params["_meta"]["io.modelcontextprotocol/logLevel"] = json!("info");
    let message = legacy(1, "tools/call", params).to_string();
    let headers = "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: echo\r\nX-Request-Id: order-17\r\n\
                   Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\nAuthorization: Bearer ann\r\n";
    let reply = house.connect().await.exchange(&post("/servers/x/mcp", headers, &message)).await;
    assert_eq!((reply.status, reply.header("x-request-id")), (200, Some("order-17")));
    let call = house.server.last();
    assert_eq!((call.id.as_str(), &*call.endpoint, call.subject.id.as_str()), ("order-17", "/servers/x/mcp", "ann"));
    assert_eq!(call.name.as_deref(), Some("echo"));
    assert_eq!(call.client.log_level.as_deref(), Some("info"));
    assert_eq!(call.client.progress_token.as_deref(), Some(&b"\"p\""[..]));
    assert!(call.client.session.is_none());
    let trace = call.traceparent.as_deref().unwrap();
    assert!(
        trace.starts_with("00-0af7651916cd43dd8448eb211c80319c-") && !trace.contains("b7ad6b7169203331"),
        "{trace}"
    );
    assert_eq!(
        call.params(),
        serde_json::to_vec(&serde_json::from_str::<serde_json::Value>(&message).unwrap()["params"]).unwrap()
    );
}

#[tokio::test]
async fn checks_come_in_the_order_of_the_specification() {
    let house = House::start().await;
    let without = |key: &str| {
        let mut message = tool(1, "echo");
        message["params"]["_meta"].as_object_mut().unwrap().remove(key);
        message
    };
    let future = {
        let mut message = tool(1, "echo");
        message["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!("v999.0.0");
        message
    };
    let headers = |version: &str, method: &str, name: &str| {
        format!("MCP-Protocol-Version: {version}\r\nMcp-Method: {method}\r\nMcp-Name: {name}\r\n")
    };
    let right = headers("2026-07-28", "tools/call", "echo");
    for (what, headers, message, status, code) in [
        ("all is right", right.clone(), tool(1, "echo"), 200, 0),
        ("no version in meta", right.clone(), without("io.modelcontextprotocol/protocolVersion"), 400, -32602),
        ("no capabilities", right.clone(), without("io.modelcontextprotocol/clientCapabilities"), 400, -32602),
        (
            "no meta, and a wrong name header",
            headers("2026-07-28", "tools/call", "rm"),
            legacy(1, "tools/call", json!({})),
            400,
            -32602,
        ),
        ("wrong method header", headers("2026-07-28", "tools/list", "echo"), tool(1, "echo"), 400, -32020),
        ("method header in capitals", headers("2026-07-28", "TOOLS/CALL", "echo"), tool(1, "echo"), 400, -32020),
        ("wrong name header", headers("2026-07-28", "tools/call", "rm"), tool(1, "echo"), 400, -32020),
        ("name in base64", headers("2026-07-28", "tools/call", "=?base64?ZWNobw==?="), tool(1, "echo"), 200, 0),
        ("no mirrored headers", "MCP-Protocol-Version: 2026-07-28\r\n".into(), tool(1, "echo"), 400, -32020),
        (
            "header of the future, meta of today",
            headers("v999.0.0", "tools/call", "echo"),
            tool(1, "echo"),
            400,
            -32020,
        ),
        ("header of today, meta of the future", right, future.clone(), 400, -32020),
        ("both of the future", headers("v999.0.0", "tools/call", "echo"), future, 400, -32022),
        (
            "meta claims, header is missing",
            "Mcp-Method: tools/call\r\nMcp-Name: echo\r\n".into(),
            tool(1, "echo"),
            400,
            -32020,
        ),
        ("meta claims, header is legacy", headers("2025-11-25", "tools/call", "echo"), tool(1, "echo"), 400, -32020),
    ] {
        let reply = house.connect().await.exchange(&post("/mcp", &headers, &message.to_string())).await;
        assert_eq!((reply.status, reply.code()), (status, code), "{what}: {}", reply.body);
        assert_eq!(reply.json()["id"], 1, "{what}");
        if code == -32022 {
            assert_eq!(reply.json()["error"]["data"], json!({ "supported": ["2026-07-28"], "requested": "v999.0.0" }));
        }
    }
}

#[tokio::test]
async fn headers_of_marked_arguments_are_held_against_the_arguments() {
    let house = House::start().await;
    let message = modern(1, "tools/call", json!({ "name": "marked", "arguments": { "region": "eu" } })).to_string();
    let headers = "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: marked\r\n";
    for (header, status, code) in [
        ("Mcp-Param-Region: eu\r\n", 200, 0),
        ("Mcp-Param-Region: eu\r\nMcp-Param-Other: x\r\n", 200, 0),
        ("Mcp-Param-Region: us\r\n", 400, -32020),
        ("", 400, -32020),
    ] {
        let reply = house.connect().await.exchange(&post("/mcp", &format!("{headers}{header}"), &message)).await;
        assert_eq!((reply.status, reply.code(), &reply.json()["id"]), (status, code, &json!(1)), "{header}");
    }
}

#[tokio::test]
async fn methods_of_sessions_are_gone_and_unknown_ones_are_the_directorys_matter() {
    let house = House::start().await;
    let mut conn = house.connect().await;
    for method in
        ["initialize", "ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe", "no/such-method"]
    {
        let reply = conn.exchange(&modern_post(&modern("x", method, json!({})))).await;
        assert_eq!((reply.status, reply.code(), reply.json()["id"].as_str()), (404, -32601, Some("x")), "{method}");
    }
    assert_eq!(conn.exchange(&modern_post(&modern(1, "vendor/extension", json!({})))).await.status, 200);
}

#[tokio::test]
async fn statuses_of_what_comes_back() {
    let house = House::start().await;
    let mut conn = house.connect().await;
    for (name, status, code) in [
        ("no-such-tool", 200, -32602),
        ("forbidden", 403, -32011),
        ("limited", 429, -32013),
        ("dead", 502, -32015),
        ("rpc-error", 400, -32021),
    ] {
        let reply = conn.exchange(&modern_post(&tool(1, name))).await;
        assert_eq!((reply.status, reply.code()), (status, code), "{name}");
        assert!(!reply.body.contains("10.0.0.7") && !reply.body.contains("rule of the house"), "{name}");
        assert_eq!(reply.header("retry-after"), (name == "limited").then_some("7"));
    }
}

#[tokio::test]
async fn a_notification_is_taken_and_a_response_is_not() {
    let house = House::start().await;
    let headers = "MCP-Protocol-Version: 2026-07-28\r\n";
    let mut conn = house.connect().await;
    let note =
        json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 1 } }).to_string();
    let reply = conn.exchange(&post("/mcp", headers, &note)).await;
    assert_eq!((reply.status, reply.body.as_str()), (202, ""));
    let response = json!({ "jsonrpc": "2.0", "id": 1, "result": {} }).to_string();
    assert_eq!(conn.exchange(&post("/mcp", headers, &response)).await.status, 400);
}

#[tokio::test]
async fn notifications_stream_before_the_end() {
    let house = House::start().await;
    let mut conn = house.connect().await;
    let reply = conn.exchange(&modern_post(&tool(5, "stream"))).await;
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("text/event-stream")));
    assert_eq!(reply.header("cache-control"), Some("no-cache, no-transform"));
    assert_eq!(reply.header("x-accel-buffering"), Some("no"));
    let events = reply.events();
    assert_eq!(events.len(), 3);
    assert_eq!((&events[0]["params"]["progress"], &events[1]["params"]["progress"]), (&json!(1), &json!(2)));
    assert_eq!((&events[2]["id"], &events[2]["result"]["resultType"]), (&json!(5), &json!("complete")));
    assert_eq!(conn.exchange(&modern_post(&tool(6, "echo"))).await.status, 200, "the connection goes on");
}

#[tokio::test]
async fn events_go_out_when_they_come() {
    let house = House::start().await;
    let mut conn = house.connect().await;
    conn.write(&modern_post(&tool(5, "wait-streaming"))).await;
    assert_eq!(conn.head().await.header("content-type"), Some("text/event-stream"));
    assert!(conn.chunk().await.unwrap().contains("notifications/progress"));
    house.server.release.add_permits(1);
    assert!(conn.chunk().await.unwrap().contains("\"id\":5"));
    assert_eq!(conn.chunk().await, None);
}

#[tokio::test]
async fn a_long_silence_is_broken_by_comments() {
    let house = House::with_limits(Limits { keep_alive: Duration::from_millis(30), ..Limits::default() }).await;
    let mut conn = house.connect().await;
    conn.write(&modern_post(&tool(5, "wait"))).await;
    assert_eq!(conn.head().await.header("content-type"), Some("text/event-stream"));
    for _ in 0..2 {
        assert!(conn.chunk().await.unwrap().starts_with(':'));
    }
    house.server.release.add_permits(1);
    assert_eq!(conn.reply_events().await.last().unwrap()["id"], 5);
}

#[tokio::test]
async fn a_client_that_goes_cancels_its_call_before_and_within_the_stream() {
    for keep_alive in [Duration::from_secs(15), Duration::from_millis(20)] {
        let house = House::with_limits(Limits { keep_alive, ..Limits::default() }).await;
        let mut conn = house.connect().await;
        conn.write(&modern_post(&tool(5, "hang"))).await;
        house.server.hanging.notified().await;
        if keep_alive < Duration::from_secs(1) {
            assert_eq!(conn.head().await.status, 200);
        }
        drop(conn);
        tokio::time::timeout(Duration::from_secs(10), house.server.dropped.notified()).await.unwrap();
        assert_eq!(*house.journal.outcomes.lock().unwrap(), [("tools/call".to_owned(), "cancelled")]);
    }
}
