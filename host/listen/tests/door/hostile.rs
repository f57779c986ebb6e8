//! What hostile and broken clients send, and the one answer each of it gets.

use std::time::Duration;

use crate::support::{House, modern, modern_post, post, tool};
use cardea_listen::{Limits, Settings};

const VERSION: &str = "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/list\r\n";

async fn status_of(house: &House, request: &str) -> u16 {
    house.connect().await.exchange(request).await.status
}

#[tokio::test]
async fn a_request_that_is_framed_twice_is_refused_and_its_connection_closed() {
    let house = House::start().await;
    let message = tool(1, "echo").to_string();
    let head = "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: */*\r\n\
                MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: echo\r\n";
    let chunked = format!("{:x}\r\n{message}\r\n0\r\n\r\n", message.len());
    for framing in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "transfer-encoding: chunked\r\nCONTENT-LENGTH: 0\r\n",
    ] {
        let mut conn = house.connect().await;
        let reply = conn.exchange(&format!("{head}{framing}\r\n{chunked}")).await;
        assert_eq!(reply.status, 400, "{framing}");
        assert!(conn.is_closed().await, "{framing}");
    }
    for framing in
        ["Content-Length: 5\r\nContent-Length: 6\r\n", "Transfer-Encoding: gzip\r\n", "Content-Length: -1\r\n"]
    {
        assert_eq!(status_of(&house, &format!("{head}{framing}\r\n{{}}   ")).await, 400, "{framing}");
    }
    assert!(house.server.calls.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_chunked_request_behind_another_on_the_wire_is_refused_but_works_in_its_turn() {
    let house = House::start().await;
    let message = tool(1, "echo").to_string();
    let headers = "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: */*\r\n\
                   MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: echo\r\n";
    let chunked = format!("{headers}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{message}\r\n0\r\n\r\n", message.len());
    let mut conn = house.connect().await;
    assert_eq!(conn.exchange(&chunked).await.status, 200);
    assert_eq!(conn.exchange(&chunked).await.status, 200);
    conn.write(&format!("{chunked}{chunked}")).await;
    assert_eq!(conn.reply().await.status, 200);
    assert_eq!(conn.reply().await.status, 400);
    assert!(conn.is_closed().await);
}

#[tokio::test]
async fn headers_that_decide_must_not_be_repeated() {
    let house = House::start().await;
    let list = modern(1, "tools/list", serde_json::json!({})).to_string();
    for (header, code) in [
        ("Host: localhost", -32600),
        ("Authorization: Bearer a\r\nAuthorization: Bearer b", -32600),
        ("Content-Type: application/json", -32600),
        ("Mcp-Session-Id: a\r\nMcp-Session-Id: a", -32600),
        ("MCP-Protocol-Version: 2026-07-28", -32020),
        ("Mcp-Method: tools/list", -32020),
        ("Mcp-Param-Region: eu\r\nMcp-Param-Region: us", -32020),
    ] {
        let reply = house.connect().await.exchange(&post("/mcp", &format!("{VERSION}{header}\r\n"), &list)).await;
        assert_eq!((reply.status, reply.code()), (400, code), "{header}");
    }
}

#[tokio::test]
async fn bodies_that_are_no_message_are_refused_by_name() {
    let house = House::start().await;
    for (body, code) in [
        ("", -32700),
        ("{", -32700),
        ("{\"jsonrpc\":\"2.0\",}", -32700),
        ("NaN", -32700),
        ("[]", -32600),
        ("[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}]", -32600),
        ("7", -32600),
        ("{\"id\":1,\"method\":\"tools/list\"}", -32600),
        ("{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"tools/list\"}", -32600),
        ("{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"tools/list\"}", -32600),
        ("{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"tools/list\"}", -32600),
        ("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":7}", -32600),
        ("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"params\":[]}", -32600),
        ("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"notifications/cancelled\"}", -32600),
        ("{\"jsonrpc\":\"2.0\",\"id\":1,\"id\":2,\"method\":\"tools/list\"}", -32700),
        ("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"params\":{\"a\":{\"b\":1,\"\\u0062\":2}}}", -32700),
        ("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\\ud800\"}", -32700),
    ] {
        let reply = house.connect().await.exchange(&post("/mcp", VERSION, body)).await;
        assert_eq!((reply.status, reply.code()), (400, code), "{body}");
    }
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let reply = house.connect().await.exchange(&post("/mcp", VERSION, &deep)).await;
    assert_eq!((reply.status, reply.code()), (400, -32700));
    assert!(house.server.calls.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_body_is_refused_before_it_is_read_whole() {
    let limits = Limits { max_body: 10_000, ..Limits::default() };
    let house = House::with_limits(limits).await;
    let head = "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: */*\r\n";
    // Announced and never sent.
    let mut conn = house.connect().await;
    assert_eq!(conn.exchange(&format!("{head}Content-Length: 1000000000\r\n\r\n")).await.status, 413);
    assert!(conn.is_closed().await);
    // Not announced, and without end.
    let mut conn = house.connect().await;
    conn.write(&format!("{head}Transfer-Encoding: chunked\r\n\r\n")).await;
    for _ in 0..20 {
        conn.write(&format!("400\r\n{}\r\n", " ".repeat(1024))).await;
    }
    assert_eq!(conn.reply().await.status, 413);
}

#[tokio::test]
async fn a_slow_body_a_slow_head_and_a_silent_client_are_not_waited_for() {
    let limits = Limits {
        header_timeout: Duration::from_millis(500),
        body_grace: Duration::from_millis(80),
        body_rate: 1_000_000,
        ..Limits::default()
    };
    let house = House::with_limits(limits).await;
    let mut slow_body = house.connect().await;
    slow_body.write("POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: */*\r\n").await;
    slow_body.write("Content-Length: 100\r\n\r\n{").await;
    assert_eq!(slow_body.reply().await.status, 408);
    let mut slow_head = house.connect().await;
    slow_head.write("POST /mcp HTTP/1.1\r\nHost: local").await;
    assert!(slow_head.is_closed().await);
    assert!(house.connect().await.is_closed().await);
    let mut second_head = house.connect().await;
    assert_eq!(second_head.exchange(&modern_post(&tool(1, "echo"))).await.status, 200);
    second_head.write("POST /m").await;
    assert!(second_head.is_closed().await);
}

#[tokio::test]
async fn a_connection_without_exchanges_is_closed() {
    let limits = Limits { idle_timeout: Duration::from_millis(80), ..Limits::default() };
    let house = House::with_limits(limits).await;
    let mut conn = house.connect().await;
    assert_eq!(conn.exchange(&modern_post(&tool(1, "echo"))).await.status, 200);
    assert!(conn.is_closed().await);
}

#[tokio::test]
async fn a_worn_connection_is_closed_after_its_last_exchange() {
    let house = House::with_limits(Limits { max_exchanges: 2, ..Limits::default() }).await;
    let mut conn = house.connect().await;
    for id in 0..2 {
        assert_eq!(conn.exchange(&modern_post(&tool(id, "echo"))).await.status, 200);
    }
    assert!(conn.is_closed().await);
}

#[tokio::test]
async fn only_exact_paths_are_served() {
    let house = House::start().await;
    for path in [
        "/MCP",
        "/mcp/",
        "//mcp",
        "/mcp%2f",
        "/%6dcp",
        "/./mcp",
        "/mcp;x",
        "/servers/X/mcp",
        "/servers/x%2fmcp",
        "/servers//mcp",
        "/servers/x/../x/mcp",
        "/",
        "/mcp%00",
    ] {
        let reply = house.connect().await.exchange(&post(path, "", "{}")).await;
        assert_eq!(reply.status, 404, "{path}");
        assert_eq!(reply.code(), -32600, "{path}");
    }
    assert_eq!(
        status_of(&house, &post("/mcp?x=1", VERSION, &modern(1, "tools/list", serde_json::json!({})).to_string()))
            .await,
        200
    );
    assert_eq!(status_of(&house, &post(&format!("/{}", "a".repeat(9000)), "", "{}")).await, 414);
}

#[tokio::test]
async fn hosts_and_origins_are_checked_on_every_path_and_method() {
    let settings = Settings { origins: vec!["https://app.example".into()], ..Settings::default() };
    let house = House::with(settings).await;
    for path in ["/mcp", "/servers/x/mcp", "/nowhere"] {
        for method in ["GET", "POST", "DELETE", "OPTIONS"] {
            let evil_host = format!("{method} {path} HTTP/1.1\r\nHost: evil.example\r\n\r\n");
            assert_eq!(status_of(&house, &evil_host).await, 403, "{evil_host}");
            let evil_page =
                format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.example\r\n\r\n");
            assert_eq!(status_of(&house, &evil_page).await, 403, "{evil_page}");
        }
    }
    assert_eq!(status_of(&house, "GET http://evil.example/mcp HTTP/1.1\r\nHost: localhost\r\n\r\n").await, 400);
    assert_eq!(status_of(&house, "GET http://evil.example/mcp HTTP/1.1\r\nHost: evil.example\r\n\r\n").await, 403);
}

#[tokio::test]
async fn a_page_of_an_allowed_origin_may_ask_and_read() {
    let settings = Settings { origins: vec!["https://app.example".into()], ..Settings::default() };
    let house = House::with(settings).await;
    let mut conn = house.connect().await;
    let asked = "OPTIONS /mcp HTTP/1.1\r\nHost: localhost\r\nOrigin: https://app.example\r\n\
                 Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: mcp-method, mcp-param-x\r\n\r\n";
    let preflight = conn.exchange(asked).await;
    assert_eq!(preflight.status, 204);
    assert_eq!(preflight.header("access-control-allow-origin"), Some("https://app.example"));
    assert_eq!(preflight.header("access-control-allow-headers"), Some("mcp-method, mcp-param-x"));
    let message = tool(1, "echo").to_string();
    let headers = "Origin: https://app.example\r\nMCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: echo\r\n";
    let reply = conn.exchange(&post("/mcp", headers, &message)).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("access-control-allow-origin"), Some("https://app.example"));
    assert!(reply.header("access-control-expose-headers").unwrap().contains("mcp-session-id"));
    assert_eq!(reply.header("vary"), Some("origin"));
    assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
}

#[tokio::test]
async fn what_is_not_json_or_cannot_be_answered_is_refused() {
    let house = House::start().await;
    let request = |content: &str, accept: &str| {
        format!("POST /mcp HTTP/1.1\r\nHost: localhost\r\n{content}{accept}Content-Length: 2\r\n\r\n{{}}")
    };
    let (json, any) = ("Content-Type: application/json\r\n", "Accept: */*\r\n");
    for (content, accept, status) in [
        ("", any, 415),
        ("Content-Type: text/plain\r\n", any, 415),
        ("Content-Type: application/json\r\nContent-Encoding: gzip\r\n", any, 415),
        (json, "", 406),
        (json, "Accept: application/json\r\n", 406),
        (json, any, 400),
    ] {
        assert_eq!(status_of(&house, &request(content, accept)).await, status, "{content}{accept}");
    }
    for method in ["GET", "DELETE", "PUT", "OPTIONS"] {
        let reply = house.connect().await.exchange(&format!("{method} /mcp HTTP/1.1\r\nHost: localhost\r\n\r\n")).await;
        assert_eq!((reply.status, reply.header("allow")), (405, Some("POST")), "{method}");
    }
}

#[tokio::test]
async fn a_refused_credential_is_told_before_the_body_is_read_and_recorded_once() {
    let house = House::start().await;
    let head = "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: */*\r\n\
                Authorization: Bearer expired\r\nContent-Length: 100\r\n\r\n";
    let mut conn = house.connect().await;
    let reply = conn.exchange(head).await;
    assert_eq!((reply.status, reply.header("www-authenticate")), (401, Some("Bearer")));
    assert!(reply.json()["id"].is_null() && reply.body.contains("The token has expired"));
    assert!(!reply.body.contains("noon"));
    assert!(conn.is_closed().await);
    assert_eq!(*house.journal.outcomes.lock().unwrap(), [(String::new(), "refused")]);
}

#[tokio::test]
async fn more_calls_than_the_house_takes_are_told_to_come_back() {
    let house = House::with_limits(Limits { max_calls: 1, ..Limits::default() }).await;
    let mut first = house.connect().await;
    first.write(&modern_post(&tool(1, "wait"))).await;
    house.server.hanging.notified().await;
    let reply = house.connect().await.exchange(&modern_post(&tool(2, "echo"))).await;
    assert_eq!((reply.status, reply.header("retry-after"), reply.json()["id"].as_i64()), (503, Some("1"), Some(2)));
    house.server.release.add_permits(1);
    assert_eq!(first.reply().await.status, 200);
    assert_eq!(status_of(&house, &modern_post(&tool(3, "echo"))).await, 200);
}
