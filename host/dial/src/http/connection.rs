//! Requests to a server behind a URL; after `initialize`, as one session with it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use cardea_chain::{Fault, Listener};
use cardea_message::{Method, Version};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::{HeaderName, HeaderValue};

use crate::http::cancel::Cancellation;
use crate::http::client::HttpClient;
use crate::http::listening::Listening;
use crate::http::reply::Reading;
use crate::wire::{Connection, Failure, Headers, Incoming, Outgoing};

const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");
const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");

/// Requests to one URL.
pub(crate) struct HttpConnection {
    client: Arc<HttpClient>,
    /// As the response to `initialize` gave it.
    session: OnceLock<HeaderValue>,
    /// As `initialize` settled it: set in the legacy era only.
    version: OnceLock<Version>,
    closed: AtomicBool,
    listening: Mutex<Option<Arc<Listening>>>,
}

impl HttpConnection {
    pub(crate) fn new(client: &Arc<HttpClient>) -> Self {
        Self {
            client: Arc::clone(client),
            session: OnceLock::new(),
            version: OnceLock::new(),
            closed: AtomicBool::new(false),
            listening: Mutex::default(),
        }
    }

    async fn send(&self, request: Outgoing) -> Result<Incoming, Failure> {
        let mut headers = self.session_headers();
        let mut cancellation = match self.version.get() {
            Some(_) => Cancellation::of(&self.client, headers.clone(), request.id),
            None => Cancellation::none(),
        };
        let answers = self.version.get().map(|_| headers.clone());
        headers.extend(request.headers);
        let response = match self.client.post(headers, request.body).await {
            Ok(response) => response,
            Err(failure) => {
                cancellation.disarm();
                return Err(failure);
            }
        };
        if request.method == Method::INITIALIZE
            && let Some(session) = response.headers().get(&SESSION_ID)
        {
            self.session.get_or_init(|| session.clone());
        }
        let reading =
            Reading { client: &self.client, id: request.id, answers, in_session: self.session.get().is_some() };
        reading.reply(response, cancellation).await
    }

    fn session_headers(&self) -> Headers {
        let mut headers = Headers::new();
        if let Some(session) = self.session.get() {
            headers.push((SESSION_ID, session.clone()));
        }
        // Older versions do not know the header.
        if let Some(version) = self.version.get().filter(|version| **version >= Version::V2025_06_18) {
            headers.push((PROTOCOL_VERSION, HeaderValue::from_static(version.as_str())));
        }
        headers
    }
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

    fn listen(&self, listener: &Arc<dyn Listener>) -> BoxFuture<'_, ()> {
        let listening = {
            let mut listening = self.listening.lock().unwrap_or_else(PoisonError::into_inner);
            let begin = || Arc::new(Listening::begin(&self.client, self.session_headers(), Arc::clone(listener)));
            Arc::clone(listening.get_or_insert_with(begin))
        };
        async move { listening.answered().await }.boxed()
    }

    fn is_open(&self) -> bool {
        !self.closed.load(Ordering::Relaxed)
    }

    fn close(&self) -> BoxFuture<'static, ()> {
        let first = !self.closed.swap(true, Ordering::Relaxed);
        drop(self.listening.lock().unwrap_or_else(PoisonError::into_inner).take());
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
