//! The program over its standard input and output, as a gateway speaks to it: both eras.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

/// Sends the messages, one a line, and reads as many answers as there are requests.
fn converse(messages: &[Value]) -> Vec<Value> {
    let mut server = Command::new(env!("CARGO_BIN_EXE_cardea-notes-server"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = server.stdin.take().unwrap();
    let mut answers = BufReader::new(server.stdout.take().unwrap()).lines();
    let mut heard = Vec::new();
    for message in messages {
        writeln!(input, "{message}").unwrap();
        if message.get("id").is_some() {
            heard.push(serde_json::from_str(&answers.next().unwrap().unwrap()).unwrap());
        }
    }
    drop(input);
    server.wait().unwrap();
    heard
}

#[test]
fn a_legacy_client_finds_a_note() {
    let hello =
        json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } });
    let heard = converse(&[
        json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello }),
        json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }),
        json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/call",
                "params": { "name": "add_note", "arguments": { "title": "Lantern", "body": "hangs by the door" } } }),
        json!({ "jsonrpc": "2.0", "id": 3, "method": "tools/call",
                "params": { "name": "search_notes", "arguments": { "query": "lantern" } } }),
    ]);
    assert_eq!(heard[0]["result"]["protocolVersion"], "2025-11-25");
    assert_eq!(heard[2]["result"]["structuredContent"]["total"], 1, "{}", heard[2]);
}

#[test]
fn a_modern_client_lists_tools_without_a_handshake() {
    let meta = json!({ "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                       "io.modelcontextprotocol/clientCapabilities": {} });
    let heard = converse(&[
        json!({ "jsonrpc": "2.0", "id": 1, "method": "server/discover", "params": { "_meta": meta } }),
        json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": { "_meta": meta } }),
    ]);
    assert_eq!(heard[0]["result"]["resultType"], "complete");
    let tools = heard[1]["result"]["tools"].as_array().unwrap();
    assert!(tools.iter().any(|tool| tool["name"] == "search_notes"), "{tools:?}");
}
