//! `http`: requests to whom the stage may send them, with secrets filled in on the way out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cardea_chain::Import;
use cardea_egress::EgressFault;
use cardea_grant::Target;
use futures_util::future::join_all;
use http::{HeaderMap, HeaderName, HeaderValue};
use wasmtime::Result;

use crate::bindings::cardea::plugin::http::{Host, Request, Response};
use crate::bindings::cardea::plugin::types::HostError;
use crate::guest::{Facts, Guest};

/// Requests sent at the same time.
const MOST_AT_ONCE: usize = 8;
/// What stands for a secret in a header's value: `{{secret:name}}`.
const OPEN: &[u8] = b"{{secret:";
const CLOSE: &[u8] = b"}}";

impl Host for Guest {
    async fn send(&mut self, request: Request) -> Result<Result<Response, HostError>> {
        self.charge(Import::Http)?;
        let mut answers = self.exchange(vec![request]).await;
        Ok(answers.pop().unwrap_or(Err(HostError::Busy)))
    }

    async fn send_many(&mut self, requests: Vec<Request>) -> Result<Vec<Result<Response, HostError>>> {
        for _ in &requests {
            self.charge(Import::Http)?;
        }
        if requests.len() > MOST_AT_ONCE {
            return Ok(requests.iter().map(|_| Err(HostError::TooLarge)).collect());
        }
        Ok(self.exchange(requests).await)
    }
}

impl Guest {
    /// Sends what may be sent, all at once, and takes the time from what the hook has left.
    async fn exchange(&mut self, requests: Vec<Request>) -> Vec<Result<Response, HostError>> {
        self.reach_out();
        let tape = self.visit.tape.clone();
        if let Some(played) = tape.as_ref().filter(|tape| tape.is_playing()) {
            return requests.iter().map(|request| played.sent(request)).collect();
        }
        let noted = tape.map(|tape| (tape, requests.clone()));
        let checked: Vec<_> = requests.into_iter().map(|request| self.checked(request)).collect();
        let facts = Arc::clone(&self.facts);
        let started = Instant::now();
        let answers = join_all(checked.into_iter().map(|checked| async {
            let (request, within) = checked?;
            sent(&facts, request, within).await
        }))
        .await;
        self.outgoing.time = self.outgoing.time.saturating_sub(started.elapsed());
        if let Some((tape, requests)) = noted {
            requests.into_iter().zip(&answers).for_each(|(request, answer)| tape.note_sent(request, answer));
        }
        answers
    }

    /// The request as it is sent, and how long it may take.
    fn checked(&mut self, request: Request) -> Result<(cardea_egress::Request, Duration), HostError> {
        let target = Target::parse(&request.method, &request.url)
            .map_err(|fault| HostError::Invalid(format!("the request {fault}")))?;
        if !self.facts.allowed.scope.http.iter().any(|rule| rule.allows(&target)) {
            // Without the query, which is the plugin's own business.
            let (method, host, path) = (&target.method, target.uri.host().unwrap_or_default(), target.uri.path());
            tracing::debug!(stage = %self.facts.stage, "`grant.http` has no rule for {method} {host}{path}");
            return Err(HostError::Denied("no rule of this stage's `grant.http` fits the request".to_owned()));
        }
        self.outgoing.exchanges = self.outgoing.exchanges.checked_sub(1).ok_or(HostError::Busy)?;
        let within = self.time_for(request.timeout_ms);
        if within.is_zero() {
            return Err(HostError::Timeout);
        }
        let headers = self.headers(&request.headers)?;
        let body = request.body.into();
        let Target { method, uri, .. } = target;
        Ok((cardea_egress::Request { method, uri, headers, body }, within))
    }

    /// What the plugin wants (0: all there is), the call has left and the hook has left, whichever is least.
    fn time_for(&self, timeout_ms: u32) -> Duration {
        let wanted = if timeout_ms == 0 { Duration::MAX } else { Duration::from_millis(timeout_ms.into()) };
        let of_call = self.visit.call.as_ref().map_or(Duration::MAX, |call| call.deadline.remaining());
        wanted.min(of_call).min(self.outgoing.time)
    }

    fn headers(&self, given: &[(String, Vec<u8>)]) -> Result<HeaderMap, HostError> {
        let mut headers = HeaderMap::with_capacity(given.len());
        for (name, value) in given {
            let invalid = |what: &str| HostError::Invalid(format!("the header `{name}` {what}"));
            let parsed = HeaderName::try_from(name).map_err(|_| invalid("has no name a header can have"))?;
            let mut filled = HeaderValue::try_from(self.filled(name, value)?)
                .map_err(|_| invalid("has a value no header can have"))?;
            filled.set_sensitive(true);
            headers.try_append(parsed, filled).map_err(|_| HostError::TooLarge)?;
        }
        Ok(headers)
    }

    /// A header's value with secrets in the places that name them.
    fn filled(&self, header: &str, value: &[u8]) -> Result<Vec<u8>, HostError> {
        let mut filled = Vec::with_capacity(value.len());
        let mut rest = value;
        while let Some(at) = find(rest, OPEN) {
            filled.extend_from_slice(&rest[..at]);
            let after = &rest[at + OPEN.len()..];
            let unclosed = || HostError::Invalid(format!("the header `{header}` has a `{{{{secret:` without a `}}}}`"));
            let end = find(after, CLOSE).ok_or_else(unclosed)?;
            let name = String::from_utf8_lossy(&after[..end]);
            filled.extend_from_slice(self.secret(&name)?.reveal().as_bytes());
            rest = &after[end + CLOSE.len()..];
        }
        filled.extend_from_slice(rest);
        Ok(filled)
    }
}

async fn sent(facts: &Facts, request: cardea_egress::Request, within: Duration) -> Result<Response, HostError> {
    let Some(outlet) = &facts.outlet else { return Err(HostError::Denied("there is no `grant.http`".to_owned())) };
    let response = outlet.send(request, within).await.map_err(|fault| host_fault(&facts.stage, fault))?;
    Ok(Response { status: response.status.as_u16(), headers: told(&response.headers), body: response.body.into() })
}

/// What a guest is told of a request that failed; the operator is told more.
fn host_fault(stage: &str, fault: EgressFault) -> HostError {
    match fault {
        EgressFault::Forbidden { host, address } => {
            let what = "not on the public internet, and not in `grant.private-addresses`";
            tracing::warn!(%stage, %host, %address, "a request was not sent: the address is {what}");
            HostError::Denied(format!("`{host}` is {what}"))
        }
        EgressFault::Invalid(why) => HostError::Invalid(why),
        EgressFault::TooLarge(_) => HostError::TooLarge,
        EgressFault::Timeout(_) => HostError::Timeout,
        EgressFault::Unreachable(why) => {
            tracing::warn!(%stage, "a request of the plugin failed: {why}");
            HostError::Unavailable("no response: the connection failed".to_owned())
        }
    }
}

fn told(headers: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect()
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}
