//! A gateway elsewhere as the only server of a house without stages: what `cardea stdio --url` puts behind its pipes.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use cardea_chain::{Call, Candidate, Chain, Endpoint, Exchange, Fault, Health, Upstream};
use cardea_dial::{HttpServer, HttpSpec, Protocol};
use cardea_listen::{Generation, Limits};
use cardea_message::{Era, Notification};
use cardea_registry::{Registry, Server};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join};
use http::{HeaderMap, Uri};
use tokio_util::sync::CancellationToken;

use crate::Failure;
use crate::gateway::NoCalls;

/// Its name in logs and in errors.
const NAME: &str = "gateway";
/// Where the client finds it. Nobody else sees the path.
pub(crate) const ENDPOINT: &str = "/mcp";
/// The other end has limits of its own; these are only for what never ends.
const FOR_EVER: Duration = Duration::from_secs(24 * 3600);
/// As much as servers may say. What the other end does not take, it refuses.
const LARGEST: usize = 16 << 20;

/// The other end, spoken to in the protocol of the client: so nothing has to be translated here that is translated there, and
/// what only parties of one protocol can tell each other arrives.
struct OtherEnd {
    modern: HttpServer,
    legacy: HttpServer,
}

/// A house with nothing in it but the way to a URL.
pub(crate) struct Bridge {
    /// What serves.
    pub(crate) generation: Arc<ArcSwap<Generation>>,
    other_end: Arc<dyn Upstream>,
}

impl Bridge {
    /// A way on which nothing was sent yet. The headers go with every request.
    pub(crate) fn new(url: &Uri, headers: &HeaderMap) -> Result<Self, Failure> {
        let other_end: Arc<dyn Upstream> = Arc::new(OtherEnd::new(url, headers)?);
        Ok(Self { generation: Arc::new(ArcSwap::from_pointee(generation(url, &other_end)?)), other_end })
    }

    /// Ends the sessions at the other end and waits until it knows.
    pub(crate) async fn close(&self) {
        self.other_end.close().await;
    }
}

fn generation(url: &Uri, other_end: &Arc<dyn Upstream>) -> Result<Generation, Failure> {
    let endpoint = Endpoint { facts: Candidate::new(url.to_string(), NAME), upstream: Arc::clone(other_end) };
    let only = Server { name: NAME.into(), endpoints: vec![endpoint], call_timeout: None };
    let registry = Registry::new(vec![only]).map_err(|fault| Failure::unavailable(fault.to_string()))?;
    let endpoints: HashMap<Arc<str>, _> = registry.one(NAME).into_iter().map(|one| (ENDPOINT.into(), one)).collect();
    let chain = Arc::new(Chain::new(Vec::new(), 1, Arc::new(NoCalls)));
    let (resources, retired) = (HashMap::new(), CancellationToken::new());
    Ok(Generation { number: 1, chain, endpoints, resources, retired })
}

/// Limits that leave it to the other end to limit.
pub(crate) fn limits() -> Limits {
    Limits { max_body: LARGEST, call_timeout: FOR_EVER, max_call_timeout: FOR_EVER, ..Limits::default() }
}

impl OtherEnd {
    fn new(url: &Uri, headers: &HeaderMap) -> Result<Self, Failure> {
        let server = |protocol| {
            let spec = HttpSpec::new(NAME, url.clone());
            let spec = HttpSpec { headers: headers.clone(), protocol, idle_timeout: FOR_EVER, ..spec };
            HttpServer::new(spec).map_err(|fault| Failure::unavailable(fault.to_string()))
        };
        Ok(Self { modern: server(Protocol::Auto)?, legacy: server(Protocol::Legacy)? })
    }
}

impl Upstream for OtherEnd {
    fn open<'a>(&'a self, call: &'a Arc<Call>) -> BoxFuture<'a, Result<Exchange, Fault>> {
        match call.client.version.era() {
            Era::Modern => self.modern.open(call),
            Era::Legacy => self.legacy.open(call),
        }
    }

    fn health(&self) -> Health {
        match self.modern.health() {
            Health::Unknown => self.legacy.health(),
            known => known,
        }
    }

    fn session_ended(&self, session: &str) {
        self.legacy.session_ended(session);
    }

    fn told(&self, session: &str, notification: &Notification) {
        self.legacy.told(session, notification);
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        join(self.modern.close(), self.legacy.close()).map(drop).boxed()
    }
}
