//! Event streams to legacy clients: of a call, of the session itself, and either of them taken up again after a break.

use std::sync::Arc;
use std::time::Duration;

use cardea_message::Version;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::{HeaderName, HeaderValue, StatusCode};
use tokio::time::sleep;

use crate::front::Front;
use crate::reader::Reader;
use crate::replay::{Key, Position, Streams};
use crate::respond::{self, Answered, Rejection};
use crate::session::Session;
use crate::visit::Visit;
use crate::walking::{First, Walking};
use crate::{connection, gate, legacy};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The response to a call: JSON if it ends before anything else is said, else a stream that outlives its connection.
pub(crate) async fn of_call(
    front: &Front,
    session: &Session,
    mut walking: Walking,
) -> Result<Answered, Box<Rejection>> {
    let limits = &front.settings.limits;
    // A client that knows what a priming event is gets it before long: what it has no id of it cannot take up again.
    let primed = is_primed(session);
    let first = walking.first(if primed { limits.prime_after } else { limits.keep_alive }).await;
    let mut note = None;
    let mut silent = false;
    match first {
        First::End(Some(reply)) if walking.notes.is_empty() => return Ok(respond::reply(reply, &walking.asked)),
        First::End(Some(reply)) => walking.end = std::future::ready(Some(reply)).boxed(),
        // Cancelled: there is nothing to come back for.
        First::End(None) => {
            walking.end = std::future::ready(None).boxed();
            return Ok(respond::events(walking.into_events(limits)));
        }
        First::Note(notification) => note = Some(notification),
        First::Silence => silent = true,
    }
    let key = session.streams.open();
    let reader = Reader::new(&session.streams, Position { key, next: 0 }, limits.keep_alive);
    let reader = reader.ok_or_else(legacy::unknown_session)?;
    if let Some(notification) = note {
        session.streams.say(key, vec![notification.bytes().clone()]);
    }
    front.walks.spawn(relay(Arc::clone(&session.streams), key, walking));
    Ok(respond::events(match (primed, silent) {
        (true, _) => reader.begin_primed(limits.retry),
        (false, true) => reader.begin_with_beat(),
        (false, false) => reader,
    }))
}

/// The response to a GET: a stream that broke, from the event on that the client names, or else the session's own.
pub(crate) fn of_session(front: &Front, visit: &Visit, session: &Session) -> Result<Answered, Box<Rejection>> {
    gate::wants_events(&visit.headers)?;
    let limits = &front.settings.limits;
    let own = session.streams.own();
    let (position, is_new) = match visit.headers.get(LAST_EVENT_ID) {
        Some(id) => (last_event(id)?, false),
        None => (session.streams.unread(own).ok_or_else(has_reader)?, true),
    };
    let mut reader = Reader::new(&session.streams, position, limits.keep_alive).ok_or_else(unknown_event)?;
    if position.key == own {
        reader = reader.until(turn(front, visit, limits.max_age));
    }
    // What says nothing yet has to show that it is there: some clients wait for the first byte.
    Ok(respond::events(if is_new && is_primed(session) {
        reader.begin_primed(limits.retry)
    } else {
        reader.begin_with_beat()
    }))
}

/// Priming events and `retry` came with 2025-11-25; ids of events are older.
fn is_primed(session: &Session) -> bool {
    session.facts.version >= Version::V2025_11_25
}

/// Brings what a call says to its stream, whether anybody reads it or not.
async fn relay(streams: Arc<Streams>, key: Key, walking: Walking) {
    let Walking { asked, mut notes, mut end } = walking;
    let last = loop {
        streams.room(key).await;
        tokio::select! {
            biased;
            Some(notification) = notes.recv() => streams.say(key, vec![notification.bytes().clone()]),
            reply = &mut end => break reply,
        }
    };
    while let Ok(notification) = notes.try_recv() {
        streams.say(key, vec![notification.bytes().clone()]);
    }
    if let Some(reply) = last {
        streams.say(key, reply.into_message(&asked.id, &asked.method, asked.name.as_deref()));
    }
    streams.finish(key);
}

/// A session's own stream has no end of its own, and must not hold up the one of its connection. It ends with the generation
/// that let its client in: the client comes back for what it has not read, and is judged anew.
fn turn(front: &Front, visit: &Visit, age: Duration) -> BoxFuture<'static, ()> {
    let (closing, age) = (front.closing.clone(), connection::with_jitter(age));
    let retired = visit.generation.retired.clone();
    async move {
        tokio::select! {
            () = closing.cancelled() => {}
            () = retired.cancelled() => {}
            () = sleep(age) => {}
        }
    }
    .boxed()
}

fn last_event(id: &HeaderValue) -> Result<Position, Box<Rejection>> {
    id.to_str().ok().and_then(Position::parse).ok_or_else(unknown_event)
}

/// Not 404: that would tell the client that its session is gone.
fn unknown_event() -> Box<Rejection> {
    let message = "`Last-Event-ID` names no event of this session that can still be resumed from";
    Rejection::invalid(StatusCode::BAD_REQUEST, message)
}

fn has_reader() -> Box<Rejection> {
    Rejection::invalid(StatusCode::CONFLICT, "This session's stream is open already; a session has one")
}
