//! Servers behind a URL: streamable HTTP of both eras.

mod cancel;
mod client;
mod connection;
mod reply;

use std::sync::Arc;
use std::time::{Duration, Instant};

use cardea_chain::{Call, Exchange, Fault, Health, Upstream};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};

use crate::blame::Blame;
use crate::door::{Door, Terms};
use crate::http::client::HttpClient;
use crate::http::connection::HttpConnection;
use crate::probe::Opening;
use crate::wire::Transport;
use crate::HttpSpec;

pub use client::HttpClientFault;

/// A server behind a URL.
pub struct HttpServer {
    door: Arc<Door<HttpTransport>>,
}

struct HttpTransport {
    client: Arc<HttpClient>,
}

impl HttpServer {
    /// A server nothing has been sent to yet. Fails only if TLS cannot be set up.
    pub fn new(spec: HttpSpec) -> Result<Self, HttpClientFault> {
        let blame = Blame::new(&spec.server);
        let terms = Terms {
            opening: Opening {
                protocol: spec.protocol,
                start_timeout: spec.start_timeout,
                probe_timeout: spec.start_timeout,
                trace_in_meta: false,
                blame: blame.clone(),
            },
            policy: spec.session,
            idle_timeout: spec.idle_timeout,
            max_sessions: spec.max_sessions,
        };
        let client = Arc::new(HttpClient::new(spec, blame)?);
        Ok(Self { door: Door::new(HttpTransport { client }, terms) })
    }

    /// Ends the sessions with the server and waits until it knows.
    pub async fn shut(&self) {
        self.door.shut().await;
    }
}

impl Upstream for HttpServer {
    fn open<'a>(&'a self, call: &'a Arc<Call>) -> BoxFuture<'a, Result<Exchange, Fault>> {
        self.door.open(call).boxed()
    }

    fn health(&self) -> Health {
        self.door.health()
    }

    fn session_ended(&self, session: &str) {
        self.door.session_ended(session);
    }
}

/// The least and the most time for which an answer to the probe is believed. It costs one request to ask again.
const BELIEVED: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(24 * 3600));

impl Transport for HttpTransport {
    type Connection = HttpConnection;

    const SILENCE_IS_LEGACY: bool = false;

    fn connect(&self) -> BoxFuture<'_, Result<HttpConnection, Fault>> {
        ready(Ok(HttpConnection::new(&self.client))).boxed()
    }

    fn believe_until(&self, ttl: Duration) -> Instant {
        // A legacy server gives no time; to take its sessions away often would only disturb it.
        let ttl = if ttl.is_zero() { BELIEVED.1 } else { ttl };
        Instant::now() + ttl.clamp(BELIEVED.0, BELIEVED.1)
    }
}
