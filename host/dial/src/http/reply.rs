//! What a server answers over HTTP: one message, a stream of events, or a status that says why not.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use cardea_chain::{Event, Fault, Side};
use cardea_message::{ErrorObject, Message, Request, Response, error};
use futures_util::stream::BoxStream;
use futures_util::{FutureExt, Stream, StreamExt, TryStreamExt, stream};
use http::StatusCode;
use http::header::{CONTENT_TYPE, LOCATION};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming as Body;
use sse_stream::{Sse, SseByteStream};
use tokio::time::{sleep, timeout};

use crate::asks::{self, OpenAsks};
use crate::blame::Blame;
use crate::http::cancel::Cancellation;
use crate::http::client::{HttpClient, chain};
use crate::http::resume::{self, Reopened, Resume};
use crate::wire::{Failure, FailureKind, Headers, Incoming, answers};

/// How the response to one request is read.
pub(crate) struct Reading<'c> {
    pub(crate) client: &'c Arc<HttpClient>,
    pub(crate) id: u64,
    /// The headers with which asks of the server are answered; none if it may not ask.
    pub(crate) answers: Option<Headers>,
    /// Whether the request named a session.
    pub(crate) in_session: bool,
}

impl Reading<'_> {
    /// Reads the response, up to its end or its first event.
    pub(crate) async fn reply(
        self,
        response: http::Response<Body>,
        mut cancellation: Cancellation,
    ) -> Result<Incoming, Failure> {
        let status = response.status();
        if is_event_stream(&response) {
            let blame = self.client.blame.clone();
            let events = self.events(response.into_body(), cancellation);
            return Incoming::settled(events, &blame).await.map_err(|fault| FailureKind::Other.with(fault));
        }
        let redirected = response.headers().get(LOCATION).cloned();
        let body = self.whole(response.into_body()).await;
        cancellation.disarm();
        if status.is_success() {
            return self.message(&body?).map_err(|fault| FailureKind::Other.with(fault));
        }
        let blame = &self.client.blame;
        Err(match status.as_u16() {
            300..=399 => {
                let to = redirected.as_ref().map_or("nowhere", |to| to.to_str().unwrap_or("somewhere"));
                FailureKind::Other.with(blame.bad_reply(format!("HTTP {status} to {to}; redirects are not followed")))
            }
            401 | 407 => FailureKind::Other.with(blame.refused_us(format!("HTTP {status}"))),
            408 => FailureKind::Other.with(blame.unreachable("HTTP 408")),
            429 => FailureKind::Other.with(blame.overloaded(Side::Server, "HTTP 429")),
            400..=499 => return self.refused(status, &body?),
            _ => FailureKind::Other.with(blame.unreachable(format!("HTTP {status}"))),
        })
    }

    /// A 4xx with a JSON-RPC body is an answer like any other.
    fn refused(&self, status: StatusCode, body: &Bytes) -> Result<Incoming, Failure> {
        let blame = &self.client.blame;
        // Where nothing can be posted, whatever the body says, there is no streamable HTTP.
        if status == StatusCode::METHOD_NOT_ALLOWED {
            return Err(FailureKind::Rejected.with(blame.bad_reply(format!("HTTP {status}"))));
        }
        let message = self.message(body);
        if self.in_session && is_session_unknown(status, body, message.as_ref().ok()) {
            return Err(FailureKind::SessionUnknown.with(blame.bad_reply(format!("session unknown, HTTP {status}"))));
        }
        message.map_err(|_| match status {
            StatusCode::FORBIDDEN => FailureKind::Other.with(blame.refused_us(format!("HTTP {status}"))),
            _ => FailureKind::Rejected.with(blame.bad_reply(format!("HTTP {status} without a JSON-RPC body"))),
        })
    }

    async fn whole(&self, body: Body) -> Result<Bytes, Failure> {
        let limit = self.client.max_message_bytes();
        let blame = &self.client.blame;
        match Limited::new(body, limit).collect().await {
            Ok(collected) => Ok(collected.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => Err(FailureKind::Other.with(blame.too_large(limit))),
            Err(error) => {
                Err(FailureKind::Gone.with(blame.unreachable(format!("the reply broke off: {}", chain(&*error)))))
            }
        }
    }

    fn message(&self, body: &Bytes) -> Result<Incoming, Fault> {
        let blame = &self.client.blame;
        match Message::parse_reply(body.clone()) {
            Ok(Message::Response(response)) if answers(&response, self.id, true) => Ok(Incoming::Ended(response)),
            Ok(Message::Response(_)) => Err(blame.bad_reply("the reply has another request's id")),
            Ok(_) => Err(blame.bad_reply("the reply is not a response")),
            Err(fault) => Err(blame.bad_reply(format!("the reply is no message: {fault}"))),
        }
    }

    /// The events of a body, up to the end of the request.
    pub(crate) fn events(self, body: Body, cancellation: Cancellation) -> BoxStream<'static, Result<Event, Fault>> {
        let limit = self.client.max_message_bytes();
        let used = Arc::new(AtomicUsize::new(0));
        let reader = Reader {
            events: SseByteStream::new(metered(body, limit, Arc::clone(&used)).boxed()),
            client: Arc::clone(self.client),
            id: self.id,
            answers: self.answers,
            asks: OpenAsks::default(),
            used,
            limit,
            cancellation,
            resume: Resume::default(),
        };
        stream::unfold(Some(reader), |reader| async {
            let mut reader = reader?;
            let event = reader.next().await;
            let goes_on = matches!(event, Some(Ok(Event::Notification(_) | Event::Ask(_))));
            if !goes_on {
                // The end, or nothing to wait for any more: either way there is nothing left to cancel.
                reader.cancellation.disarm();
                reader.linger();
                return event.map(|event| (event, None));
            }
            event.map(|event| (event, Some(reader)))
        })
        .boxed()
    }
}

