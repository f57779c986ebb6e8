//! One HTTP exchange after room 2: who came, by which door, with what in hand.

use std::sync::Arc;
use std::time::SystemTime;

use cardea_chain::{Call, CallId, Client, Deadline, Directory, Duties, Scratch, Step, Subject};
use cardea_message::{Meta, Method, Request, Traceparent, json};
use http::{HeaderMap, HeaderName};

use crate::{Generation, Limits};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

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
    /// The call that a request of this exchange makes.
    pub(crate) fn call(&self, request: &Request, meta: &Meta, client: Client, limits: &Limits) -> Call {
        let (name, params) = (request.name().map(Into::into), request.params());
        Call { name, params, ..self.with(request.method.clone(), meta, client, limits) }
    }

    /// A call without params: the gateway's own, or one whose body was never read and whose method is therefore empty.
    pub(crate) fn bare(&self, method: Method, client: Client, limits: &Limits) -> Call {
        self.with(method, &Meta::of(None), client, limits)
    }

    fn with(&self, method: Method, meta: &Meta, client: Client, limits: &Limits) -> Call {
        Call {
            id: self.id.clone(),
            name: None,
            traceparent: traceparent(&self.headers, meta),
            method,
            params: None,
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
            duties: Duties::default(),
        }
    }
}

/// The trace for the server: the client's, or a new one that nobody records yet; in any case a span of ours.
fn traceparent(headers: &HeaderMap, meta: &Meta) -> Option<Arc<str>> {
    let given = match headers.get(&TRACEPARENT) {
        Some(header) => header.to_str().ok().and_then(|text| Traceparent::parse(text).ok()),
        None => meta.get("traceparent").and_then(|text| Traceparent::parse(&json::string(&text)?).ok()),
    };
    let span = rand::random();
    let ours = match given {
        Some(theirs) => theirs.child(span),
        None => Traceparent::new(rand::random(), span, false),
    };
    ours.map(|ours| ours.to_string().into())
}
