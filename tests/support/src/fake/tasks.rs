//! Tasks, the extension of 2026-07-28: one tool that becomes a task, which is done when it is first asked after.

use serde_json::{Value, json};

use crate::message::Trouble;

/// What the extension is called in capabilities.
pub(crate) const EXTENSION: &str = "io.modelcontextprotocol/tasks";
/// The tool that becomes a task, and the id of that task.
pub(crate) const TOOL: &str = "task";
const ID: &str = "task-1";
/// The tool, where it is listed.
pub(crate) const DEFINITION: (&str, &str) = (TOOL, "Becomes a task.");

/// The result of a call that becomes a task.
pub(crate) fn created(params: &Value) -> Result<Value, Trouble> {
    declared(params)?;
    Ok(task("task", "working"))
}

/// The result of `tasks/get`, `tasks/update` or `tasks/cancel`.
pub(crate) fn answer(method: &str, params: &Value) -> Result<Value, Trouble> {
    declared(params)?;
    match (method, params["taskId"].as_str()) {
        ("tasks/get", Some(ID)) => {
            let mut done = task("complete", "completed");
            done["result"] = json!({ "resultType": "complete", "content": [{ "type": "text", "text": "done" }] });
            Ok(done)
        }
        ("tasks/update" | "tasks/cancel", Some(ID)) => Ok(json!({ "resultType": "complete" })),
        _ => Err(Trouble::new(-32602, "Unknown task")),
    }
}

fn task(result: &str, status: &str) -> Value {
    let day = "2026-07-28T00:00:00Z";
    json!({
        "resultType": result, "taskId": ID, "status": status, "createdAt": day, "lastUpdatedAt": day, "ttlMs": null,
    })
}

fn declared(params: &Value) -> Result<(), Trouble> {
    let capabilities = &params["_meta"]["io.modelcontextprotocol/clientCapabilities"];
    if capabilities["extensions"].get(EXTENSION).is_some() {
        return Ok(());
    }
    let required = json!({ "requiredCapabilities": { "extensions": { EXTENSION: {} } } });
    Err(Trouble::new(-32021, "The client does not declare tasks").with_data(required))
}
