//! One HTTP exchange after room 2: who came, by which door, with what in hand.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use cardea_chain::{Call, CallId, Client, Deadline, Directory, Scratch, Step, Subject};
use cardea_message::{Method, Pointer, Traceparent, json};
use http::HeaderMap;

use crate::{Generation, Limits};

/// Everything about an exchange that the calls in it share.
pub(crate) struct Visit {
    /// Id of the exchange and of its call.
    pub(crate) id: CallId,
    /// The generation it began with.
    pub(crate) generation: Arc<Generation>,
    /// Path of the endpoint.
    pub(crate) endpoint: Arc<str>,
    /// Who answers there.
    pub(crate) directory: Arc<dyn Directory>,
    /// HTTP request headers.
    pub(crate) headers: Arc<HeaderMap>,
    /// Who calls.
    pub(crate) subject: Arc<Subject>,
    /// What the authenticators said, for the records.
    pub(crate) admitted: Vec<Step>,
    /// When it came.
    pub(crate) received: SystemTime,
}

impl Visit {
    /// A call of this exchange.
    pub(crate) fn call(&self, method: &Method, params: Option<Bytes>, client: Client, limits: &Limits) -> Call {
        Call {
            id: self.id.clone(),
            name: params.as_deref().and_then(|params| name(method, params)),
            traceparent: traceparent(&self.headers, params.as_deref()),
            method: method.clone(),
            params,
            native_name: None,
            server: None,
            endpoint: Arc::clone(&self.endpoint),
            directory: Arc::clone(&self.directory),
            client: Arc::new(client),
            subject: Arc::clone(&self.subject),
            headers: Arc::clone(&self.headers),
            deadline: Deadline::new(limits.call_timeout, limits.max_call_timeout),
            received: self.received,
            scratch: Scratch::default(),
        }
    }
}

/// What the request is aimed at, where its method has such a thing.
fn name(method: &Method, params: &[u8]) -> Option<Box<str>> {
    let field = method.named_by()?;
    json::find_str(params, &Pointer::root().child(field.key())).map(Into::into)
}

/// The trace for the server: the client's, or a new one that nobody records yet; in any case a span of ours.
fn traceparent(headers: &HeaderMap, params: Option<&[u8]>) -> Option<Arc<str>> {
    let in_header = headers.get("traceparent").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let in_meta = || json::find_str(params?, &Pointer::root().child("_meta").child("traceparent"));
    let given = in_header.or_else(in_meta).and_then(|text| Traceparent::parse(&text).ok());
    let span = rand::random();
    let ours = match given {
        Some(theirs) => theirs.child(span),
        None => Traceparent::new(rand::random(), span, false),
    };
    ours.map(|ours| ours.to_string().into())
}
