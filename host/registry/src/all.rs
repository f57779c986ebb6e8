//! The directory of the endpoint of all servers: every name carries its server.

use std::sync::Arc;

use bytes::Bytes;
use cardea_chain::{Call, Candidate, Directory, Endpoint, Fault, ItemKind, Offered, Place, Target, Upstream};
use cardea_message::{Mark, Method, Pointer, json, name};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use tokio::time::timeout_at;

use crate::catalog::Catalog;
use crate::house::House;
use crate::refusals::{required_name, unknown_cursor};
use crate::registry::Known;
use crate::tasks;

/// `/mcp`.
pub(crate) struct AllServers {
    servers: Arc<[Arc<Known>]>,
    catalog: Arc<Catalog>,
    house: Arc<[Endpoint]>,
}

impl AllServers {
    pub(crate) fn new(servers: Arc<[Arc<Known>]>, catalog: Arc<Catalog>) -> Self {
        let upstream: Arc<dyn Upstream> = Arc::new(House::new(Arc::clone(&servers), Arc::clone(&catalog)));
        Self { servers, catalog, house: Arc::new([Endpoint { facts: Candidate::new("house", ""), upstream }]) }
    }

    async fn target(&self, call: &Arc<Call>) -> Result<Target, Fault> {
        match call.method.as_str() {
            "server/discover" => Ok(self.house_target()),
            "tools/list" | "prompts/list" => match json::find(call.params(), &Pointer::root().child("cursor")) {
                Some(_) => Err(unknown_cursor()),
                None => Ok(self.house_target()),
            },
            "tools/call" => self.named(call, ItemKind::Tool).await,
            "prompts/get" => self.named(call, ItemKind::Prompt).await,
            _ => Err(Fault::unknown_method(&call.method)),
        }
    }

    /// The server that offers an item to this caller. A name that is not listed gets its server asked once more.
    async fn named(&self, call: &Arc<Call>, kind: ItemKind) -> Result<Target, Fault> {
        required_name(call)?;
        let asked = call.name.as_deref().unwrap_or_default();
        let unknown = || Fault::unknown_name(&call.method, asked);
        let server = name::split(asked).and_then(|(server, _)| self.server(server)).ok_or_else(unknown)?;
        let search = self.native_name(server, kind, call, asked);
        let found = timeout_at(call.deadline.at(), search).await.map_err(|_| Fault::deadline(&server.name))??;
        let native = found.ok_or_else(unknown)?;
        let quoted = serde_json::Value::from(native.as_str()).to_string();
        let params = json::set(call.params(), &Pointer::root().child("name"), quoted.as_bytes());
        let params = params.map_err(|_| unknown())?;
        Ok(Target {
            server: Some(Arc::clone(&server.name)),
            params: Some(tasks::undeclared_in(params, &call.client.capabilities)),
            native_name: Some(native.into()),
            endpoints: Arc::clone(&server.endpoints),
            call_timeout: server.call_timeout,
        })
    }

    async fn native_name(
        &self,
        server: &Arc<Known>,
        kind: ItemKind,
        call: &Call,
        asked: &str,
    ) -> Result<Option<String>, Fault> {
        let listed = self.catalog.slice(server, kind, call);
        if let Some(native) = listed.wait().await?.native_name(asked) {
            return Ok(Some(native.to_owned()));
        }
        let newer = self.catalog.newer(server, kind, call, &listed);
        Ok(newer.wait().await?.native_name(asked).map(str::to_owned))
    }

    fn house_target(&self) -> Target {
        Target { server: None, native_name: None, params: None, endpoints: Arc::clone(&self.house), call_timeout: None }
    }

    fn server(&self, name: &str) -> Option<&Arc<Known>> {
        self.servers.iter().find(|server| &*server.name == name)
    }
}

impl Directory for AllServers {
    fn resolve<'a>(&'a self, call: &'a Arc<Call>) -> BoxFuture<'a, Result<Target, Fault>> {
        self.target(call).boxed()
    }

    fn place(&self, call: &Call, kind: ItemKind, id: &str) -> Option<Place> {
        let (server, rest) = name::split(id)?;
        let server = self.server(server)?;
        let listed = self.catalog.peek(server, kind, call);
        let native = match listed.as_ref().and_then(|slice| slice.native_name(id)) {
            Some(native) => native,
            None if name::is_shortened(id) => return None,
            None => rest,
        };
        Some(Place { server: Arc::clone(&server.name), native: native.to_owned() })
    }

    fn definition(&self, call: &Call, kind: ItemKind, id: &str) -> Option<Bytes> {
        let (server, _) = name::split(id)?;
        self.catalog.peek(self.server(server)?, kind, call)?.joined(id)
    }

    fn offers<'a>(
        &'a self,
        call: &'a Arc<Call>,
        server: &'a str,
        kind: ItemKind,
        fresh: bool,
    ) -> BoxFuture<'a, Result<Arc<Offered>, Fault>> {
        match self.server(server) {
            Some(server) => self.catalog.offered(server, kind, call, fresh).boxed(),
            None => ready(Ok(Arc::default())).boxed(),
        }
    }

    fn marks(&self, call: &Call) -> Option<Arc<[Mark]>> {
        let name = call.name.as_deref()?;
        let (server, _) = name::split(name)?;
        let server = self.server(server)?;
        self.catalog.marks(server, call, || self.catalog.peek(server, ItemKind::Tool, call)?.marks_of_joined(name))
    }

    fn session_ended(&self, session: &str) {
        self.servers.iter().for_each(|server| server.session_ended(session));
    }
}

/// The method that lists items of a kind.
pub(crate) fn list_method(kind: ItemKind) -> Method {
    match kind {
        ItemKind::Tool => Method::TOOLS_LIST,
        ItemKind::Prompt => Method::PROMPTS_LIST,
        ItemKind::Resource => Method::RESOURCES_LIST,
        ItemKind::ResourceTemplate => Method::RESOURCES_TEMPLATES_LIST,
    }
}
