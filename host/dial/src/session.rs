//! A connection after the first words were said: one session with a legacy server, or the connection to a modern one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use cardea_chain::{Call, Event, Exchange, Fault};
use cardea_message::{Era, Id, Method, Response, compose};
use futures_util::{StreamExt, future};
use http::{HeaderName, HeaderValue};
use tokio::sync::{Mutex, OwnedSemaphorePermit};

use crate::blame::Blame;
use crate::greeting::Greeting;
use crate::wire::{Connection, Failure, FailureKind, Headers, Incoming, Outgoing};
use crate::{listening, mirror, translate};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// A connection and the ids that were used on it.
pub(crate) struct Line<C> {
    pub(crate) connection: C,
    next_id: AtomicU64,
}

/// A connection on which calls can be made.
pub(crate) struct Session<C> {
    pub(crate) line: Arc<Line<C>>,
    pub(crate) greeting: Arc<Greeting>,
    /// Its share of what the manifest allows to be open.
    pub(crate) room: Option<OwnedSemaphorePermit>,
    /// Whether a call was made on it since [`was_used`](Self::was_used) was last asked.
    used: AtomicBool,
    /// The log level the server was last told.
    level: Mutex<Option<Box<str>>>,
    trace_in_meta: bool,
    blame: Blame,
}

impl<C: Connection> Line<C> {
    pub(crate) fn new(connection: C) -> Self {
        Self { connection, next_id: AtomicU64::new(1) }
    }

    fn next_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// A request of the gateway's own, to its end.
    pub(crate) async fn request(
        &self,
        method: Method,
        params: Option<&[u8]>,
        headers: Headers,
        blame: &Blame,
    ) -> Result<Response, Failure> {
        let id = self.next_id();
        let body = compose::request(&Id::number(id), method.as_str(), params);
        let incoming = self.connection.ask(Outgoing { id, method, body, headers }).await?;
        incoming.end(blame).await.map_err(|fault| FailureKind::Gone.with(fault))
    }
}

impl<C: Connection> Session<C> {
    pub(crate) fn new(line: Arc<Line<C>>, greeting: Greeting, trace_in_meta: bool, blame: &Blame) -> Self {
        let (greeting, blame, level) = (Arc::new(greeting), blame.clone(), Mutex::default());
        Self { line, greeting, room: None, used: AtomicBool::new(true), level, trace_in_meta, blame }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.line.connection.is_open()
    }

    /// Whether a call was made on it since this was last asked.
    pub(crate) fn was_used(&self) -> bool {
        self.used.swap(false, Ordering::Relaxed)
    }

    /// Makes a call. The exchange keeps the session open.
    pub(crate) async fn call(self: &Arc<Self>, call: &Arc<Call>) -> Result<Exchange, Failure> {
        self.used.store(true, Ordering::Relaxed);
        if !translate::is_bridged(call, self.greeting.era) {
            return Err(FailureKind::Other.with(Fault::unknown_method(&call.method)));
        }
        self.tell_level(call).await?;
        let id = self.line.next_id();
        let params = translate::params(call, self.greeting.era, id, self.trace_in_meta);
        let request = Outgoing {
            id,
            method: call.method.clone(),
            headers: self.headers(call, params.as_deref()),
            body: compose::request(&Id::number(id), call.method.as_str(), params.as_deref()),
        };
        match self.line.connection.ask(request).await? {
            Incoming::Ended(response) => {
                let translated = translate::response(response, call, &self.greeting, &self.blame);
                translated.map(Exchange::Ended).map_err(|fault| FailureKind::Other.with(fault))
            }
            Incoming::Open(events) => {
                let (session, call) = (Arc::clone(self), Arc::clone(call));
                Ok(Exchange::Open(
                    events.filter_map(move |event| future::ready(session.event(event, id, &call))).boxed(),
                ))
            }
        }
    }

    fn event(&self, event: Result<Event, Fault>, id: u64, call: &Call) -> Option<Result<Event, Fault>> {
        match event {
            Ok(Event::Notification(notification)) if call.method == Method::SUBSCRIPTIONS_LISTEN => {
                listening::event(notification, id).map(Ok)
            }
            Ok(Event::Notification(notification)) => {
                translate::notification(notification, id, &call.client).map(Event::Notification).map(Ok)
            }
            Ok(Event::End(response)) => {
                Some(translate::response(response, call, &self.greeting, &self.blame).map(Event::End))
            }
            Err(fault) => Some(Err(fault)),
        }
    }

    fn headers(&self, call: &Call, params: Option<&[u8]>) -> Headers {
        let mut headers = Headers::new();
        if self.greeting.era == Era::Modern {
            headers = mirror::headers(&call.method, params);
            mirror::add_arguments(&mut headers, call, params);
        }
        if let Some(trace) = call.traceparent.as_deref().and_then(|trace| HeaderValue::from_str(trace).ok()) {
            headers.push((TRACEPARENT, trace));
        }
        headers
    }

    /// Tells a legacy server the level the client wants, if it takes one and was last told another.
    async fn tell_level(&self, call: &Call) -> Result<(), Failure> {
        let Some(wanted) = call.client.log_level.as_ref().filter(|_| self.greeting.logs) else { return Ok(()) };
        if self.greeting.era == Era::Modern {
            return Ok(());
        }
        let mut told = self.level.lock().await;
        if told.as_ref() == Some(wanted) {
            return Ok(());
        }
        let params: Bytes = serde_json::json!({ "level": wanted }).to_string().into();
        let asked = self.line.request(Method::LOGGING_SET_LEVEL, Some(&params), Headers::new(), &self.blame);
        let answer = asked.await?;
        if let Some(error) = answer.error() {
            tracing::debug!(server = %self.blame.server(), "log level not taken: {}", String::from_utf8_lossy(&error));
        }
        *told = Some(wanted.clone());
        Ok(())
    }
}
