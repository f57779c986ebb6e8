//! The fake server over its standard input and output, without a gateway: what the cases rely on. That this file is an
//! integration test also makes `cargo test` build the program, which the cases start.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

#[test]
fn it_echoes_to_a_modern_client() {
    let mut server = Command::new(env!("CARGO_BIN_EXE_cardea-fake-server"))
        .args(["--era", "modern"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let meta = json!({ "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                       "io.modelcontextprotocol/clientCapabilities": {} });
    let params = json!({ "name": "echo", "arguments": { "word": "hello" }, "_meta": meta });
    let call = json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params });
    let mut input = server.stdin.take().unwrap();
    writeln!(input, "{call}").unwrap();
    let answer = BufReader::new(server.stdout.take().unwrap()).lines().next().unwrap().unwrap();
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["id"], 7);
    assert!(answer["result"]["structuredContent"].to_string().contains("hello"), "{answer}");
    drop(input);
    server.wait().unwrap();
}
