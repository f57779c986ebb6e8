//! Tells a legacy server that nobody waits for a reply any more. A modern one sees the connection close.

use std::sync::Arc;

use cardea_message::{Method, compose};

use crate::http::client::HttpClient;
use crate::wire::Headers;

/// A request of a legacy session that is cancelled when this is dropped before its end.
pub(crate) struct Cancellation {
    armed: Option<(Arc<HttpClient>, Headers)>,
    id: u64,
}

impl Cancellation {
    /// Watches over a request with the headers of its session.
    pub(crate) fn of(client: &Arc<HttpClient>, headers: Headers, id: u64) -> Self {
        Self { armed: Some((Arc::clone(client), headers)), id }
    }

    /// Watches over nothing.
    pub(crate) fn none() -> Self {
        Self { armed: None, id: 0 }
    }

    /// The request has ended.
    pub(crate) fn disarm(&mut self) {
        self.armed = None;
    }
}

impl Drop for Cancellation {
    fn drop(&mut self) {
        if let Some((client, headers)) = self.armed.take() {
            let params = format!(r#"{{"requestId":{},"reason":"the client left"}}"#, self.id);
            let body = compose::notification(Method::CANCELLED.as_str(), Some(params.as_bytes()));
            drop(client.aside(http::Method::POST, headers, body));
        }
    }
}
