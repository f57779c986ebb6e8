//! What stands behind the corridor: servers with their endpoints, and the directory that knows which of them a call is for.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cardea_message::{Mark, Notification};
use futures_util::future::BoxFuture;

use crate::{Call, Candidate, Exchange, Fault, ItemKind, Offered};

/// Something that takes a call: an address of a server, a child process, the gateway's own catalog, one day a plugin.
pub trait Upstream: Send + Sync + 'static {
    /// Opens an exchange. Returning means the call is under way or ended; dropping the future or the exchange cancels it.
    fn open<'a>(&'a self, call: &'a Arc<Call>) -> BoxFuture<'a, Result<Exchange, Fault>>;

    /// How it fares, for readiness.
    fn health(&self) -> Health;

    /// How busy it is and whether it is worth asking now, for routing.
    fn load(&self) -> Load {
        Load { in_flight: 0, latency_us: 0, healthy: !matches!(self.health(), Health::Down { .. }) }
    }

    /// Grows whenever the server says that a list of its own has changed: what was listed before is old then.
    fn revision(&self) -> u64 {
        0
    }

    /// A client's session is over: what was kept for it alone can go.
    fn session_ended(&self, _session: &str) {}

    /// The client of a session said something to whom it may concern.
    fn told(&self, _session: &str, _notification: &Notification) {}

    /// The gateway stops: ends what is kept open, and comes back when nothing is left.
    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// How an upstream fares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// Not asked yet.
    Unknown,
    /// The last exchange worked.
    Up {
        /// `modern` or `legacy`, as the probe found.
        era: &'static str,
    },
    /// The last attempt failed.
    Down {
        /// Why, for the operator.
        inside: String,
    },
}

/// What changes about an upstream from call to call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// Calls under way.
    pub in_flight: u32,
    /// Moving average to the first byte, microseconds; 0 before the first.
    pub latency_us: u64,
    /// Whether it is worth asking.
    pub healthy: bool,
}

/// One address of a server.
#[derive(Clone)]
pub struct Endpoint {
    /// What the manifest says of it, as `on-route` sees it; its load is the upstream's to tell.
    pub facts: Candidate,
    /// Who takes the call.
    pub upstream: Arc<dyn Upstream>,
}

impl Endpoint {
    /// What `on-route` sees of it now.
    pub fn candidate(&self) -> Candidate {
        let Load { in_flight, latency_us, healthy } = self.upstream.load();
        Candidate { in_flight, latency_us, healthy, ..self.facts.clone() }
    }
}

/// Where a call goes.
#[derive(Clone)]
pub struct Target {
    /// The server; none if the whole endpoint answers, as lists over all servers do.
    pub server: Option<Arc<str>>,
    /// The name or URI as that server knows it.
    pub native_name: Option<Box<str>>,
    /// `params` with the native name in place, if it differs.
    pub params: Option<Bytes>,
    /// Its endpoints, at least one.
    pub endpoints: Arc<[Endpoint]>,
    /// The server's own limit on a call, if the manifest gives one.
    pub call_timeout: Option<Duration>,
}

/// Where an item of a list comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The server.
    pub server: Arc<str>,
    /// Name or URI as the server knows it.
    pub native: String,
}

/// Who offers what at an endpoint.
pub trait Directory: Send + Sync + 'static {
    /// Room 4: finds the server of a call.
    fn resolve<'a>(&'a self, call: &'a Arc<Call>) -> BoxFuture<'a, Result<Target, Fault>>;

    /// Where an item of a list that this endpoint answers comes from.
    fn place(&self, call: &Call, kind: ItemKind, id: &str) -> Option<Place>;

    /// The definition of an item as last seen by this subject, for `catalog.get`.
    fn definition(&self, call: &Call, kind: ItemKind, id: &str) -> Option<Bytes>;

    /// Everything of a kind that a server offers this caller, for `on-catalog`; asked of it again if what is known may be old.
    fn offers<'a>(
        &'a self,
        _call: &'a Arc<Call>,
        _server: &'a str,
        _kind: ItemKind,
        _fresh: bool,
    ) -> BoxFuture<'a, Result<Arc<Offered>, Fault>> {
        Box::pin(std::future::ready(Ok(Arc::default())))
    }

    /// The arguments that the tool of a `tools/call` wants repeated in headers; none if the house has not seen the tool.
    /// Asked twice on every such call, so a directory answers from what it has read before.
    fn marks(&self, call: &Call) -> Option<Arc<[Mark]>> {
        let definition = self.definition(call, ItemKind::Tool, call.name.as_deref()?)?;
        Some(Mark::all_in(&definition).into())
    }

    /// A subject is being shown a page of tools: the result of this `tools/list`, as it goes to the client.
    fn listed(&self, _call: &Call, _result: &Bytes) {}

    /// A client's session is over: told on to the upstreams.
    fn session_ended(&self, _session: &str) {}

    /// The client of a session said something to whom it may concern: told on to the upstreams.
    fn told(&self, _session: &str, _notification: &Notification) {}
}

impl std::fmt::Debug for dyn Directory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Directory")
    }
}
