//! The head of a syslog line, RFC 5424.

use serde_json::Value;

use super::{is_success, moment, text};

/// Facility 13, log audit.
const FACILITY: u8 = 13;

/// Everything before the message.
pub(super) fn head(line: &Value) -> String {
    let kind = text(line, "/kind");
    let severity = if kind == "call" && !is_success(line) { 4 } else { 6 };
    format!(
        "<{}>1 {} - cardea - {} - ",
        FACILITY * 8 + severity,
        moment(line),
        if kind.is_empty() { "-" } else { kind }
    )
}
