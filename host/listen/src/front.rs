//! The order of the rooms for one HTTP exchange, and what all exchanges of a listener share.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use bytes::Bytes;
use cardea_chain::{CallId, Client, Credential, Directory};
use cardea_message::{Envelope, EnvelopeFault, Message, Meta, Method, ParseFault, Version, error};
use http::header::{CONNECTION, ORIGIN};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, Uri};
use http_body::Body;
use hyper::body::Incoming;
use tokio::sync::Semaphore;
use tokio::time::interval;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::activity::Exchange;
use crate::body::{self, Budget, Share};
use crate::era::{self, Path};
use crate::gate::{self, Gate};
use crate::http_sse::Conversations;
use crate::outgoing::Tracked;
use crate::paths::{self, Road};
use crate::respond::{Answered, Rejection};
use crate::session::{SESSION_ID, Session, Sessions};
use crate::visit::Visit;
use crate::walking::Holds;
use crate::{Generation, Settings, handover, http_sse, ids, legacy, modern, resource};

/// Header that names the protocol version of a message.
pub(crate) const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");

/// What all exchanges of a listener share.
pub(crate) struct Front {
    pub(crate) settings: Settings,
    pub(crate) sessions: Sessions,
    /// Clients of HTTP+SSE.
    pub(crate) conversations: Conversations,
    /// Walks of legacy calls, which outlive their connection.
    pub(crate) walks: TaskTracker,
    /// Told when the listener stops: what has no end of its own ends now.
    pub(crate) closing: CancellationToken,
    /// Told when what still runs has to end now.
    pub(crate) cut: CancellationToken,
    gate: Gate,
    generation: Arc<ArcSwap<Generation>>,
    calls: Arc<Semaphore>,
    buffered: Arc<Budget>,
}

/// A request body that has been read.
pub(crate) struct Posted {
    pub(crate) message: Result<Message, ParseFault>,
    /// `_meta` of the message.
    pub(crate) meta: Meta,
    /// What it says.
    pub(crate) envelope: Result<Envelope, EnvelopeFault>,
    pub(crate) text: Bytes,
    pub(crate) share: Arc<Share>,
}

/// How an exchange came in.
pub(crate) struct Came<'a> {
    /// The name under which the client addressed the gateway.
    pub(crate) authority: Authority,
    /// Whether another replica handed it over.
    pub(crate) is_handed: bool,
    /// Whether its body would be taken for the next request if nobody reads it.
    unread: bool,
    /// Id of the exchange.
    pub(crate) id: &'a CallId,
    /// Told when its connection is asked to go.
    leaving: &'a CancellationToken,
}

/// An exchange that has come in.
enum Received {
    Post(Visit, Box<Posted>),
    Get(Visit),
    Delete(Visit),
    /// Opens the stream of HTTP+SSE.
    Open(Visit),
    /// A message beside that stream.
    Message(Visit, Uri, Box<Posted>),
}

impl Front {
    pub(crate) fn new(settings: Settings, address: SocketAddr, generation: Arc<ArcSwap<Generation>>) -> Arc<Self> {
        Arc::new(Self {
            sessions: Sessions::new(&settings.limits),
            conversations: Conversations::default(),
            walks: TaskTracker::new(),
            closing: CancellationToken::new(),
            cut: CancellationToken::new(),
            gate: Gate::new(&settings, address),
            generation,
            calls: Arc::new(Semaphore::new(settings.limits.max_calls)),
            buffered: Budget::new(settings.limits.max_buffered),
            settings,
        })
    }

