//! The servers of one generation.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use cardea_chain::{Directory, Endpoint, Health};
use cardea_message::{NameFault, ServerName};

use crate::all::AllServers;
use crate::catalog::Catalog;
use crate::learned::Pages;
use crate::measured::Measured;
use crate::one::OneServer;

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
        Arc::new(AllServers::new(Arc::clone(&self.known), Arc::clone(&self.catalog)))
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
    fn new(server: Server) -> Result<Self, NameFault> {
        let counted = |Endpoint { facts, upstream }| Endpoint { facts, upstream: Arc::new(Measured::new(upstream)) };
        Ok(Self {
            prefix: ServerName::parse(&server.name)?,
            name: server.name,
            call_timeout: server.call_timeout,
            endpoints: server.endpoints.into_iter().map(counted).collect(),
            marks: AtomicBool::new(false),
            pages: Pages::default(),
        })
    }

    /// A client's session is over.
    pub(crate) fn session_ended(&self, session: &str) {
        self.endpoints.iter().for_each(|endpoint| endpoint.upstream.session_ended(session));
    }
}
