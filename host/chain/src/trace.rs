//! What became of one call, for whoever watches the gateway: everything but what was in it.

use std::sync::Arc;
use std::time::SystemTime;

use cardea_message::{Method, Pointer, json};
use memchr::memmem;

use crate::{Answer, Call, CallId, Origin, Reply, Step, Subject};

/// Watches the calls of a chain. Told on their path, so it must not wait for anything.
pub trait Observer: Send + Sync + 'static {
    /// A call has begun.
    fn begun(&self);

    /// A call has ended, however it ended. Whatever begins ends once.
    fn ended(&self, trace: Trace);
}

/// One call that has ended. No payload is in it.
#[derive(Clone, Debug)]
pub struct Trace {
    /// Correlation id; a client may have chosen it, so two calls may have the same.
    pub call: CallId,
    /// When it came in.
    pub received: SystemTime,
    /// Generation of the chain that took it.
    pub generation: u64,
    /// Path of the endpoint.
    pub endpoint: Arc<str>,
    /// Protocol version of the client.
    pub version: &'static str,
    /// Method, in its modern name; empty if the exchange was refused before its body was read.
    pub method: Method,
    /// Name or URI as the client sent it.
    pub name: Option<Box<str>>,
    /// The server.
    pub server: Option<Arc<str>>,
    /// Who called.
    pub subject: Arc<Subject>,
    /// Every stage's word, in the order it was given.
    pub steps: Vec<Step>,
    /// How it ended.
    pub end: End,
    /// Microseconds from the parsed call to its end.
    pub micros: u64,
    /// Bytes of `params`.
    pub bytes_in: usize,
    /// Bytes of the result or error.
    pub bytes_out: usize,
}

/// How a call ended, in the words of the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// `ok`, `tool-error`, `error`, `refused`, `failed`, `cancelled`.
    pub outcome: &'static str,
    /// Whose doing that was: `server`, `stage`, `house`, `client`.
    pub blame: &'static str,
    /// Kind of refusal or fault, or the server's error code.
    pub detail: Option<String>,
    /// The operator's sentence for it.
    pub reason: Option<String>,
}

impl Trace {
    /// The trace of a call as it is at its end; without a reply, it was cancelled.
    pub(crate) fn of(call: &Call, generation: u64, steps: Vec<Step>, reply: Option<&Reply>, micros: u64) -> Self {
        let document = reply.map(|reply| reply.document(&call.method, call.name.as_deref()));
        Self {
            call: call.id.clone(),
            received: call.received,
            generation,
            endpoint: Arc::clone(&call.endpoint),
            version: call.client.version.as_str(),
            method: call.method.clone(),
            name: call.name.clone(),
            server: call.server.clone(),
            subject: Arc::clone(&call.subject),
            steps,
            end: End::of(reply),
            micros,
            bytes_in: call.params.as_ref().map_or(0, bytes::Bytes::len),
            bytes_out: document.map_or(0, |document| document.len()),
        }
    }
}

impl End {
    pub(crate) fn of(reply: Option<&Reply>) -> Self {
        let told = |outcome, blame, detail| Self { outcome, blame, detail, reason: None };
        let Some(reply) = reply else {
            return told("cancelled", "client", None);
        };
        let blame = match reply.origin {
            Origin::Server => "server",
            Origin::Stage => "stage",
            Origin::House => "house",
        };
        match &reply.answer {
            Answer::Refused(refusal) => {
                let reason = Some(refusal.reason.clone());
                Self { reason, ..told("refused", blame, Some(refusal.kind.as_str().to_owned())) }
            }
            Answer::Failed(fault) => {
                let reason = Some(fault.inside.clone());
                Self { reason, ..told("failed", fault.side.as_str(), Some(fault.word().to_owned())) }
            }
            Answer::Message(_) | Answer::Result(_) => match (reply.result(), &reply.answer) {
                (Some(result), _) if is_tool_error(&result) => told("tool-error", blame, None),
                (Some(_), _) => told("ok", blame, None),
                (None, Answer::Message(response)) => {
                    told("error", blame, response.error().and_then(|error| code(&error)))
                }
                (None, _) => told("error", blame, None),
            },
        }
    }
}

/// Most results have no such member, and of large ones that is seen faster than it is found not to be there.
fn is_tool_error(result: &[u8]) -> bool {
    if memmem::find(result, b"isError").is_none() && memmem::find(result, b"\\u").is_none() {
        return false;
    }
    let span = Pointer::parse("/isError").ok().and_then(|pointer| json::find(result, &pointer));
    span.is_some_and(|span| &result[span] == b"true")
}

fn code(error: &[u8]) -> Option<String> {
    let span = json::find(error, &Pointer::parse("/code").ok()?)?;
    String::from_utf8(error[span].to_vec()).ok()
}
