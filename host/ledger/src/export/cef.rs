//! ArcSight Common Event Format, version 0.

use std::fmt::Write;

use serde_json::Value;

use super::{is_success, text};

pub(super) fn event(line: &Value) -> String {
    let kind = text(line, "/kind");
    let (id, what) = match text(line, "/method") {
        "" => (kind, kind),
        method => (method, if kind == "call" { text(line, "/outcome") } else { kind }),
    };
    let severity = if kind == "call" && !is_success(line) { 6 } else { 3 };
    let mut event = format!(
        "CEF:0|Cardea|cardea|{}|{}|{} {}|{severity}|",
        env!("CARGO_PKG_VERSION"),
        head(id),
        head(id),
        head(what)
    );
    let at = line["atMs"].as_u64().unwrap_or(0).to_string();
    let cursor = line["cursor"].as_u64().unwrap_or(0).to_string();
    let fields = [
        ("rt", at.as_str()),
        ("externalId", text(line, "/call")),
        ("suser", text(line, "/subject/id")),
        ("sntdom", text(line, "/subject/issuer")),
        ("request", text(line, "/endpoint")),
        ("dhost", text(line, "/server")),
        ("fname", text(line, "/name")),
        ("outcome", text(line, "/outcome")),
        ("reason", text(line, "/reason")),
        ("cs1Label", "tenant"),
        ("cs1", text(line, "/subject/tenant")),
        ("cs2Label", "blame"),
        ("cs2", text(line, "/blame")),
        ("cn1Label", "cursor"),
        ("cn1", &cursor),
    ];
    let mut parted = "";
    for (key, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
        let _ = write!(event, "{parted}{key}={}", value_of(value));
        parted = " ";
    }
    event
}

/// In the header, bars part the fields.
fn head(text: &str) -> String {
    text.replace('\\', r"\\").replace('|', r"\|").replace(['\n', '\r'], " ")
}

/// In the extension, an equals sign parts key and value.
fn value_of(text: &str) -> String {
    text.replace('\\', r"\\").replace('=', r"\=").replace('\n', r"\n").replace('\r', r"\r")
}
