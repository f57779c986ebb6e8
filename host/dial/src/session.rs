//! A connection after the first words were said: one session with a legacy server, or the connection to a modern one.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use bytes::Bytes;
use cardea_chain::{Ask, Call, Event, Exchange, Fault, Listener};
use cardea_message::{Era, Id, Message, Method, Response, compose, meta};
use futures_util::{StreamExt, stream};
use http::{HeaderName, HeaderValue};
use tokio::sync::{Mutex, OwnedSemaphorePermit};

use crate::audience::Audience;
use crate::blame::Blame;
use crate::follower::{Follower, subscribes};
use crate::greeting::Greeting;
use crate::introduction::Introduction;
use crate::parked::{self, Lot, Parked};
use crate::wire::{Connection, Failure, FailureKind, Headers, Incoming, Outgoing, Said};
use crate::{listened, mirror, rounds, subscription, translate};

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
    /// Where calls wait that the server asks something in the middle of.
    pub(crate) lot: Weak<Lot<C>>,
    /// Whether it is open beyond one call.
    pub(crate) shared: bool,
    /// What a legacy server was told that it may ask.
    pub(crate) introduced: Introduction,
    /// Whether a call was made on it since [`was_used`](Self::was_used) was last asked.
    used: AtomicBool,
    /// The log level the server was last told.
    level: Mutex<Option<Box<str>>>,
    /// The one client this session is for, if it can be told things outside calls.
    follower: OnceLock<Follower>,
    /// Who hears what a legacy server says outside calls.
    pub(crate) audience: Arc<Audience>,
    /// Held by whoever subscribes or unsubscribes for one who listens.
    pub(crate) subscribing: Mutex<()>,
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
        Self {
            line,
            greeting: Arc::new(greeting),
            room: None,
            lot: Weak::new(),
            shared: true,
            introduced: Introduction::nobody(),
            used: AtomicBool::new(true),
            level: Mutex::default(),
            follower: OnceLock::new(),
            audience: Arc::default(),
            subscribing: Mutex::default(),
            trace_in_meta,
            blame: blame.clone(),
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.line.connection.is_open()
    }

    /// Whether a call was made on it since this was last asked, or its client waits for what is said outside calls.
    pub(crate) fn was_used(&self) -> bool {
        self.used.swap(false, Ordering::Relaxed)
            || self.audience.has_ears()
            || self.follower.get().is_some_and(|follower| !follower.subscriptions.is_empty())
    }

    /// Makes one client the follower of this session, and subscribes to what that client subscribed to in an earlier one.
    pub(crate) async fn follow(&self, follower: Follower) {
        let (listener, subscriptions) = (Arc::clone(&follower.listener), Arc::clone(&follower.subscriptions));
        if self.follower.set(follower).is_err() {
            return;
        }
        self.audience.admit(&listener);
        self.line.connection.follow(&(Arc::<Audience>::clone(&self.audience) as Arc<dyn Listener>));
        if self.greeting.with_changes.is_some() {
            drop(self.line.connection.listen());
        }
        for uri in subscriptions.all() {
            self.line.connection.listen().await;
            let params = serde_json::json!({ "uri": uri }).to_string();
            let asked =
                self.line.request(Method::RESOURCES_SUBSCRIBE, Some(params.as_bytes()), Headers::new(), &self.blame);
            if !asked.await.is_ok_and(|answer| answer.error().is_none()) {
                tracing::warn!(server = %self.blame.server(), uri, "a subscription is not taken again in a new session");
                subscriptions.lost(&uri);
            }
        }
    }

    /// Whether it has a follower.
    pub(crate) fn is_followed(&self) -> bool {
        self.follower.get().is_some()
    }

    /// Makes a call. The exchange keeps the session open.
    pub(crate) async fn call(self: &Arc<Self>, call: &Arc<Call>) -> Result<Exchange, Failure> {
        self.used.store(true, Ordering::Relaxed);
        if self.greeting.era == Era::Legacy && translate::is_listen(call) && self.shared {
            return Ok(listened::open(self, call).await);
        }
        if !translate::is_bridged(call, self.greeting.era) {
            return Err(FailureKind::Other.with(Fault::unknown_method(&call.method)));
        }
        if subscribes(&call.method) {
            if self.follower.get().is_none() {
                return Err(FailureKind::Other.with(Fault::unknown_method(&call.method)));
            }
            self.line.connection.listen().await;
        }
        self.tell_level(call).await?;
        match self.send(call).await? {
            (id, first) if self.may_ask_in_rounds(call, &first) => Ok(rounds::follow(self, call, id, first)),
            (_, Incoming::Ended(response)) => {
                self.note_subscription(call, &response);
                let translated = translate::response(response, call, &self.greeting, &self.blame);
                translated.map(Exchange::Ended).map_err(|fault| FailureKind::Other.with(fault))
            }
            (id, Incoming::Open(events)) => Ok(self.hear(events, id, call)),
        }
    }

    /// Sends a call, and says under which id.
    pub(crate) async fn send(&self, call: &Call) -> Result<(u64, Incoming), Failure> {
        let id = self.line.next_id();
        let params = translate::params(call, self.greeting.era, id, self.trace_in_meta);
        let request = Outgoing {
            id,
            method: call.method.clone(),
            headers: self.headers(call, params.as_deref()),
            body: compose::request(&Id::number(id), call.method.as_str(), params.as_deref()),
        };
        Ok((id, self.line.connection.ask(request).await?))
    }

    /// What a call under way hears of its server. Where the server asks and the client cannot be asked in between, the call
    /// is parked.
    pub(crate) fn hear(self: &Arc<Self>, events: Said, id: u64, call: &Arc<Call>) -> Exchange {
        let hearing = Some((Arc::clone(self), Arc::clone(call), events));
        Exchange::Open(
            stream::unfold(hearing, move |hearing| async move {
                let (session, call, mut events) = hearing?;
                loop {
                    let event = events.next().await?;
                    match session.event(event, id, &call) {
                        None => {}
                        Some(Ok(Event::Ask(ask))) if call.client.version.era() == Era::Modern => {
                            return Some((session.park(id, events, ask, call), None));
                        }
                        Some(event) => return Some((event, Some((session, call, events)))),
                    }
                }
            })
            .boxed(),
        )
    }

    /// What the server says, as the client hears it; none for what it does not hear.
    pub(crate) fn event(&self, event: Result<Event, Fault>, id: u64, call: &Call) -> Option<Result<Event, Fault>> {
        match event {
            Ok(Event::Notification(notification)) if call.method == Method::SUBSCRIPTIONS_LISTEN => {
                self.audience.note(&notification);
                subscription::event(notification, id).map(Ok)
            }
            Ok(Event::Notification(notification)) if translate::is_of_session(&notification.method) => {
                self.audience.hear(&notification);
                None
            }
            Ok(Event::Notification(notification)) => {
                translate::notification(notification, id, &call.client).map(Event::Notification).map(Ok)
            }
            Ok(Event::Ask(ask)) => self.may_ask(&ask, call).then_some(Ok(Event::Ask(ask))),
            Ok(Event::End(response)) => {
                self.note_subscription(call, &response);
                Some(translate::response(response, call, &self.greeting, &self.blame).map(Event::End))
            }
            Err(fault) => Some(Err(fault)),
        }
    }

    fn note_subscription(&self, call: &Call, response: &Response) {
        if let (Some(follower), Some(uri), None) = (self.follower.get(), &call.native_name, response.error())
            && subscribes(&call.method)
        {
            follower.subscriptions.taken(&call.method, uri);
        }
    }

    /// `_meta` of a result the house makes in the server's name.
    pub(crate) fn server_meta(&self) -> Option<Bytes> {
        let info = self.greeting.server_info.as_ref()?;
        Some([format!(r#"{{"{}":"#, meta::SERVER_INFO).as_bytes(), info, b"}"].concat().into())
    }

    pub(crate) fn blame(&self) -> &Blame {
        &self.blame
    }

    /// Whether the server was told that it may ask this, and the client of this very call says so too.
    fn may_ask(&self, ask: &Ask, call: &Call) -> bool {
        let era_has_it = call.client.version.era() == Era::Legacy || parked::may_ask(&call.method);
        era_has_it && self.introduced.allows(ask) && Introduction::of(&call.client).allows(ask)
    }

    /// Whether a modern server may ask a legacy client before it is done. What it answers at once is looked at first.
    fn may_ask_in_rounds(&self, call: &Call, first: &Incoming) -> bool {
        self.greeting.era == Era::Modern
            && call.client.session.is_some()
            && !Introduction::of(&call.client).is_nobody()
            && match first {
                Incoming::Ended(response) => rounds::is_question(response),
                Incoming::Open(_) => true,
            }
    }

    fn park(self: Arc<Self>, id: u64, events: Said, ask: Ask, call: Arc<Call>) -> Result<Event, Fault> {
        let lot = self.lot.upgrade().ok_or_else(|| self.blame.internal("a session without a place to park calls"))?;
        let blame = self.blame.clone();
        let question = lot.park(Parked { session: self, id, events, ask, call })?;
        match Message::parse_reply(compose::result(&Id::number(id), &question)) {
            Ok(Message::Response(response)) => Ok(Event::End(response)),
            _ => Err(blame.internal("a question is no result")),
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
