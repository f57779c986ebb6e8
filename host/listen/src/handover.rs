//! Handing an exchange over to the replica that keeps what it is about: a session, or a call that waits for its answer.
//!
//! The exchange goes whole to the other's listener and is judged there as if it had come there: its chain runs once, where its
//! session is. What shows that a replica sends it is a sealed ticket; with that it is never handed on.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cardea_chain::CallId;
use cardea_message::{Id, error, json};
use cardea_seal::{Binding, Purpose, Replica, Ticket, now_ms};
use http::header::{
    CONNECTION, HOST, HeaderMap, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, VARY,
};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::front::{Came, Front, Posted};
use crate::ids;
use crate::legacy;
use crate::outgoing::{Outgoing, Passing};
use crate::respond::{Answered, Rejection};
use crate::session::SESSION_ID;
use crate::visit::Visit;

/// Header with the ticket of an exchange that is handed over.
const HANDOVER: HeaderName = HeaderName::from_static("cardea-handover");
/// Headers that are about one connection only.
const OF_A_CONNECTION: [HeaderName; 8] =
    [CONNECTION, HOST, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION];
/// How long a replica may take to accept a connection, and be silent before the system looks whether it is there.
const CONNECT: Duration = Duration::from_secs(1);
const KEEP_ALIVE: Duration = Duration::from_secs(60);
/// How long a ticket is good for: clocks differ.
const FRESH_MS: u64 = 60_000;

type Sent = Either<Incoming, Full<Bytes>>;

/// The way to the other replicas.
#[derive(Clone)]
pub struct Link {
    client: Client<HttpsConnector<HttpConnector>, Sent>,
}

/// An exchange as it is handed over.
struct Handover<'a> {
    method: Method,
    target: &'a str,
    headers: HeaderMap,
    body: Sent,
    /// The name under which the client addressed the gateway.
    authority: &'a Authority,
    id: &'a CallId,
    /// How long the owner may take to begin its answer.
    patience: Duration,
    /// Told when the answer has to end, if it may have no end of its own.
    until: Option<CancellationToken>,
}

/// What an exchange is about, as far as a lost owner has to be told of it.
#[derive(Clone, Copy)]
enum About<'a> {
    /// A session.
    Session,
    /// A call that is made again.
    Call(Option<&'a Id>),
}

impl Link {
    /// A link to replicas whose certificates lead to one of these roots; without any, to replicas that speak without TLS.
    pub fn new(roots: Option<&[u8]>) -> Result<Self, String> {
        let mut store = RootCertStore::empty();
        for root in roots.into_iter().flat_map(CertificateDer::pem_slice_iter) {
            let root = root.map_err(|error| format!("a certificate cannot be read: {error}"))?;
            store.add(root).map_err(|error| format!("a certificate is none of an authority: {error}"))?;
        }
        if roots.is_some() && store.is_empty() {
            return Err("it holds no certificate".to_owned());
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(store)
            .with_no_client_auth();
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT));
        // A replica that lost its power says nothing at the end of a stream.
        tcp.set_keepalive(Some(KEEP_ALIVE));
        tcp.set_keepalive_interval(Some(KEEP_ALIVE / 4));
        tcp.set_keepalive_retries(Some(4));
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector);
        Ok(Self { client })
    }

    /// Hands an exchange over to the owner of a ticket and passes on what it answers, as it comes.
    async fn pass(
        &self,
        replica: &Replica,
        ticket: &Ticket,
        handover: Handover<'_>,
        about: About<'_>,
    ) -> Result<Answered, Box<Rejection>> {
        let (id, until, patience) = (handover.id.clone(), handover.until.clone(), handover.patience);
        let request = handover.into_request(replica, &ticket.owner).ok_or_else(|| gone(about))?;
        let answered = timeout(patience, self.client.request(request)).await.map_err(|_| {
            tracing::warn!(call = %id, owner = ticket.owner, "the replica that keeps this does not answer");
            Rejection::overloaded("The gateway that keeps this does not answer; try again")
        })?;
        let answered = answered.map_err(|error| {
            tracing::warn!(call = %id, owner = ticket.owner, "the replica that keeps this cannot be asked: {error}");
            gone(about)
        })?;
        let (mut head, body) = answered.into_parts();
        OF_A_CONNECTION.iter().for_each(|name| drop(head.headers.remove(name)));
        // Said again by whoever answers the client.
        head.headers.remove(VARY);
        let mut response = Response::new(Outgoing::Passed(Passing::new(body, until)));
        (*response.status_mut(), *response.headers_mut()) = (head.status, head.headers);
        Ok(response)
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Link")
    }
}