    /// What a door shares that nobody reaches over a network.
    pub(crate) fn inside(settings: Settings, generation: Arc<ArcSwap<Generation>>) -> Arc<Self> {
        Self::new(settings, SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), generation)
    }

    /// What serves now.
    pub(crate) fn generation(&self) -> Arc<Generation> {
        self.generation.load_full()
    }

    /// Reads a message that is in memory already.
    pub(crate) fn posted(&self, text: Bytes) -> Result<Posted, Box<Rejection>> {
        let share = self.buffered.share_of(text.len())?;
        Ok(Posted::read(text, share))
    }

    /// Answers one HTTP exchange.
    pub(crate) async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        exchange: Exchange,
    ) -> Result<Response<Tracked>, Infallible> {
        let (head, body) = request.into_parts();
        let id = ids::call_id(&head.headers);
        let origin = head.headers.get(ORIGIN).cloned();
        // A body that nobody read must not be taken for the next request. HTTP/2 frames it, HTTP/1 needs a new connection.
        let unread = head.version < http::Version::HTTP_2 && !body.is_end_stream();
        let path = head.uri.path().to_owned();
        let about = resource::asked(&path);
        let handed = handover::received(&head, &self.settings.replica);
        let is_handed = matches!(handed, Ok(Some(_)));
        // Who handed it over has judged its host and origin.
        let admitted = handed.and_then(|authority| match (authority, about) {
            (Some(authority), _) => Ok(authority),
            (None, Some(_)) => self.gate.admit_any_page(&head, exchange.framed_once),
            (None, None) => self.gate.admit(&head, exchange.framed_once),
        });
        let allowed_origin = origin.filter(|_| admitted.is_ok());
        let mut response = match admitted {
            Ok(authority) => match gate::preflight(&head) {
                Some(preflight) => preflight,
                None if let Some(path) = about => self.describe(&head.method, path, &authority),
                None => {
                    let came = Came { authority, is_handed, unread, id: &id, leaving: exchange.leaving() };
                    self.admitted(head, body, came).await
                }
            },
            Err(rejection) => closing(told(rejection, &id), unread),
        };
        self.gate.dress(&mut response, allowed_origin);
        if let Ok(id) = HeaderValue::from_str(id.as_str()) {
            response.headers_mut().insert(ids::REQUEST_ID, id);
        }
        Ok(response.map(|body| Tracked::new(body, exchange)))
    }

    /// A place among the calls under way.
    pub(crate) fn hold(&self, share: &Arc<Share>) -> Result<Holds, Box<Rejection>> {
        let place = Arc::clone(&self.calls).try_acquire_owned();
        let place = place.map_err(|_| Rejection::overloaded("Too many calls are under way; try again"))?;
        Ok(Holds { _place: place, _share: Arc::clone(share) })
    }

    /// Ends a session and tells the servers. False if it had ended before.
    pub(crate) fn end_session(&self, session: &Session) -> bool {
        let ended = self.sessions.end(session);
        if ended {
            self.tell_servers_of_the_end(session);
        }
        ended
    }

    /// Tells the servers of a session that it is over.
    pub(crate) fn tell_servers_of_the_end(&self, session: &Session) {
        if let Some(directory) = self.generation.load().endpoints.get(&*session.facts.endpoint) {
            directory.session_ended(&session.facts.id);
        }
    }

    /// Ends sessions nobody uses any more, until `shutdown`.
    pub(crate) async fn sweep(self: Arc<Self>, shutdown: CancellationToken) {
        let after = self.settings.limits.session_idle;
        let mut look = interval((after / 4).clamp(Duration::from_millis(10), Duration::from_secs(30)));
        loop {
            tokio::select! {
                _ = look.tick() => {
                    self.sessions.expire(self.settings.limits.replay_age);
                    for session in self.sessions.idle(after) {
                        self.end_session(&session);
                    }
                }
                () = shutdown.cancelled() => return,
            }
        }
    }

    /// What comes in is answered here, unless it belongs to a session of another replica.
    async fn admitted(self: &Arc<Self>, head: Parts, body: Incoming, came: Came<'_>) -> Answered {
        let refused = |rejection| closing(told(rejection, came.id), came.unread);
        if let Some((link, ticket)) = self.session_elsewhere(&head, came.is_handed) {
            return self.pass_session(link, &ticket, head, body, &came).await.unwrap_or_else(refused);
        }
        let path = head.uri.path().to_owned();
        let answered = match self.receive(head, body, &came.authority, came.id).await {
            Ok(received) => {
                let answered = self.dispatch(received, &came).await;
                answered.unwrap_or_else(|rejection| told(rejection, came.id))
            }
            Err(rejection) => refused(rejection),
        };
        self.pointing(answered, &path, &came.authority)
    }

    /// Path and method, then room 2, and only then the body.
    async fn receive(
        &self,
        head: Parts,
        body: Incoming,
        authority: &Authority,
        id: &CallId,
    ) -> Result<Received, Box<Rejection>> {
        let generation = self.generation.load_full();
        let Some((road, endpoint, directory)) = paths::find(&generation.endpoints, head.uri.path()) else {
            return Err(Rejection::invalid(StatusCode::NOT_FOUND, "No MCP endpoint is at this path"));
        };
        let wanted = served(&head, road)?;
        let target = head.uri.clone();
        let credential = Credential {
            uri: self.external_uri(head.uri.path(), authority),
            headers: head.headers,
            method: head.method,
            endpoint: Arc::clone(endpoint),
            peer: None,
        };
        let directory = Arc::clone(directory);
        let visit = self.authenticated(generation, directory, credential, id).await?;
        match wanted {
            Wanted::Get => return Ok(Received::Get(visit)),
            Wanted::Delete => return Ok(Received::Delete(visit)),
            Wanted::Open => return Ok(Received::Open(visit)),
            Wanted::Post | Wanted::Message => {}
        }
        let (text, share) = body::read(body, &self.settings.limits, &self.buffered).await?;
        let posted = Box::new(Posted::read(text, share));
        Ok(match wanted {
            Wanted::Message => Received::Message(visit, target, posted),
            _ => Received::Post(visit, posted),
        })
    }

    /// Room 2. A refusal is recorded as the call it would have been.
    async fn authenticated(
        &self,
        generation: Arc<Generation>,
        directory: Arc<dyn Directory>,
        credential: Credential,
        id: &CallId,
    ) -> Result<Visit, Box<Rejection>> {
        let received = SystemTime::now();
        let endpoint = Arc::clone(&credential.endpoint);
        let credential = Arc::new(credential);
        let admission = generation.chain.authenticate(&credential).await;
        // Nobody keeps a credential, so its headers are ours again without a copy.
        let headers = Arc::try_unwrap(credential).map_or_else(|kept| kept.headers.clone(), |owned| owned.headers);
        let (headers, id) = (Arc::new(headers), id.clone());
        let (outcome, admitted) = (admission.outcome, admission.steps);
        let visit = |subject| Visit { id, generation, endpoint, directory, headers, subject, admitted, received };
        match outcome {
            Ok(subject) => Ok(visit(subject)),
            Err(refusal) => {
                let mut visit = visit(Arc::default());
                let call = visit.bare(Method::parse(""), unknown_client(&visit), &self.settings.limits);
                let steps = std::mem::take(&mut visit.admitted);
                visit.generation.chain.record_refused(&Arc::new(call), steps, &refusal).await;
                Err(Rejection::refused(&refusal))
            }
        }
    }

    async fn dispatch(self: &Arc<Self>, received: Received, came: &Came<'_>) -> Result<Answered, Box<Rejection>> {
        let (visit, posted) = match received {
            Received::Post(visit, posted) => (visit, *posted),
            Received::Get(visit) => return legacy::listen(self, &visit),
            Received::Delete(visit) => return legacy::end(self, &visit),
            Received::Open(visit) => return http_sse::open(self, &visit),
            Received::Message(visit, target, posted) => return http_sse::post(self, visit, &target, *posted).await,
        };
        let header = visit.headers.get(PROTOCOL_VERSION).map(HeaderValue::as_bytes);
        let claimed = posted.envelope.as_ref().ok().and_then(|envelope| envelope.version.as_deref());
        match era::path(header, claimed) {
            Path::Modern => {
                if !came.is_handed
                    && let Some(passed) = self.pass_call(&visit, &posted, &came.authority).await
                {
                    return passed;
                }
                modern::answer(self, &visit, posted, came.leaving).await
            }
            Path::Legacy => legacy::answer(self, &visit, posted).await,
            Path::Mismatch => {
                let message = "The header `MCP-Protocol-Version` must name the version that `_meta` names";
                let rejection = Rejection::new(StatusCode::BAD_REQUEST, error::HEADER_MISMATCH, message);
                Err(rejection.about(posted.request_id()))
            }
        }
    }

    /// Answers who asks what is known of a path before there is a token. Behind a public URL with a path of its own, that path
    /// is part of what is asked about.
    fn describe(&self, method: &http::Method, path: &str, authority: &Authority) -> Answered {
        let public = self.settings.public_url.as_deref().and_then(|public| public.parse::<Uri>().ok());
        let prefix = public.as_ref().map_or("", |public| public.path().trim_end_matches('/'));
        let generation = self.generation.load();
        let found = path.strip_prefix(prefix).and_then(|endpoint| generation.resources.get_key_value(endpoint));
        let document = found.map(|(endpoint, resource)| resource.document(&self.external_uri(endpoint, authority)));
        resource::answer(method, document)
    }

    /// Puts into challenges where the endpoint's metadata is, if it has any.
    fn pointing(&self, mut response: Answered, path: &str, authority: &Authority) -> Answered {
        if matches!(response.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
            && self.generation.load().resources.contains_key(path)
        {
            let location = resource::location(&self.external_uri(path, authority));
            resource::point(response.headers_mut(), &location);
        }
        response
    }

    /// The URI under which the client knows the endpoint at a path.
    fn external_uri(&self, path: &str, authority: &Authority) -> String {
        match self.settings.public_url.as_deref() {
            Some(public) => format!("{}{path}", public.trim_end_matches('/')),
            None if self.settings.tls.is_some() => format!("https://{authority}{path}"),
            None => format!("http://{authority}{path}"),
        }
    }
}

