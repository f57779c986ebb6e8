//! Every limit of the front door, set on purpose. What is not here is not limited anywhere else in this crate.

use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;

/// How much of everything one listener takes. The defaults are the ones the reference page prints.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of one request body.
    pub max_body: usize,
    /// Bytes of all request bodies in memory at one time.
    pub max_buffered: usize,
    /// From the first byte of a request head, or from the connection's start, to the end of the head.
    pub header_timeout: Duration,
    /// From the end of the head to the end of the body.
    pub body_timeout: Duration,
    /// Bytes a second a body must arrive with, once [`Limits::body_grace`] is over.
    pub body_rate: u32,
    /// How long a body may be slower than that.
    pub body_grace: Duration,
    /// How long a connection may be without an exchange.
    pub idle_timeout: Duration,
    /// How long a client may not read what is written to it.
    pub write_stall: Duration,
    /// How long a TLS handshake may take.
    pub handshake_timeout: Duration,
    /// Age at which a connection is asked to go; a tenth more or less, so that not all go at once.
    pub max_age: Duration,
    /// Exchanges on one connection.
    pub max_exchanges: u64,
    /// Connections at one time; more wait in the kernel's queue.
    pub max_connections: usize,
    /// Open connections of one address; none sets no bound. One more is closed at once.
    pub max_connections_per_peer: Option<usize>,
    /// Calls under way at one time; more are told to come back.
    pub max_calls: usize,
    /// How long a call may go without a sign of life from its server.
    pub call_timeout: Duration,
    /// How long a call may take in any case.
    pub max_call_timeout: Duration,
    /// Sessions of legacy clients.
    pub max_sessions: usize,
    /// How long a session lives without a request.
    pub session_idle: Duration,
    /// Longest life of a session, however much it is used.
    pub session_age: Duration,
    /// How long running calls may go on once the listener is told to stop.
    pub drain: Duration,
    /// How long an exchange is silent before an event stream says that it lives.
    pub keep_alive: Duration,
    /// How long a call of a client that can resume a stream is silent before one begins, with a place to resume from.
    pub prime_after: Duration,
    /// How long a client is asked to wait before it resumes a stream that broke.
    pub retry: Duration,
    /// Events of one session kept for a client that resumes.
    pub replay_events: usize,
    /// Bytes of them.
    pub replay_bytes: usize,
    /// Bytes of them over all sessions.
    pub max_replay: usize,
    /// How long they are kept once their call has ended.
    pub replay_age: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_body: 4 << 20,
            max_buffered: 256 << 20,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(60),
            body_rate: 1024,
            body_grace: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
            write_stall: Duration::from_secs(30),
            handshake_timeout: Duration::from_secs(10),
            max_age: Duration::from_secs(3600),
            max_exchanges: 10_000,
            max_connections: 4096,
            max_connections_per_peer: None,
            max_calls: 4096,
            call_timeout: Duration::from_secs(60),
            max_call_timeout: Duration::from_secs(600),
            max_sessions: 10_000,
            session_idle: Duration::from_secs(30 * 60),
            session_age: Duration::from_secs(7 * 24 * 60 * 60),
            drain: Duration::from_secs(30),
            keep_alive: Duration::from_secs(15),
            prime_after: Duration::from_millis(250),
            retry: Duration::from_secs(1),
            replay_events: 256,
            replay_bytes: 1 << 20,
            max_replay: 64 << 20,
            replay_age: Duration::from_secs(5 * 60),
        }
    }
}

/// Longest request target.
pub(crate) const MAX_URI: usize = 8 * 1024;
/// Messages in one batch of a 2025-03-26 client.
pub(crate) const MAX_BATCH: usize = 100;
/// Notifications and asks of one call that wait for their client.
pub(crate) const OUTLET: usize = 16;
/// Replies up to this size are copied into one buffer, because one write beats three.
pub(crate) const SMALL: usize = 16 * 1024;

const MAX_HEADERS: usize = 64;
const MAX_HEAD: usize = 64 * 1024;
const STREAMS: u32 = 100;
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
const SEND_BUFFER: usize = 256 * 1024;
const HEADER_LIST: u32 = 16 * 1024;
const PENDING_RESETS: usize = 20;
const LOCAL_ERROR_RESETS: usize = 128;
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(10);

impl Limits {
    /// The HTTP server of a connection.
    pub(crate) fn http(&self) -> Builder<TokioExecutor> {
        let mut http = Builder::new(TokioExecutor::new());
        http.http1()
            .timer(TokioTimer::new())
            // hyper's clock also runs between exchanges; `connection` holds the tighter one that starts with the head.
            .header_read_timeout(self.idle_timeout.max(self.header_timeout))
            .max_headers(MAX_HEADERS)
            .max_buf_size(MAX_HEAD)
            .half_close(false);
        http.http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buf_size(SEND_BUFFER)
            .max_header_list_size(HEADER_LIST)
            .max_pending_accept_reset_streams(PENDING_RESETS)
            .max_local_error_reset_streams(LOCAL_ERROR_RESETS)
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_TIMEOUT);
        http
    }
}
