//! Servers behind a URL: streamable HTTP of both eras, and HTTP+SSE of 2024-11-05.

mod cancel;
mod client;
mod connection;
mod events;
mod listening;
mod reply;
mod resume;
mod road;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cardea_chain::{Call, Exchange, Fault, Health, Upstream};
use cardea_message::{Era, Notification};
use futures_util::future::{BoxFuture, ready};
use futures_util::{FutureExt, TryFutureExt};

use crate::HttpSpec;
use crate::blame::Blame;
use crate::door::{Door, Terms};
use crate::greeting::Greeting;
use crate::http::client::HttpClient;
use crate::http::connection::HttpConnection;
use crate::http::events::EventsConnection;
use crate::http::road::Road;
use crate::probe::Opening;
use crate::wire::Transport;

pub use client::HttpClientFault;

/// A server behind a URL.
pub struct HttpServer {
    door: Arc<Door<HttpTransport>>,
}

struct HttpTransport {
    client: Arc<HttpClient>,
    /// Whether the server was found to speak HTTP+SSE only.
    events_only: AtomicBool,
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
            replica: Arc::clone(&spec.replica),
            idle_timeout: spec.idle_timeout,
            max_sessions: spec.max_sessions,
        };
        let client = Arc::new(HttpClient::new(spec, blame)?);
        Ok(Self { door: Door::new(HttpTransport { client, events_only: AtomicBool::new(false) }, terms) })
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

    fn revision(&self) -> u64 {
        self.door.revision()
    }

    fn session_ended(&self, session: &str) {
        self.door.session_ended(session);
    }

    fn told(&self, session: &str, notification: &Notification) {
        self.door.told(session, notification);
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        self.shut().boxed()
    }
}

/// The least and the most time for which an answer to the probe is believed. It costs one request to ask again.
const LEAST: Duration = Duration::from_secs(60);
const MOST: Duration = Duration::from_secs(24 * 3600);

impl Transport for HttpTransport {
    type Connection = Road;

    const SILENCE_IS_LEGACY: bool = false;

    fn connect(&self) -> BoxFuture<'_, Result<Road, Fault>> {
        if self.events_only.load(Ordering::Relaxed) {
            return EventsConnection::open(&self.client).map_ok(Road::Events).boxed();
        }
        ready(Ok(Road::Streamable(HttpConnection::new(&self.client)))).boxed()
    }

    fn connect_older(&self) -> Option<BoxFuture<'_, Result<Road, Fault>>> {
        if self.events_only.load(Ordering::Relaxed) {
            return None;
        }
        let opened = EventsConnection::open(&self.client).map_ok(|connection| {
            self.events_only.store(true, Ordering::Relaxed);
            Road::Events(connection)
        });
        Some(opened.boxed())
    }

    fn ask_anew(&self) {
        self.events_only.store(false, Ordering::Relaxed);
    }

    fn believe_until(&self, greeting: &Greeting) -> Instant {
        Instant::now()
            + match greeting.era {
                Era::Modern => greeting.ttl.clamp(LEAST, MOST),
                // It gives no time of its own, and to open a session only to ask again would be a burden to it.
                Era::Legacy => MOST,
            }
    }
}
