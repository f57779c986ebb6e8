//! The HTTP client of one server: TLS, the headers of every request, no redirects.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, Uri, uri::Scheme};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::HttpSpec;
use crate::blame::Blame;
use crate::wire::{Failure, FailureKind, Headers};

/// TLS could not be set up: the machine has no root certificates, mostly.
#[derive(Debug)]
pub struct HttpClientFault(rustls::Error);

impl std::fmt::Display for HttpClientFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TLS towards servers cannot be set up: {}; are root certificates installed?", self.0)
    }
}

impl Error for HttpClientFault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

/// Sends requests to one URL.
pub(crate) struct HttpClient {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    spec: HttpSpec,
    pub(crate) blame: Blame,
    /// Bounds the messages nobody waits for: cancellations, ends of sessions, answers to pings.
    asides: Arc<Semaphore>,
}

/// How long a connection may be silent before the system looks whether its peer is there.
const KEEP_ALIVE: Duration = Duration::from_secs(60);
/// Messages nobody waits for that may be under way at once, and how long each may take.
const ASIDES: usize = 64;
const ASIDE_TIMEOUT: Duration = Duration::from_secs(5);

impl HttpClient {
    pub(crate) fn new(spec: HttpSpec, blame: Blame) -> Result<Self, HttpClientFault> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(spec.connect_timeout));
        // A subscription may be silent for hours, and a peer that lost its power says nothing at its end.
        tcp.set_keepalive(Some(KEEP_ALIVE));
        tcp.set_keepalive_interval(Some(KEEP_ALIVE / 4));
        tcp.set_keepalive_retries(Some(4));
        let tls = tls(spec.url.scheme() == Some(&Scheme::HTTPS)).map_err(HttpClientFault)?;
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .enable_http2()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(60))
            .timer(TokioTimer::new())
            .http2_keep_alive_interval(Duration::from_secs(30))
            .build(connector);
        Ok(Self { client, spec, blame, asides: Arc::new(Semaphore::new(ASIDES)) })
    }

    /// The same server at another URL of it, over the same connections.
    pub(crate) fn at(&self, url: Uri) -> Self {
        let spec = HttpSpec { url, ..self.spec.clone() };
        Self { client: self.client.clone(), spec, blame: self.blame.clone(), asides: Arc::clone(&self.asides) }
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> &Uri {
        &self.spec.url
    }

    /// How long the first exchange of messages may take.
    pub(crate) fn start_timeout(&self) -> Duration {
        self.spec.start_timeout
    }

    /// The largest message taken from the server.
    pub(crate) fn max_message_bytes(&self) -> usize {
        self.spec.max_message_bytes
    }

    /// Sends a message, and yields the head of the response.
    pub(crate) async fn post(&self, headers: Headers, body: Bytes) -> Result<Response<Incoming>, Failure> {
        self.send(Method::POST, headers, body).await.map_err(|error| self.gone(&error))
    }

    fn gone(&self, error: &dyn Error) -> Failure {
        FailureKind::Gone.with(self.blame.unreachable(format!("{}: {}", self.spec.url, chain(error))))
    }

    /// Asks for a stream of events, and yields the head of the response.
    pub(crate) async fn get(&self, mut headers: Headers) -> Result<Response<Incoming>, Failure> {
        headers.push((ACCEPT, HeaderValue::from_static("text/event-stream")));
        self.send(Method::GET, headers, Bytes::new()).await.map_err(|error| self.gone(&error))
    }

    /// Sends a request nobody waits for, unless too many are under way already. The task ends when it is answered.
    pub(crate) fn aside(
        self: &Arc<Self>,
        method: Method,
        headers: Headers,
        body: Bytes,
    ) -> Option<tokio::task::JoinHandle<()>> {
        // Without a runtime the process is ending, and the server will find out by itself.
        let runtime = tokio::runtime::Handle::try_current().ok()?;
        let Ok(permit) = Arc::clone(&self.asides).try_acquire_owned() else {
            tracing::debug!(server = %self.blame.server(), "too many messages under way, one is left out");
            return None;
        };
        let client = Arc::clone(self);
        Some(runtime.spawn(async move {
            let sent = timeout(ASIDE_TIMEOUT, client.send(method, headers, body)).await;
            if !matches!(sent, Ok(Ok(_))) {
                tracing::debug!(server = %client.blame.server(), "a message nobody waits for was not taken");
            }
            drop(permit);
        }))
    }

    /// Sends the answer to an ask. Unlike an [`aside`](Self::aside) it is never left out: a call waits for it.
    pub(crate) async fn answer(&self, headers: Headers, body: Bytes) {
        match timeout(ASIDE_TIMEOUT, self.send(Method::POST, headers, body)).await {
            Ok(Ok(response)) if response.status().is_success() => {}
            _ => tracing::warn!(server = %self.blame.server(), "the answer to what the server asked was not taken"),
        }
    }

    async fn send(
        &self,
        method: Method,
        headers: Headers,
        body: Bytes,
    ) -> Result<Response<Incoming>, hyper_util::client::legacy::Error> {
        let has_body = !body.is_empty();
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = self.spec.url.clone();
        let all = request.headers_mut();
        // Room for these and the two that hyper adds, so that the map does not grow while it is filled.
        all.reserve(self.spec.headers.len() + headers.len() + 4);
        all.extend(self.spec.headers.iter().map(|(name, value)| (name.clone(), value.clone())));
        if has_body {
            all.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        all.insert(ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
        for (name, value) in headers {
            all.insert(name, value);
        }
        self.client.request(request).await
    }
}

fn tls(wanted: bool) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    // Without https there is nothing to verify, and a machine without root certificates is no error.
    let builder =
        if wanted { builder.with_platform_verifier()? } else { builder.with_root_certificates(RootCertStore::empty()) };
    Ok(builder.with_no_client_auth())
}

/// An error with what caused it.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
