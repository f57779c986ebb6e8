//! Open Cybersecurity Schema Framework 1.3: API Activity.

use serde_json::{Value, json};

use super::{is_success, text};

const API_ACTIVITY: u64 = 6003;

pub(super) fn event(line: &Value) -> Value {
    let activity = activity(text(line, "/method"));
    let status = match text(line, "/kind") {
        "call" if is_success(line) => 1,
        "call" => 2,
        _ => 0,
    };
    json!({
        "category_uid": 6,
        "class_uid": API_ACTIVITY,
        "activity_id": activity,
        "type_uid": API_ACTIVITY * 100 + activity,
        "severity_id": if status == 2 { 2 } else { 1 },
        "status_id": status,
        "status": text(line, "/outcome"),
        "status_code": text(line, "/detail"),
        "status_detail": text(line, "/reason"),
        "time": line["atMs"],
        "duration": line["micros"].as_u64().map(|micros| micros / 1000),
        "actor": { "user": {
            "uid": text(line, "/subject/id"),
            "domain": text(line, "/subject/issuer"),
            "org": { "uid": text(line, "/subject/tenant") },
        } },
        "api": {
            "operation": text(line, "/method"),
            "version": text(line, "/version"),
            "service": { "name": text(line, "/server") },
            "request": { "uid": text(line, "/call") },
        },
        "resources": [{ "name": text(line, "/name") }],
        "dst_endpoint": { "svc_name": text(line, "/server") },
        "http_request": { "url": { "path": text(line, "/endpoint") } },
        "metadata": {
            "version": "1.3.0",
            "product": { "name": "Cardea", "vendor_name": "Cardea", "version": env!("CARGO_PKG_VERSION") },
            "log_name": "journal",
            "event_code": text(line, "/kind"),
            "sequence": line["cursor"],
        },
        "unmapped": { "blame": text(line, "/blame"), "lost": line["lost"] },
    })
}

/// What OCSF calls the doing: reading a list or a resource is Read, anything that acts is Other.
fn activity(method: &str) -> u64 {
    let reads = method.ends_with("/list") || method.ends_with("/read") || method.ends_with("/get");
    if reads { 2 } else { 99 }
}
