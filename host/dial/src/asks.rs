//! What a server asks in the middle of a call, and what the gateway answers in its clients' place.

use bytes::Bytes;
use cardea_message::{ErrorObject, Method, Request, compose, error};

/// The answer to a server's request: only `ping` leads anywhere. Sampling, roots and elicitation are never promised to a
/// server, so one that asks all the same hears what it would hear from a client without them.
pub(crate) fn answer(request: &Request) -> Bytes {
    if request.method == Method::PING {
        return compose::result(&request.id, b"{}");
    }
    let words = format!("{} is not available through this gateway", request.method.as_str());
    compose::error(Some(&request.id), &ErrorObject::new(error::METHOD_NOT_FOUND, words))
}
