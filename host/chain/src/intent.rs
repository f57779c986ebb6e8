//! What the journal says before a server is called, where it must be durable first.

use std::sync::Arc;

use serde::Serialize;

use crate::{Call, Subject};

/// A call that every stage let pass and that is about to leave for its server.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Intent {
    /// When it came in, milliseconds since the epoch.
    pub at_ms: u64,
    /// Correlation id; the record of the call has the same.
    pub call: String,
    /// Generation of the chain that let it pass.
    pub generation: u64,
    /// Path of the endpoint.
    pub endpoint: String,
    /// Method, in its modern name.
    pub method: String,
    /// Name or URI as the client sent it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// Who calls.
    pub subject: Arc<Subject>,
}

impl Intent {
    pub(crate) fn of(call: &Call, generation: u64) -> Self {
        Self {
            at_ms: crate::record::millis(call.received),
            call: call.id.to_string(),
            generation,
            endpoint: call.endpoint.to_string(),
            method: call.method.as_str().to_owned(),
            name: call.name.as_deref().map(str::to_owned),
            server: call.server.as_deref().map(str::to_owned),
            subject: Arc::clone(&call.subject),
        }
    }
}