impl Posted {
    fn read(text: Bytes, share: Share) -> Self {
        let message = Message::parse(text.clone());
        let params = match &message {
            Ok(Message::Request(request)) => request.params(),
            Ok(Message::Notification(notification)) => notification.params(),
            Ok(Message::Response(_)) | Err(_) => None,
        };
        let meta = Meta::of(params.as_ref());
        let envelope = Envelope::of(&meta);
        Self { message, meta, envelope, text, share: Arc::new(share) }
    }

    /// The params of the request, if it is one and has any.
    pub(crate) fn params(&self) -> Option<Bytes> {
        match &self.message {
            Ok(Message::Request(request)) => request.params(),
            _ => None,
        }
    }

    /// The id of the request, if it is one.
    pub(crate) fn request_id(&self) -> Option<&cardea_message::Id> {
        match &self.message {
            Ok(Message::Request(request)) => Some(&request.id),
            Ok(_) => None,
            Err(fault) => fault.id(),
        }
    }
}

/// What is served.
enum Wanted {
    /// A message, in a body we can read.
    Post,
    /// A stream of a session.
    Get,
    /// The end of a session.
    Delete,
    /// The stream of HTTP+SSE, and the session with it.
    Open,
    /// A message beside that stream.
    Message,
}

/// Sorts by method; whatever else HTTP knows is not served.
fn served(head: &Parts, road: Road) -> Result<Wanted, Box<Rejection>> {
    match (road, &head.method) {
        (Road::Streamable, _) => streamable(head),
        (Road::Events, &http::Method::GET) => Ok(Wanted::Open),
        (Road::Events, _) => Err(Rejection::method_not_allowed("GET")),
        (Road::Messages, &http::Method::POST) => gate::announces_json(&head.headers).map(|()| Wanted::Message),
        (Road::Messages, _) => Err(Rejection::method_not_allowed("POST")),
    }
}