/// How long a stream may stay open after its last word before its connection is given up.
const LINGER: Duration = Duration::from_secs(1);

/// Attempts in a row to resume a stream that may come to nothing.
const ATTEMPTS: u32 = 5;

/// The events of one response.
struct Reader {
    events: SseByteStream<BoxStream<'static, io::Result<Bytes>>>,
    client: Arc<HttpClient>,
    id: u64,
    answers: Option<Headers>,
    asks: OpenAsks,
    /// Bytes that came since the last event.
    used: Arc<AtomicUsize>,
    limit: usize,
    cancellation: Cancellation,
    resume: Resume,
}

impl Reader {
    async fn next(&mut self) -> Option<Result<Event, Fault>> {
        loop {
            let event = self.events.next().await;
            let over = self.used.swap(0, Ordering::Relaxed) > self.limit;
            match event {
                Some(Ok(event)) => {
                    self.resume.note(&event);
                    if let Some(read) = self.read(event).transpose() {
                        return Some(read);
                    }
                }
                Some(Err(_)) if over => return Some(Err(self.blame().too_large(self.limit))),
                broken => {
                    if self.resumed().await {
                        continue;
                    }
                    let error = broken?.err()?;
                    return Some(Err(self.blame().unreachable(format!("the stream broke off: {}", chain(&error)))));
                }
            }
        }
    }

    /// Takes a legacy server's stream up again behind its last event. The deadline of the call bounds how often. False if
    /// there is no such event, or the server does not know it any more.
    async fn resumed(&mut self) -> bool {
        let Some(session) = self.answers.clone() else { return false };
        while let Some(last) = self.resume.last().cloned()
            && self.resume.vain() < ATTEMPTS
        {
            sleep(self.resume.attempt()).await;
            match resume::reopen(&self.client, &session, Some(last)).await {
                Reopened::Events(body) => {
                    tracing::debug!(server = %self.blame().server(), "a stream that ended before its answer is resumed");
                    self.events = SseByteStream::new(metered(body, self.limit, Arc::clone(&self.used)).boxed());
                    return true;
                }
                Reopened::Later(why) => tracing::debug!(server = %self.blame().server(), "not resumed yet: {why}"),
                Reopened::Never(status) => {
                    tracing::debug!(server = %self.blame().server(), %status, "a stream cannot be resumed");
                    return false;
                }
            }
        }
        false
    }

