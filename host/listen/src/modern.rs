//! Messages of 2026-07-28: no session, every request says for itself what it needs.

use cardea_chain::Client;
use cardea_message::header::agree;
use cardea_message::{Envelope, Era, ErrorObject, Membership, Message, Method, Mirrored, Request, Version, error};
use futures_util::FutureExt;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::value::to_raw_value;
use tokio_util::sync::CancellationToken;

use crate::front::{Front, PROTOCOL_VERSION, Posted};
use crate::respond::{self, Answered, Asked, Rejection};
use crate::visit::Visit;
use crate::walking::{self, Walking};
use crate::{gate, listening, parameters};

const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");
/// What all headers that repeat parts of a body begin with.
const MIRRORED: &str = "mcp-";

/// Answers a message. The order of the checks is the specification's: an earlier error hides a later one.
/// `leaving` says that the connection wants to go, and ends what would otherwise go on.
pub(crate) async fn answer(
    front: &Front,
    visit: &Visit,
    posted: Posted,
    leaving: &CancellationToken,
) -> Result<Answered, Box<Rejection>> {
    let id = posted.request_id().cloned();
    let request = match posted.message {
        Ok(Message::Request(request)) => request,
        // None of 2026-07-28 goes to a server over HTTP: closing the stream is what cancels.
        Ok(Message::Notification(_)) => return Ok(respond::empty(StatusCode::ACCEPTED)),
        Ok(Message::Response(_)) => {
            return Err(Rejection::invalid(StatusCode::BAD_REQUEST, "No request of ours waits for this response"));
        }
        Err(fault) => {
            return Err(Rejection::new(StatusCode::BAD_REQUEST, fault.code(), fault.message()).about(id.as_ref()));
        }
    };
    let envelope = posted
        .envelope
        .map_err(|fault| Rejection::new(StatusCode::BAD_REQUEST, error::INVALID_PARAMS, fault.to_string()));
    let client = checked(&request, envelope, &visit.headers).map_err(|rejection| rejection.about(id.as_ref()))?;
    let call = visit.call(&request, &posted.meta, client, &front.settings.limits);
    let ready = parameters::agree(&call).and_then(|()| front.hold(&posted.share));
    let holds = ready.map_err(|rejection| rejection.about(id.as_ref()))?;
    let asked = Asked { id: request.id, method: request.method, name: call.name.clone(), era: Era::Modern };
    // Polled by whoever writes the response: when the client goes, so does the walk.
    let walking = if asked.method == Method::SUBSCRIPTIONS_LISTEN {
        let (walk, notes) = listening::begin(visit, call, &asked, holds, leaving.clone());
        Walking { asked, notes, end: walk.map(Some).boxed() }
    } else {
        let (walk, notes) = walking::begin(visit, call, &asked, holds);
        Walking { asked, notes, end: walk.map(Some).boxed() }
    };
    Ok(walking.into_response(&front.settings.limits).await)
}

fn checked(
    request: &Request,
    envelope: Result<Envelope, Box<Rejection>>,
    headers: &HeaderMap,
) -> Result<Client, Box<Rejection>> {
    if let Some(name) = headers.keys().find(|name| name.as_str().starts_with(MIRRORED) && gate::repeated(headers, name))
    {
        return Err(bad(error::HEADER_MISMATCH, format!("The header `{name}` must not be repeated")));
    }
    let envelope = complete(envelope?)?;
    agree(request, envelope.version.as_deref(), mirrored(headers))
        .map_err(|mismatch| bad(error::HEADER_MISMATCH, format!("Header mismatch: {mismatch}")))?;
    introduced(request, envelope)
}

/// An envelope that says everything it must.
pub(crate) fn complete(envelope: Envelope) -> Result<Envelope, Box<Rejection>> {
    let missing = envelope.missing();
    if missing.is_empty() {
        return Ok(envelope);
    }
    Err(bad(error::INVALID_PARAMS, format!("`params._meta` lacks {}", missing.join(", "))))
}

/// The client as a request introduces it, if the request is one of a version and a protocol spoken here.
pub(crate) fn introduced(request: &Request, envelope: Envelope) -> Result<Client, Box<Rejection>> {
    let version = version(&envelope)?;
    // What nobody knows may be an extension's; whether a server here takes it, its directory says.
    if request.method.membership(Era::Modern) == Membership::Foreign {
        let message = format!("Method not found: {}", request.method);
        return Err(Rejection::new(StatusCode::NOT_FOUND, error::METHOD_NOT_FOUND, message));
    }
    Ok(Client {
        version,
        capabilities: envelope.client_capabilities.unwrap_or_default(),
        info: envelope.client_info,
        log_level: envelope.log_level.map(Into::into),
        progress_token: envelope.progress_token,
        session: None,
    })
}

fn bad(code: i64, message: String) -> Box<Rejection> {
    Rejection::new(StatusCode::BAD_REQUEST, code, message)
}

fn mirrored(headers: &HeaderMap) -> Mirrored<'_> {
    let value = |name| headers.get(name).map(HeaderValue::as_bytes);
    Mirrored { version: value(PROTOCOL_VERSION), method: value(METHOD), name: value(NAME) }
}

fn version(envelope: &Envelope) -> Result<Version, Box<Rejection>> {
    let requested = envelope.version.as_deref().unwrap_or_default();
    let known = Version::parse(requested).filter(|version| version.era() == Era::Modern);
    known.ok_or_else(|| {
        let data = serde_json::json!({ "supported": [Version::LATEST.as_str()], "requested": requested });
        let error = ErrorObject {
            data: to_raw_value(&data).ok(),
            ..ErrorObject::new(error::UNSUPPORTED_VERSION, "Unsupported protocol version")
        };
        Rejection::of(StatusCode::BAD_REQUEST, error)
    })
}