fn streamable(head: &Parts) -> Result<Wanted, Box<Rejection>> {
    let in_session = head.headers.contains_key(SESSION_ID);
    let header = head.headers.get(PROTOCOL_VERSION).map(HeaderValue::as_bytes);
    match head.method {
        http::Method::POST => gate::negotiated(&head.headers).map(|()| Wanted::Post),
        http::Method::GET if in_session || (header.is_some() && era::path(header, None) == Path::Legacy) => {
            Ok(Wanted::Get)
        }
        http::Method::DELETE if in_session => Ok(Wanted::Delete),
        _ if in_session => Err(Rejection::method_not_allowed("GET, POST, DELETE")),
        _ => Err(Rejection::method_not_allowed("POST")),
    }
}

/// What is known of a client whose message was never read.
fn unknown_client(visit: &Visit) -> Client {
    let header = visit.headers.get(PROTOCOL_VERSION).and_then(|value| value.to_str().ok());
    Client {
        version: header.and_then(Version::parse).unwrap_or(Version::LATEST),
        capabilities: Bytes::from_static(b"{}"),
        info: None,
        log_level: None,
        progress_token: None,
        session: None,
    }
}

fn told(rejection: Box<Rejection>, id: &CallId) -> Answered {
    tracing::debug!(call = %id, "rejected: {rejection}");
    rejection.into_response()
}

fn closing(mut response: Answered, unread: bool) -> Answered {
    if unread {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