    /// Waits for the end of the stream behind the end of the call, so that the connection can serve another one.
    fn linger(mut self) {
        if self.events.next().now_or_never().is_none() {
            tokio::spawn(async move { timeout(LINGER, self.events.next()).await.is_ok() });
        }
    }

    /// One event; none if it says nothing about the call.
    fn read(&mut self, event: Sse) -> Result<Option<Event>, Fault> {
        let Some(data) = event.data.filter(|data| !data.is_empty()) else { return Ok(None) };
        if event.event.as_deref().is_some_and(|name| !name.is_empty() && name != "message") {
            return Ok(None);
        }
        if data.len() > self.limit {
            return Err(self.blame().too_large(self.limit));
        }
        match Message::parse_reply(Bytes::from(data)) {
            Ok(Message::Response(response)) => Ok(self.end(response)),
            // Who may not ask has no ask to take back: what it cancels is a subscription.
            Ok(Message::Notification(notification)) if self.answers.is_none() => {
                Ok(Some(Event::Notification(notification)))
            }
            Ok(Message::Notification(notification)) => Ok(self.asks.pass(notification).map(Event::Notification)),
            Ok(Message::Request(request)) => Ok(self.asked(&request)),
            Err(fault) => Err(self.blame().bad_reply(format!("an event is no message: {fault}"))),
        }
    }

    fn end(&self, response: Response) -> Option<Event> {
        if answers(&response, self.id, true) {
            return Some(Event::End(response));
        }
        tracing::debug!(server = %self.blame().server(), "a response to another request is passed over");
        None
    }

    fn asked(&mut self, request: &Request) -> Option<Event> {
        let headers = self.answers.clone()?;
        let client = Arc::clone(&self.client);
        if !request.method.is_ask() {
            drop(client.aside(http::Method::POST, headers, asks::answer(request)));
            return None;
        }
        self.asks.open(request, |answer| async move { client.answer(headers, answer).await }).map(Event::Ask)
    }

    fn blame(&self) -> &Blame {
        &self.client.blame
    }
}

/// The data of a body, cut off when more than `limit` bytes come without an event. The decoder itself has no bound.
pub(crate) fn metered(body: Body, limit: usize, used: Arc<AtomicUsize>) -> impl Stream<Item = io::Result<Bytes>> {
    body.into_data_stream().map_err(io::Error::other).and_then(move |chunk| {
        let before = used.fetch_add(chunk.len(), Ordering::Relaxed);
        std::future::ready(if before > limit {
            Err(io::Error::other("more bytes than an event may have"))
        } else {
            Ok(chunk)
        })
    })
}

/// 404, or 400 with words about a session, as some servers have it.
fn is_session_unknown(status: StatusCode, body: &[u8], message: Option<&Incoming>) -> bool {
    let error = match message {
        Some(Incoming::Ended(response)) => response.error().and_then(|error| ErrorObject::parse(&error).ok()),
        _ => None,
    };
    match (status, error) {
        (StatusCode::NOT_FOUND, Some(error)) => !OF_THE_CALL.contains(&error.code),
        (StatusCode::NOT_FOUND, None) => true,
        (StatusCode::BAD_REQUEST, Some(error)) => names_session(error.message.as_bytes()),
        (StatusCode::BAD_REQUEST, None) => names_session(body),
        _ => false,
    }
}

/// Codes that some servers send with 404 and that have nothing to do with a session.
const OF_THE_CALL: [i64; 3] = [error::METHOD_NOT_FOUND, error::INVALID_PARAMS, error::RESOURCE_NOT_FOUND_LEGACY];

fn names_session(words: &[u8]) -> bool {
    words.to_ascii_lowercase().windows(7).any(|window| window == b"session")
}

/// Whether a response tells events.
pub(crate) fn is_event_stream(response: &http::Response<Body>) -> bool {
    response.status().is_success() && has_type(response, "text/event-stream")
}

fn has_type(response: &http::Response<Body>, wanted: &str) -> bool {
    let given = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    given.split(';').next().is_some_and(|given| given.trim().eq_ignore_ascii_case(wanted))
}
