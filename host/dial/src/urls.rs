//! "URL elicitation required": the error of 2025-11-25 with which a server wants its user to visit URLs before the call is made
//! again. 2026-07-28 has a result for it.

use bytes::Bytes;
use cardea_chain::{Ask, Call};
use cardea_message::{ErrorObject, Method, Pointer, json, meta};
use serde_json::{Map, Value, json};

use crate::introduction::Introduction;
use crate::parked::may_ask;

/// The error's code.
const REQUIRED: i64 = -32042;
const ANSWERS: &str = "inputResponses";

/// The `input_required` result that stands for the error. None if it is another error, or the client cannot be asked that. It
/// has no state: the call that is made again is as good as new to the server.
pub(crate) fn question(error: &Bytes, call: &Call, server_info: Option<&Bytes>) -> Option<Bytes> {
    let error = ErrorObject::parse(error).ok().filter(|error| error.code == REQUIRED && may_ask(&call.method))?;
    let data: Value = serde_json::from_str(error.data?.get()).ok()?;
    let may = Introduction::of(&call.client);
    let mut requests = Map::new();
    for mut params in data.get("elicitations")?.as_array()?.iter().cloned() {
        let wanted = params.as_object_mut()?;
        // Versions after 2025-11-25 tell the end of an elicitation in another way, without an id.
        wanted.remove("elicitationId");
        wanted.entry("mode").or_insert("url".into());
        let (ask, _) = Ask::new(Method::ELICITATION_CREATE, Some(params.to_string().into()));
        if !may.allows(&ask) {
            return None;
        }
        let request = json!({ "method": Method::ELICITATION_CREATE.as_str(), "params": params });
        requests.insert(format!("elicitation-{}", ask.id), request);
    }
    if requests.is_empty() {
        return None;
    }
    let mut result = json!({ "resultType": "input_required", "inputRequests": requests });
    if let Some(info) = server_info.and_then(|info| serde_json::from_slice::<Value>(info).ok()) {
        result["_meta"] = json!({ meta::SERVER_INFO: info });
    }
    Some(result.to_string().into())
}

/// `params` without the answers to such a question, which its server does not know.
pub(crate) fn unanswered(params: Bytes) -> Bytes {
    match json::member(&params, ANSWERS) {
        Some(_) => json::remove(&params, &Pointer::root().child(ANSWERS)).map_or(params, Bytes::from),
        None => params,
    }
}
