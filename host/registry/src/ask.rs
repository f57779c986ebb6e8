//! Questions of the gateway's own to a server, in the name of a caller.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cardea_chain::{Call, Deadline, Endpoint, Event, Exchange, Fault, FaultKind, Side};
use cardea_message::{ErrorObject, Method, Response, json};
use futures_util::StreamExt;
use tokio::time::timeout_at;

use crate::registry::Known;

/// How long a server may take to answer all that one question takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A call with which the gateway asks what a caller may see: the same client and subject, and nothing of its own call.
pub(crate) fn of(call: &Call) -> Call {
    let mut client = (*call.client).clone();
    client.progress_token = None;
    client.log_level = None;
    Call {
        params: None,
        name: None,
        native_name: None,
        client: Arc::new(client),
        deadline: Deadline::new(PATIENCE, PATIENCE),
        traceparent: None,
        ..call.clone()
    }
}

/// Asks a server and waits for its result, which is checked to be JSON that reads only one way.
pub(crate) async fn result(server: &Known, call: &Call, method: Method, params: Option<Bytes>) -> Result<Bytes, Fault> {
    let endpoints = &server.endpoints;
    let healthy = endpoints.iter().find(|endpoint| endpoint.upstream.load().healthy);
    let endpoint = healthy.or_else(|| endpoints.first()).ok_or_else(|| no_endpoint(server))?;
    let call = Arc::new(Call { method, params, server: Some(Arc::clone(&server.name)), ..call.clone() });
    let answer = timeout_at(call.deadline.at(), answer(endpoint, &call)).await;
    let result = answer.map_err(|_| Fault::deadline(&endpoint.facts.id))??;
    match json::check(&result) {
        Ok(()) => Ok(result),
        Err(fault) => {
            Err(bad_reply(server, &format!("the result of {} is not good JSON: {fault}", call.method.as_str())))
        }
    }
}

/// A reply that is not what it should be.
pub(crate) fn bad_reply(server: &Known, inside: &str) -> Fault {
    let name = &server.name;
    let outside = format!("Server `{name}` did not answer as an MCP server does");
    Fault::new(Side::Server, FaultKind::BadReply, outside, format!("{name}: {inside}"))
}

async fn answer(endpoint: &Endpoint, call: &Arc<Call>) -> Result<Bytes, Fault> {
    let mut events = match endpoint.upstream.open(call).await? {
        Exchange::Ended(response) => return result_of(endpoint, call, &response),
        Exchange::Composed(result) => return Ok(result),
        Exchange::Open(events) => events,
    };
    while let Some(event) = events.next().await {
        if let Event::End(response) = event? {
            return result_of(endpoint, call, &response);
        }
    }
    Err(refused(endpoint, format!("{} ended without a response", call.method.as_str())))
}

fn result_of(endpoint: &Endpoint, call: &Call, response: &Response) -> Result<Bytes, Fault> {
    response.result().ok_or_else(|| {
        let error = response.error().and_then(|error| ErrorObject::parse(&error).ok());
        let words =
            error.map_or_else(|| "an error".to_owned(), |error| format!("error {} {}", error.code, error.message));
        refused(endpoint, format!("{} was answered with {words}", call.method.as_str()))
    })
}

fn refused(endpoint: &Endpoint, inside: String) -> Fault {
    let Endpoint { facts, .. } = endpoint;
    let outside = format!("Server `{}` does not say what it offers", facts.server);
    Fault::new(Side::Server, FaultKind::BadReply, outside, format!("{}: {inside}", facts.id))
}

fn no_endpoint(server: &Known) -> Fault {
    let outside = "No endpoint of the server can take the call";
    Fault::new(Side::House, FaultKind::Unreachable, outside, format!("server {} has no endpoint", server.name))
}
