//! A listener with a native house behind it, and a client that can write whatever it likes.

pub(crate) mod client;
pub(crate) mod house;

pub(crate) use client::{Conn, Reply};
pub(crate) use house::House;

use serde_json::{Value, json};

/// The modern envelope.
pub(crate) fn meta() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    })
}

/// A modern request.
pub(crate) fn modern(id: impl Into<Value>, method: &str, params: Value) -> Value {
    let mut params = params;
    params["_meta"] = meta();
    json!({ "jsonrpc": "2.0", "id": id.into(), "method": method, "params": params })
}

/// A modern call of a tool.
pub(crate) fn tool(id: impl Into<Value>, name: &str) -> Value {
    modern(id, "tools/call", json!({ "name": name, "arguments": {} }))
}

/// A legacy request.
pub(crate) fn legacy(id: impl Into<Value>, method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id.into(), "method": method, "params": params })
}

/// The HTTP request of a modern message, with its mirrored headers.
pub(crate) fn modern_post(message: &Value) -> String {
    let mut headers = "MCP-Protocol-Version: 2026-07-28\r\n".to_owned();
    if let Some(method) = message["method"].as_str() {
        headers += &format!("Mcp-Method: {method}\r\n");
    }
    let name = message["params"].get("name").or_else(|| message["params"].get("uri"));
    if let Some(name) = name.and_then(Value::as_str) {
        headers += &format!("Mcp-Name: {name}\r\n");
    }
    post("/mcp", &headers, &message.to_string())
}

/// An HTTP request with everything a POST needs.
pub(crate) fn post(path: &str, headers: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}
