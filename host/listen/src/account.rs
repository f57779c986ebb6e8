//! The log line of one call: who asked for what, and how it ended. Never bodies, never credentials.

use std::sync::Arc;

use cardea_chain::{Call, Reply, Subject};
use tokio::time::Instant;

use crate::respond::{self, Asked};

/// Writes its line when the call ends; a call that is dropped before was cancelled.
#[derive(Debug)]
pub(crate) struct Account {
    /// None once written, and from the start where nobody reads.
    facts: Option<Facts>,
}

#[derive(Debug)]
struct Facts {
    call: cardea_chain::CallId,
    method: cardea_message::Method,
    name: Option<Box<str>>,
    subject: Arc<Subject>,
    started: Instant,
}

impl Account {
    /// Begins the account of a call.
    pub(crate) fn open(call: &Call) -> Self {
        let facts = tracing::enabled!(tracing::Level::INFO).then(|| Facts {
            call: call.id.clone(),
            method: call.method.clone(),
            name: call.name.clone(),
            subject: Arc::clone(&call.subject),
            started: Instant::now(),
        });
        Self { facts }
    }

    /// The call ended with this reply.
    pub(crate) fn close(mut self, reply: &Reply, asked: &Asked) {
        if let Some(facts) = self.facts.take() {
            facts.write(respond::status_of(reply, asked).as_str());
        }
    }
}

impl Facts {
    /// What happens to each call is for whoever looks closely; a call that failed or was refused is for everybody. The
    /// subscriber escapes control characters, so no name can forge a line.
    fn write(&self, status: &str) {
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    call = %self.call,
                    method = self.method.as_str(),
                    name = self.name.as_deref(),
                    subject = self.subject.key(),
                    status,
                    micros = self.started.elapsed().as_micros() as u64,
                    "call",
                )
            };
        }
        if status == "200" { line!(debug) } else { line!(info) }
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        if let Some(facts) = self.facts.take() {
            facts.write("cancelled");
        }
    }
}
