//! Questions to the client in the middle of a call, as the eras before 2026-07-28 put them.

use rmcp::model::{InputRequest, InputRequests, InputResponses};
use rmcp::service::{RequestContext, ServiceError};
use rmcp::{ErrorData, RoleServer};
use serde::Serialize;
use serde_json::Value;

/// Asks one after the other, and waits for each answer.
pub(crate) async fn ask(
    context: &RequestContext<RoleServer>,
    requests: InputRequests,
) -> Result<InputResponses, ErrorData> {
    let mut responses = InputResponses::new();
    for (name, request) in requests {
        let response = match request {
            InputRequest::Elicitation(ask) => json(context.peer.create_elicitation(ask.params).await),
            InputRequest::CreateMessage(ask) => json(context.peer.create_message(ask.params).await),
            InputRequest::ListRoots(_) => json(context.peer.list_roots().await),
            _ => Err(ErrorData::internal_error("there is no such question", None)),
        };
        responses.insert(name, response?);
    }
    Ok(responses)
}

fn json(answer: Result<impl Serialize, ServiceError>) -> Result<Value, ErrorData> {
    let internal = |what: String| ErrorData::internal_error(format!("the client did not answer: {what}"), None);
    let answer = answer.map_err(|error| internal(error.to_string()))?;
    serde_json::to_value(answer).map_err(|error| internal(error.to_string()))
}
