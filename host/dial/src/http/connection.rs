//! Requests to a server behind a URL; after `initialize`, as one session with it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use cardea_chain::{Fault, Listener};
use cardea_message::{Method, Version};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::{HeaderName, HeaderValue};

use crate::http::cancel::Cancellation;
use crate::http::client::HttpClient;
use crate::http::listening::{Listening, beside};
use crate::http::reply::Reading;
use crate::parked::may_ask;
use crate::wire::{Connection, Failure, Headers, Incoming, Outgoing};

const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");

/// Requests to one URL.
pub(crate) struct HttpConnection {
    client: Arc<HttpClient>,
    /// As the response to `initialize` gave it.
    session: Arc<OnceLock<HeaderValue>>,
    /// As `initialize` settled it: set in the legacy era only.
    version: OnceLock<Version>,
    /// Set where the server may ask the client something, or tell it something outside calls.
    listening: OnceLock<Listening>,
    closed: AtomicBool,
    /// Who takes what the server says outside calls.
    listener: Arc<OnceLock<Arc<dyn Listener>>>,
}

impl HttpConnection {
    pub(crate) fn new(client: &Arc<HttpClient>) -> Self {
        Self {
            client: Arc::clone(client),
            session: Arc::default(),
            version: OnceLock::new(),
            listening: OnceLock::new(),
            closed: AtomicBool::new(false),
            listener: Arc::default(),
        }
    }

    async fn send(&self, request: Outgoing) -> Result<Incoming, Failure> {
        let listening = self.listening.get().filter(|_| may_ask(&request.method));
        let asks = listening.and_then(|listening| listening.join(request.id));
        let (client, session) = (Arc::clone(&self.client), Arc::clone(&self.session));
        let exchange = exchange(client, session, self.session_headers(), self.version.get().is_some(), request);
        match asks {
            Some(asks) => beside(exchange.boxed(), asks).await,
            None => exchange.await,
        }
    }

    fn session_headers(&self) -> Headers {
        let mut headers = of_version(self.version.get());
        if let Some(session) = self.session.get() {
            headers.push((SESSION_ID, session.clone()));
        }
        headers
    }
}

/// The headers that every request of a session has for its version. Older versions do not know them.
pub(crate) fn of_version(version: Option<&Version>) -> Headers {
    let known = version.filter(|version| **version >= Version::V2025_06_18);
    known.map(|version| (PROTOCOL_VERSION, HeaderValue::from_static(version.as_str()))).into_iter().collect()
}

/// Sends a request and reads its reply, up to its end or its first event.
async fn exchange(
    client: Arc<HttpClient>,
    session: Arc<OnceLock<HeaderValue>>,
    mut headers: Headers,
    legacy: bool,
    request: Outgoing,
) -> Result<Incoming, Failure> {
    let answers = legacy.then(|| headers.clone());
    let mut cancellation = match legacy {
        true => Cancellation::of(&client, headers.clone(), request.id),
        false => Cancellation::none(),
    };
    headers.extend(request.headers);
    let response = match client.post(headers, request.body).await {
        Ok(response) => response,
        Err(failure) => {
            cancellation.disarm();
            return Err(failure);
        }
    };
    if request.method == Method::INITIALIZE
        && let Some(given) = response.headers().get(&SESSION_ID)
    {
        session.get_or_init(|| given.clone());
    }
    let reading = Reading { client: &client, id: request.id, answers, in_session: session.get().is_some() };
    reading.reply(response, cancellation).await
}

impl Connection for HttpConnection {
    fn ask(&self, request: Outgoing) -> BoxFuture<'_, Result<Incoming, Failure>> {
        self.send(request).boxed()
    }

    fn tell(&self, notification: Bytes) -> BoxFuture<'_, Result<(), Fault>> {
        async move {
            let response =
                self.client.post(self.session_headers(), notification).await.map_err(|failure| failure.fault)?;
            if response.status().is_success() {
                return Ok(());
            }
            Err(self.client.blame.bad_reply(format!("a notification was answered with HTTP {}", response.status())))
        }
        .boxed()
    }

    fn settle(&self, version: Version) {
        self.version.get_or_init(|| version);
    }

    fn follow(&self, listener: &Arc<dyn Listener>) {
        self.listener.get_or_init(|| Arc::clone(listener));
    }

    fn listen(&self) -> BoxFuture<'_, ()> {
        let begin = || Listening::begin(&self.client, self.session_headers(), &self.listener);
        self.listening.get_or_init(begin).answered().boxed()
    }

    fn is_open(&self) -> bool {
        !self.closed.load(Ordering::Relaxed)
    }

    fn close(&self) -> BoxFuture<'static, ()> {
        let first = !self.closed.swap(true, Ordering::Relaxed);
        if let Some(listening) = self.listening.get() {
            listening.stop();
        }
        let ended = (first && self.session.get().is_some())
            .then(|| self.client.aside(http::Method::DELETE, self.session_headers(), Bytes::new()))
            .flatten();
        async move {
            if let Some(task) = ended {
                // The server may refuse to end a session; it is over for us all the same.
                let _ = task.await;
            }
        }
        .boxed()
    }
}

impl Drop for HttpConnection {
    fn drop(&mut self) {
        drop(self.close());
    }
}
