//! Batches, which 2025-03-26 requires and every other version forbids.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use cardea_message::{Message, Method, ParseFault, Version, compose, error, json};
use futures_util::future::join_all;
use http::StatusCode;

use crate::body::Share;
use crate::front::Front;
use crate::legacy::{self, Taken};
use crate::limits::MAX_BATCH;
use crate::respond::{self, Answered, Rejection};
use crate::session::Session;
use crate::visit::Visit;

/// Answers a batch with a batch.
pub(crate) async fn answer(
    front: &Front,
    visit: &Visit,
    session: &Arc<Session>,
    text: &Bytes,
    share: &Arc<Share>,
) -> Result<Answered, Box<Rejection>> {
    Ok(match begin(front, visit, session, text, share)?.await {
        Some(answer) => respond::json(StatusCode::OK, vec![answer]),
        None => respond::empty(StatusCode::ACCEPTED),
    })
}

/// Takes a batch. Its answer lists what was asked in the order it was asked in, whichever call ends first; there is none if
/// nothing was asked.
pub(crate) fn begin(
    front: &Front,
    visit: &Visit,
    session: &Arc<Session>,
    text: &Bytes,
    share: &Arc<Share>,
) -> Result<impl Future<Output = Option<Bytes>> + Send + 'static, Box<Rejection>> {
    if session.facts.version != Version::V2025_03_26 {
        return Err(refused(ParseFault::Batch.message()));
    }
    let spans = json::elements(text).unwrap_or_default();
    if spans.is_empty() || spans.len() > MAX_BATCH {
        return Err(refused(format!("Invalid request: a batch has 1 to {MAX_BATCH} messages")));
    }
    // All are taken before the first is waited for: that is what runs them side by side.
    let taken: Vec<_> = spans.into_iter().map(|span| element(front, visit, session, text.slice(span), share)).collect();
    Ok(async move {
        let answers: Vec<Bytes> = join_all(taken.into_iter().map(finished)).await.into_iter().flatten().collect();
        (!answers.is_empty()).then(|| array(&answers))
    })
}

/// An element that cannot be taken is answered in its place; the others go on.
fn element(front: &Front, visit: &Visit, session: &Arc<Session>, text: Bytes, share: &Arc<Share>) -> Taken {
    let message = match Message::parse(text) {
        Ok(message) => message,
        Err(fault) => {
            let error = cardea_message::ErrorObject::new(fault.code(), fault.message());
            return Taken::Answered(compose::error(fault.id(), &error));
        }
    };
    let id = match &message {
        Message::Request(request) => Some(request.id.clone()),
        Message::Notification(_) | Message::Response(_) => None,
    };
    let taken = match &message {
        Message::Request(request) if request.method == Method::INITIALIZE => {
            Err(refused("Invalid request: `initialize` must not be part of a batch"))
        }
        _ => legacy::take(front, visit, session, message, share),
    };
    taken.unwrap_or_else(|rejection| Taken::Answered(compose::error(id.as_ref(), &rejection.into_error())))
}

async fn finished(taken: Taken) -> Option<Bytes> {
    match taken {
        Taken::Silent => None,
        Taken::Answered(message) => Some(message),
        Taken::Begun(walking) => {
            // An array has no place for notifications.
            drop(walking.notes);
            let (reply, asked) = (walking.end.await?, walking.asked);
            Some(reply.into_message(&asked.id, &asked.method, asked.name.as_deref()).concat().into())
        }
    }
}

fn array(messages: &[Bytes]) -> Bytes {
    let mut array = BytesMut::with_capacity(messages.iter().map(|message| message.len() + 1).sum::<usize>() + 2);
    for (position, message) in messages.iter().enumerate() {
        array.extend_from_slice(if position == 0 { b"[" } else { b"," });
        array.extend_from_slice(message);
    }
    array.extend_from_slice(b"]");
    array.freeze()
}

fn refused(message: impl Into<String>) -> Box<Rejection> {
    Rejection::new(StatusCode::BAD_REQUEST, error::INVALID_REQUEST, message)
}
