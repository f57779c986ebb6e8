//! Messages of 2025-03-26 to 2025-11-25: a session first, and calls that outlive their connection.

use std::sync::Arc;

use bytes::Bytes;
use cardea_message::{
    Envelope, Era, ErrorObject, Id, Membership, Message, Meta, Method, Notification, ParseFault, Pointer, Request,
    compose, error, json,
};
use futures_util::FutureExt;
use http::StatusCode;
use tokio::sync::oneshot;

use crate::body::Share;
use crate::front::{Front, PROTOCOL_VERSION, Posted};
use crate::questions::Caller;
use crate::respond::{self, Answered, Asked, Rejection};
use crate::session::{SESSION_ID, Session};
use crate::visit::Visit;
use crate::walking::{self, Walking};
use crate::{batch, gate, initialize, streams, ticket};

/// Codes that the SDKs gave the two ways of having no session.
const NO_SESSION: i64 = -32000;
const UNKNOWN_SESSION: i64 = -32001;
/// RFC 5424, as `logging/setLevel` spells it.
const LEVELS: [&str; 8] = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];

/// What becomes of one message.
pub(crate) enum Taken {
    /// It wanted no answer.
    Silent,
    /// The answer is there, a whole message.
    Answered(Bytes),
    /// A call has begun.
    Begun(Walking),
}

/// Answers a body: one message, or a batch of a client that still may send one.
pub(crate) async fn answer(front: &Front, visit: &Visit, posted: Posted) -> Result<Answered, Box<Rejection>> {
    let id = posted.request_id().cloned();
    if gate::repeated(&visit.headers, &PROTOCOL_VERSION) {
        let message = "The header `MCP-Protocol-Version` must not be repeated";
        return Err(Rejection::invalid(StatusCode::BAD_REQUEST, message).about(id.as_ref()));
    }
    let message = match posted.message {
        Ok(Message::Request(request)) if request.method == Method::INITIALIZE => {
            return initialize::open(front, visit, &request, &posted.share).await;
        }
        Ok(message) => message,
        Err(ParseFault::Batch) => {
            return batch::answer(front, visit, &session(front, visit)?, &posted.text, &posted.share).await;
        }
        Err(fault) => {
            return Err(Rejection::new(StatusCode::BAD_REQUEST, fault.code(), fault.message()).about(id.as_ref()));
        }
    };
    let about = |rejection: Box<Rejection>| rejection.about(id.as_ref());
    let session = session(front, visit).map_err(about)?;
    match take(front, visit, &session, message, &posted.share).map_err(about)? {
        Taken::Silent => Ok(respond::empty(StatusCode::ACCEPTED)),
        Taken::Answered(message) => Ok(respond::json(StatusCode::OK, vec![message])),
        Taken::Begun(walking) => streams::of_call(front, &session, walking).await.map_err(about),
    }
}

/// Opens the stream of a GET.
pub(crate) fn listen(front: &Front, visit: &Visit) -> Result<Answered, Box<Rejection>> {
    streams::of_session(front, visit, &*session(front, visit)?)
}

/// Ends the session of a DELETE.
pub(crate) fn end(front: &Front, visit: &Visit) -> Result<Answered, Box<Rejection>> {
    let session = session(front, visit)?;
    if front.end_session(&session) { Ok(respond::empty(StatusCode::NO_CONTENT)) } else { Err(unknown_session()) }
}

/// Takes one message of a session.
pub(crate) fn take(
    front: &Front,
    visit: &Visit,
    session: &Arc<Session>,
    message: Message,
    share: &Arc<Share>,
) -> Result<Taken, Box<Rejection>> {
    let request = match message {
        Message::Request(request) => request,
        Message::Notification(notification) => {
            heard(visit, session, &notification);
            return Ok(Taken::Silent);
        }
        Message::Response(response) => {
            if !session.questions.answer(&response) {
                tracing::debug!(call = %visit.id, "an answer to nothing that is asked is passed over");
            }
            return Ok(Taken::Silent);
        }
    };
    if request.method == Method::PING {
        return Ok(Taken::Answered(compose::result(&request.id, b"{}")));
    }
    let outcome = if request.method == Method::LOGGING_SET_LEVEL {
        set_level(session, &request)
    } else if is_served(&request.method) {
        return begin(front, visit, session, request, share).map(Taken::Begun);
    } else {
        Err(unknown_method(&request.method))
    };
    Ok(Taken::Answered(match outcome {
        Ok(()) => compose::result(&request.id, b"{}"),
        Err(error) => compose::error(Some(&request.id), &error),
    }))
}

