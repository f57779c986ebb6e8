//! Many clients that all use the same ids: each gets its own answer, its own progress and nothing else.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::SocketAddr;

use cardea_test_support::{Gateway, Programs, Reply, Request};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinSet;

/// Clients at once.
const CLIENTS: usize = 500;

const MANIFEST: &str = r#"
open = "everybody may do everything in this test"

[[server]]
name = "new"
command = ["cardea-fake-server", "--era", "modern"]

[[server]]
name = "old"
command = ["cardea-fake-server", "--era", "legacy"]

[[endpoint]]
path = "/both"
prefix = "on-conflict"

[[stage]]
plugin = "anonymous"
"#;

/// A call under the id 0, with the progress token 0, whose answer holds its nonce.
fn call(path: &str, tool: &str, nonce: usize) -> Request {
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "progressToken": 0,
    });
    let arguments = json!({ "nonce": nonce, "steps": 1 + nonce % 3 });
    let params = json!({ "name": tool, "arguments": arguments, "_meta": meta });
    let mut request = Request::modern(path, "tools/call", &params);
    let body = json!({ "jsonrpc": "2.0", "id": 0, "method": "tools/call", "params": params });
    request.body = body.to_string().into();
    request
}

/// All messages of a reply, whichever form it came in.
fn messages(reply: &Reply) -> Vec<Value> {
    let text = reply.text();
    match reply.json() {
        Ok(one) => vec![one],
        Err(_) => text.lines().filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok()).collect(),
    }
}

async fn heard(address: SocketAddr, path: &'static str, tool: &'static str, nonce: usize) {
    let reply = call(path, tool, nonce).send(address).await.unwrap();
    let mut messages = messages(&reply);
    let last = messages.pop().unwrap_or_else(|| panic!("nothing for {nonce}: {}", reply.text()));
    assert_eq!(last["id"], 0, "{last}");
    if tool.ends_with("echo") {
        assert_eq!(last["result"]["structuredContent"]["nonce"], nonce, "{last}");
        assert!(messages.is_empty(), "{messages:?}");
    } else {
        let steps = 1 + nonce % 3;
        assert_eq!(last["result"]["content"][0]["text"], format!("{steps} steps"));
        let progress: Vec<_> = messages.iter().map(|said| said["params"].clone()).collect();
        let told = |step| json!({ "progressToken": 0, "progress": step, "total": steps });
        assert_eq!(progress, (1..=steps).map(told).collect::<Vec<_>>());
    }
}

// proves: request ids and progress tokens that clients share | modern | any | passes
#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_clients_that_all_use_the_id_0_are_not_mixed_up() {
    let programs = Programs::beside(env!("CARGO_BIN_EXE_cardea"), env!("CARGO_TARGET_TMPDIR")).unwrap();
    let folder = TempDir::new().unwrap();
    let gateway = Gateway::start(&programs, folder.path(), MANIFEST, &[]).await.unwrap();
    let address = gateway.address();
    let ways = [
        ("/mcp", "new_echo"),
        ("/mcp", "old_echo"),
        ("/both", "echo"),
        ("/both", "old_progress"),
        ("/servers/new/mcp", "progress"),
        ("/servers/old/mcp", "echo"),
    ];
    let mut clients = JoinSet::new();
    for nonce in 0..CLIENTS {
        let (path, tool) = ways[nonce % ways.len()];
        clients.spawn(heard(address, path, tool, nonce));
    }
    while let Some(client) = clients.join_next().await {
        client.unwrap();
    }
    gateway.stop().await.unwrap();
}
