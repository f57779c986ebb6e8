//! Questions to the client in the middle of a call, as the eras before 2026-07-28 put them.

use rmcp::model::{CallToolResult, ContentBlock, InputRequest};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer};
use serde_json::Value;

/// Asks, waits, and says what the client answered.
pub(crate) async fn ask(
    context: &RequestContext<RoleServer>,
    request: InputRequest,
) -> Result<CallToolResult, ErrorData> {
    let answer = match request {
        InputRequest::Elicitation(ask) => context.peer.create_elicitation(ask.params).await.map(said),
        InputRequest::CreateMessage(ask) => context.peer.create_message(ask.params).await.map(said),
        _ => return Err(ErrorData::internal_error("no tool asks for this during a call", None)),
    };
    Ok(match answer {
        Ok(text) => CallToolResult::success(vec![ContentBlock::text(text)]),
        Err(error) => CallToolResult::error(vec![ContentBlock::text(format!("the client did not answer: {error}"))]),
    })
}

fn said(answer: impl serde::Serialize) -> String {
    let answer = serde_json::to_value(answer).unwrap_or(Value::Null);
    match answer["content"]["text"].as_str() {
        Some(text) => format!("LLM response: {text}"),
        None => format!("User response: action={}, content={}", answer["action"], answer["content"]),
    }
}
