//! The servers of one generation.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use cardea_chain::{Directory, Endpoint, Health, Upstream};
use cardea_message::{NameFault, Notification, ServerName};

use crate::catalog::Catalog;
use crate::claims::Claims;
use crate::learned::Pages;
use crate::measured::Measured;
use crate::naming::Naming;
use crate::one::OneServer;
use crate::several::SeveralServers;
use crate::tasks::Sealed;
use crate::view::View;

/// A server as the manifest has it.
pub struct Server {
    /// Its name in the manifest.
    pub name: Arc<str>,
    /// Its addresses, at least one. Load and health in their facts are filled in here.
    pub endpoints: Vec<Endpoint>,
    /// Its own limit on a call.
    pub call_timeout: Option<Duration>,
}

/// The servers of one generation, in manifest order.
#[derive(Clone)]
pub struct Registry {
    known: Arc<[Arc<Known>]>,
    catalog: Arc<Catalog>,
}

/// How one endpoint of one server fares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fare {
    /// The server.
    pub server: Arc<str>,
    /// The endpoint's id.
    pub endpoint: String,
    /// How it fares.
    pub health: Health,
}

/// A server with what is counted of it.
pub(crate) struct Known {
    pub(crate) name: Arc<str>,
    pub(crate) prefix: ServerName,
    pub(crate) call_timeout: Option<Duration>,
    pub(crate) endpoints: Arc<[Endpoint]>,
    /// Whether any tool it was ever seen to list marks an argument. As long as none does, no call has to be compared.
    pub(crate) marks: AtomicBool,
    /// The latest pages of tools that passed.
    pub(crate) pages: Pages,
    /// What it was seen to offer anybody.
    pub(crate) claims: Claims,
}

impl Registry {
    /// A registry of these servers. Fails on a name that cannot stand before the `_` of a joined name.
    pub fn new(servers: Vec<Server>) -> Result<Self, NameFault> {
        let known: Result<Arc<[_]>, _> = servers.into_iter().map(|server| Known::new(server).map(Arc::new)).collect();
        Ok(Self { known: known?, catalog: Arc::default() })
    }

    /// The directory of the endpoint of one server; none if there is no such server.
    pub fn one(&self, name: &str) -> Option<Arc<dyn Directory>> {
        let server = self.known.iter().find(|server| &*server.name == name)?;
        Some(Arc::new(OneServer::new(Arc::clone(server), Arc::clone(&self.catalog))))
    }

    /// The directory of the endpoint of all servers.
    pub fn all(&self) -> Arc<dyn Directory> {
        self.several(&View::default())
    }

    /// The directory of an endpoint of several servers. A server that is not known is left out.
    pub fn several(&self, view: &View) -> Arc<dyn Directory> {
        let named = |name: &Arc<str>| self.known.iter().find(|server| server.name == *name).map(Arc::clone);
        let servers = match view.servers.is_empty() {
            true => Arc::clone(&self.known),
            false => view.servers.iter().filter_map(named).collect(),
        };
        Arc::new(SeveralServers::new(Naming::new(servers, view), Arc::clone(&self.catalog)))
    }

    /// The names of the servers, in manifest order.
    pub fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.known.iter().map(|server| &server.name)
    }

    /// How every endpoint of every server fares.
    pub fn health(&self) -> Vec<Fare> {
        let fares = |server: &Arc<Known>| {
            let name = Arc::clone(&server.name);
            let fare = move |endpoint: &Endpoint| Fare {
                server: Arc::clone(&name),
                endpoint: endpoint.facts.id.clone(),
                health: endpoint.upstream.health(),
            };
            server.endpoints.iter().map(fare).collect::<Vec<_>>()
        };
        self.known.iter().flat_map(fares).collect()
    }
}

impl Known {
    pub(crate) fn new(server: Server) -> Result<Self, NameFault> {
        let name = &server.name;
        let counted = |Endpoint { facts, upstream }| {
            let measured = Arc::new(Measured::new(upstream));
            Endpoint { facts, upstream: Arc::new(Sealed::new(measured, name)) as Arc<dyn Upstream> }
        };
        Ok(Self {
            prefix: ServerName::parse(name)?,
            name: Arc::clone(name),
            call_timeout: server.call_timeout,
            endpoints: server.endpoints.into_iter().map(counted).collect(),
            marks: AtomicBool::new(false),
            pages: Pages::default(),
            claims: Claims::default(),
        })
    }

    /// Grows whenever one of its addresses says that a list has changed.
    pub(crate) fn revision(&self) -> u64 {
        self.endpoints.iter().map(|endpoint| endpoint.upstream.revision()).sum()
    }

    /// Whether any of its addresses is worth asking.
    pub(crate) fn is_healthy(&self) -> bool {
        self.endpoints.iter().any(|endpoint| endpoint.upstream.load().healthy)
    }

    /// The client of a session said something.
    pub(crate) fn told(&self, session: &str, notification: &Notification) {
        self.endpoints.iter().for_each(|endpoint| endpoint.upstream.told(session, notification));
    }

    /// A client's session is over.
    pub(crate) fn session_ended(&self, session: &str) {
        self.endpoints.iter().for_each(|endpoint| endpoint.upstream.session_ended(session));
    }
}
