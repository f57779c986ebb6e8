//! One call of a client, in the modern shape, whatever the client speaks.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cardea_message::{Method, Version};
use http::HeaderMap;
use tokio::time::Instant;

use crate::{ClientSession, Directory, Duties, Scratch, Subject};

/// A call under way. Stages see it behind an `Arc`; the corridor changes it between hooks only.
#[derive(Clone, Debug)]
pub struct Call {
    /// Correlation id.
    pub id: CallId,
    /// Method, in its modern name.
    pub method: Method,
    /// `params` as raw JSON; what stages edit.
    pub params: Option<Bytes>,
    /// `params.name` or `params.uri`, as the client sent it.
    pub name: Option<Box<str>>,
    /// The same as the server knows it; set by room 4.
    pub native_name: Option<Box<str>>,
    /// The server; none while the call is for all servers of its endpoint.
    pub server: Option<Arc<str>>,
    /// Path of the endpoint the client used.
    pub endpoint: Arc<str>,
    /// Who offers what at that endpoint, in the generation this call belongs to.
    pub directory: Arc<dyn Directory>,
    /// What the client said of itself.
    pub client: Arc<Client>,
    /// Who calls.
    pub subject: Arc<Subject>,
    /// HTTP request headers; empty over stdio.
    pub headers: Arc<HeaderMap>,
    /// How long the call may take.
    pub deadline: Deadline,
    /// W3C trace context for the server, already a child of the client's.
    pub traceparent: Option<Arc<str>>,
    /// When the call came in.
    pub received: std::time::SystemTime,
    /// Notes of stages.
    pub scratch: Scratch,
    /// Conditions under which stages let it pass.
    pub duties: Duties,
}

impl Call {
    /// `params`, or an empty object.
    pub fn params(&self) -> &[u8] {
        self.params.as_deref().unwrap_or(b"{}")
    }
}

/// Correlation id of a call.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CallId(Arc<str>);

impl CallId {
    /// Wraps a text of at most 128 visible ASCII characters; the caller sees to that.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a client says of itself. Self-reported: never a ground for a decision about rights.
#[derive(Clone, Debug)]
pub struct Client {
    /// Protocol version.
    pub version: Version,
    /// Capabilities as the client declared them, a JSON object.
    pub capabilities: Bytes,
    /// `clientInfo`, a JSON object.
    pub info: Option<Bytes>,
    /// Wanted log level; none means no log messages.
    pub log_level: Option<Box<str>>,
    /// Progress token of this call, raw JSON.
    pub progress_token: Option<Bytes>,
    /// Session of a legacy client; none for a modern one.
    pub session: Option<ClientSession>,
}

/// Longer than any process runs, and short enough for every clock to reach.
const NEVER: Duration = Duration::from_secs(30 * 365 * 24 * 3600);

/// When a call must have ended: a soft end that progress moves, and a hard one that nothing moves.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    idle: Duration,
    soft: Instant,
    hard: Instant,
}

impl Deadline {
    /// Ends after `idle` without progress, and after `total` in any case.
    pub fn new(idle: Duration, total: Duration) -> Self {
        let now = Instant::now();
        Self { idle, soft: now + idle.min(total), hard: now + total }
    }

    /// The same deadline, at most `idle` away from now and between signs of life.
    #[must_use]
    pub fn within(self, idle: Duration) -> Self {
        let idle = idle.min(self.idle);
        Self { idle, soft: self.soft.min(Instant::now() + idle), ..self }
    }

    /// The moment the call ends if nothing more happens.
    pub fn at(&self) -> Instant {
        self.soft
    }

    /// Notes a sign of life from the server.
    pub fn extend(&mut self) {
        self.soft = (Instant::now() + self.idle).min(self.hard);
    }

    /// Takes both ends away: what the call is for has begun, and goes on until somebody leaves.
    pub fn lift(&mut self) {
        self.idle = NEVER;
        self.hard = Instant::now() + NEVER;
        self.soft = self.hard;
    }

    /// Notes that somebody was asked, who may take their time: until the server is heard again, only the hard end counts.
    pub fn hold(&mut self) {
        self.soft = self.hard;
    }

    /// The moment the call ends in any case.
    pub fn latest(&self) -> Instant {
        self.hard
    }

    /// Time left.
    pub fn remaining(&self) -> Duration {
        self.soft.saturating_duration_since(Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn progress_moves_the_soft_end_but_never_the_hard_one() {
        let mut deadline = Deadline::new(Duration::from_secs(10), Duration::from_secs(15));
        tokio::time::advance(Duration::from_secs(9)).await;
        deadline.extend();
        assert_eq!(deadline.remaining(), Duration::from_secs(6));
        tokio::time::advance(Duration::from_secs(7)).await;
        deadline.extend();
        assert_eq!(deadline.remaining(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_lifted_deadline_ends_nothing() {
        let mut deadline = Deadline::new(Duration::from_secs(10), Duration::from_secs(15));
        deadline.lift();
        tokio::time::advance(Duration::from_secs(10 * 365 * 24 * 3600)).await;
        deadline.extend();
        assert!(!deadline.remaining().is_zero());
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_is_asked_may_take_the_time_the_whole_call_has() {
        let mut deadline = Deadline::new(Duration::from_secs(10), Duration::from_secs(60));
        deadline.hold();
        assert_eq!(deadline.remaining(), Duration::from_secs(60));
        tokio::time::advance(Duration::from_secs(30)).await;
        deadline.extend();
        assert_eq!(deadline.remaining(), Duration::from_secs(10), "the server is heard again");
    }
}