/// Begins a call in a task of its own: a legacy client that disconnects has not cancelled.
fn begin(
    front: &Front,
    visit: &Visit,
    session: &Arc<Session>,
    request: Request,
    share: &Arc<Share>,
) -> Result<Walking, Box<Rejection>> {
    let meta = Meta::of(request.params().as_ref());
    let envelope = Envelope::of(&meta)
        .map_err(|fault| Rejection::new(StatusCode::OK, error::INVALID_PARAMS, fault.to_string()))?;
    let running = session.run(&request.id).ok_or_else(|| {
        Rejection::invalid(StatusCode::BAD_REQUEST, "A request with this id is still running in this session")
    })?;
    let holds = front.hold(share)?;
    let client = session.client(envelope.progress_token);
    let call = visit.call(&request, &meta, client, &front.settings.limits);
    let asked = Asked { id: request.id, method: request.method, name: call.name.clone(), era: Era::Legacy };
    let caller = Caller { session: Arc::clone(session), call: asked.id.clone() };
    let (walk, notes) = walking::begin_asking(caller, visit, call, &asked, holds);
    let (sender, receiver) = oneshot::channel();
    let cut = front.cut.clone();
    front.walks.spawn(async move {
        let reply = tokio::select! {
            biased;
            () = running.cancelled.cancelled() => None,
            () = cut.cancelled() => None,
            reply = walk => Some(reply),
        };
        drop(running);
        // Whoever asked may be gone.
        let _ = sender.send(reply);
    });
    Ok(Walking { asked, notes, end: receiver.map(|sent| sent.ok().flatten()).boxed() })
}

fn session(front: &Front, visit: &Visit) -> Result<Arc<Session>, Box<Rejection>> {
    let Some(id) = visit.headers.get(SESSION_ID) else {
        let message = "The header `Mcp-Session-Id` is missing; `initialize` gives one";
        return Err(Rejection::new(StatusCode::BAD_REQUEST, NO_SESSION, message));
    };
    let found = ticket::session(id, visit, &front.settings.replica)
        .and_then(|id| front.sessions.find(&id, &visit.endpoint, &visit.subject.key()));
    found.ok_or_else(unknown_session)
}

fn heard(visit: &Visit, session: &Session, notification: &Notification) {
    if notification.method != Method::CANCELLED {
        return visit.directory.told(&session.facts.id, notification);
    }
    if let Some(id) = cancelled(notification) {
        session.cancel(&id);
    }
}

/// The id of the request that a notification cancels.
pub(crate) fn cancelled(notification: &Notification) -> Option<Id> {
    if notification.method != Method::CANCELLED {
        return None;
    }
    let params = notification.params().unwrap_or_default();
    json::find(&params, &Pointer::root().child("requestId")).and_then(|span| Id::parse(&params[span]).ok())
}

fn set_level(session: &Session, request: &Request) -> Result<(), ErrorObject> {
    if !session.facts.logging {
        return Err(unknown_method(&request.method));
    }
    let level = request.params().and_then(|params| json::find_str(&params, &Pointer::root().child("level")));
    match level.filter(|level| LEVELS.contains(&level.as_str())) {
        Some(level) => {
            session.set_log_level(&level);
            Ok(())
        }
        None => Err(ErrorObject::new(error::INVALID_PARAMS, format!("`level` must be one of {}", LEVELS.join(", ")))),
    }
}

/// Not what only modern clients may ask, and not what only servers may.
fn is_served(method: &Method) -> bool {
    method.membership(Era::Legacy) != Membership::Foreign && !method.is_ask()
}

fn unknown_method(method: &Method) -> ErrorObject {
    ErrorObject::new(error::METHOD_NOT_FOUND, format!("Method not found: {method}"))
}

pub(crate) fn too_many_sessions() -> Box<Rejection> {
    Rejection::overloaded("Too many sessions are open; try again later")
}

pub(crate) fn unknown_session() -> Box<Rejection> {
    Rejection::new(StatusCode::NOT_FOUND, UNKNOWN_SESSION, "Session not found; begin again with `initialize`")
}
