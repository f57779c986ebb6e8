//! When and from where a legacy server's stream that ended too early is taken up again.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, StatusCode};
use hyper::body::Incoming as Body;
use sse_stream::Sse;

use crate::http::client::HttpClient;
use crate::http::reply::is_event_stream;
use crate::wire::Headers;

/// Header that names the event behind which a stream goes on.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// How long to wait if the server does not say; the least, so that nobody is asked without a pause; and the longest,
/// however often it comes to nothing.
const WAIT: Duration = Duration::from_secs(1);
const LEAST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// What is known of one stream.
#[derive(Debug, Default)]
pub(crate) struct Resume {
    last: Option<HeaderValue>,
    retry: Option<Duration>,
    /// Attempts in a row that came to nothing.
    vain: u32,
}

impl Resume {
    /// Notes what an event says about its stream.
    pub(crate) fn note(&mut self, event: &Sse) {
        self.vain = 0;
        if let Some(id) = event.id.as_deref() {
            // An empty id takes the last one back.
            self.last = HeaderValue::from_str(id).ok().filter(|id| !id.is_empty());
        }
        if let Some(retry) = event.retry {
            self.retry = Some(Duration::from_millis(retry));
        }
    }

    /// The event behind which the stream goes on; none if the server gave no id.
    pub(crate) fn last(&self) -> Option<&HeaderValue> {
        self.last.as_ref()
    }

    /// Attempts in a row that came to nothing.
    pub(crate) fn vain(&self) -> u32 {
        self.vain
    }

    /// Begins an attempt: how long to wait before it. What the server asks for is the least; with every attempt in vain it
    /// doubles.
    pub(crate) fn attempt(&mut self) -> Duration {
        let asked = self.retry.unwrap_or(WAIT).max(LEAST_WAIT);
        let wait = asked.saturating_mul(1 << self.vain.min(16));
        self.vain += 1;
        wait.min(LONGEST_WAIT.max(asked))
    }
}

/// What a server answers to a GET.
pub(crate) enum Reopened {
    /// A stream of events.
    Events(Body),
    /// Nothing that says it will never.
    Later(String),
    /// It has no such stream.
    Never(StatusCode),
}

/// Asks for a stream of a session: its own, or the one of the event named.
pub(crate) async fn reopen(client: &Arc<HttpClient>, session: &Headers, last: Option<HeaderValue>) -> Reopened {
    let mut headers = session.clone();
    headers.extend(last.map(|last| (LAST_EVENT_ID, last)));
    let response = match client.get(headers).await {
        Ok(response) => response,
        Err(failure) => return Reopened::Later(failure.fault.inside),
    };
    let status = response.status();
    if is_event_stream(&response) {
        return Reopened::Events(response.into_body());
    }
    // 409 is what a server says that has not noticed yet that the stream before broke.
    match status {
        StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => {
            Reopened::Later(format!("HTTP {status}"))
        }
        _ if status.is_server_error() => Reopened::Later(format!("HTTP {status}")),
        _ => Reopened::Never(status),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: Option<&str>, retry: Option<u64>) -> Sse {
        Sse { id: id.map(str::to_owned), retry, ..Sse::default() }
    }

    #[test]
    fn the_last_id_counts_and_an_empty_one_takes_it_back() {
        let mut resume = Resume::default();
        resume.note(&event(Some("a"), None));
        resume.note(&event(None, None));
        assert_eq!(resume.last().and_then(|id| id.to_str().ok()), Some("a"));
        resume.note(&event(Some("b\u{1}"), None));
        assert_eq!(resume.last(), None, "what no header can hold cannot be named");
        resume.note(&event(Some(""), None));
        assert_eq!(resume.last(), None);
    }

    #[test]
    fn waits_are_the_servers_own_and_double_until_something_comes() {
        let mut resume = Resume::default();
        assert_eq!(resume.attempt(), WAIT);
        resume.note(&event(Some("a"), Some(200)));
        assert_eq!([(); 3].map(|()| resume.attempt().as_millis()), [200, 400, 800]);
        assert_eq!(resume.vain(), 3);
        assert_eq!((0..100).map(|_| resume.attempt()).max(), Some(LONGEST_WAIT));
        resume.note(&event(None, None));
        assert_eq!(resume.attempt(), Duration::from_millis(200));
    }

    #[test]
    fn a_server_that_asks_for_a_long_wait_gets_it_and_one_that_asks_for_none_does_not() {
        let mut resume = Resume::default();
        resume.note(&event(Some("a"), Some(90_000)));
        assert_eq!(resume.attempt(), Duration::from_secs(90));
        resume.note(&event(None, Some(0)));
        assert_eq!(resume.attempt(), LEAST_WAIT);
    }
}