impl Handover<'_> {
    fn into_request(self, replica: &Replica, owner: &str) -> Option<Request<Sent>> {
        let binding = binding(&self.method, self.target, &self.headers);
        let ticket = replica.ticket(self.authority.as_str(), binding, now_ms() + FRESH_MS);
        let ticket = HeaderValue::from_str(&replica.seal(Purpose::Handover, &ticket)).ok()?;
        let mut request = Request::builder().method(self.method).version(Version::HTTP_11);
        request = request.uri(format!("{owner}{}", self.target));
        let headers = request.headers_mut()?;
        *headers = self.headers;
        OF_A_CONNECTION.iter().for_each(|name| drop(headers.remove(name)));
        headers.insert(HANDOVER, ticket);
        headers.insert(ids::REQUEST_ID, HeaderValue::from_str(self.id.as_str()).ok()?);
        request.body(self.body).ok()
    }
}

impl Front {
    /// The owner of the session an exchange belongs to, if that is another replica and nobody handed the exchange over.
    pub(crate) fn session_elsewhere(&self, head: &Parts, is_handed: bool) -> Option<(&Link, Ticket)> {
        let link = self.settings.link.as_ref().filter(|_| !is_handed)?;
        Some((link, session_elsewhere(&head.headers, &self.settings.replica)?))
    }

    pub(crate) async fn pass_session(
        &self,
        link: &Link,
        ticket: &Ticket,
        head: Parts,
        body: Incoming,
        came: &Came<'_>,
    ) -> Result<Answered, Box<Rejection>> {
        let target = target(&head).to_owned();
        let Parts { method, headers, .. } = head;
        // A stream that has no end of its own must not hold up the end of this replica.
        let until = (method == Method::GET).then(|| self.closing.clone());
        let (body, authority) = (Either::Left(body), &came.authority);
        let handover = Handover {
            method,
            target: &target,
            headers,
            body,
            authority,
            id: came.id,
            patience: self.patience(),
            until,
        };
        link.pass(&self.settings.replica, ticket, handover, About::Session).await
    }

    /// Every answer has begun by then: what lasts longer shows a sign of life.
    fn patience(&self) -> Duration {
        self.settings.limits.body_timeout + self.settings.limits.keep_alive * 2
    }

    /// The answer to a call that is made again, of the replica at which it waits; none if that is this one.
    pub(crate) async fn pass_call(
        &self,
        visit: &Visit,
        posted: &Posted,
        authority: &Authority,
    ) -> Option<Result<Answered, Box<Rejection>>> {
        let link = self.settings.link.as_ref()?;
        let ticket = call_elsewhere(posted, &self.settings.replica)?;
        let handover = Handover {
            method: Method::POST,
            target: &visit.endpoint,
            headers: HeaderMap::clone(&visit.headers),
            body: Either::Right(Full::new(posted.text.clone())),
            authority,
            id: &visit.id,
            patience: self.patience(),
            until: None,
        };
        let about = About::Call(posted.request_id());
        Some(link.pass(&self.settings.replica, &ticket, handover, about).await)
    }
}

/// The name under which the client addressed the replica that handed this exchange over; none if it comes from a client.
pub(crate) fn received(head: &Parts, replica: &Replica) -> Result<Option<Authority>, Box<Rejection>> {
    let Some(sealed) = head.headers.get(HANDOVER) else { return Ok(None) };
    let refused = || Rejection::invalid(StatusCode::FORBIDDEN, "Only another replica may hand an exchange over");
    let ticket = sealed.to_str().ok().and_then(|sealed| replica.open(Purpose::Handover, sealed).ok());
    let good = ticket.filter(|ticket| ticket.bound_to == binding(&head.method, target(head), &head.headers));
    good.and_then(|ticket| ticket.place.parse().ok()).map(Some).ok_or_else(refused)
}

/// The ticket of a session that another replica keeps.
fn session_elsewhere(headers: &HeaderMap, replica: &Replica) -> Option<Ticket> {
    replica.elsewhere(Purpose::Session, headers.get(SESSION_ID)?.to_str().ok()?)
}

/// The ticket of a call that waits at another replica.
fn call_elsewhere(posted: &Posted, replica: &Replica) -> Option<Ticket> {
    let params = posted.params()?;
    let state = json::member_str(&params, "requestState")?;
    replica.elsewhere(Purpose::ParkedCall, &state)
}

/// The path of a request with its query.
fn target(head: &Parts) -> &str {
    head.uri.path_and_query().map_or("/", |target| target.as_str())
}

fn binding(method: &Method, target: &str, headers: &HeaderMap) -> Binding {
    let session = headers.get(SESSION_ID).map_or(&b""[..], HeaderValue::as_bytes);
    Binding::to(&[method.as_str().as_bytes(), target.as_bytes(), session])
}

fn gone(about: About<'_>) -> Box<Rejection> {
    match about {
        About::Session => legacy::unknown_session(),
        About::Call(id) => {
            let message = "The gateway at which this call waits for its answer is gone; make the call again without `requestState`";
            Rejection::new(StatusCode::OK, error::INVALID_PARAMS, message).about(id)
        }
    }
}
