//! The directory of an endpoint of several servers: names and URIs lead to the one server they are of.

use std::sync::Arc;

use bytes::Bytes;
use cardea_chain::{Call, Candidate, Directory, Endpoint, Fault, FaultKind, ItemKind, Offered, Place, Side, Target, Upstream};
use cardea_message::{Mark, Notification, Pointer, json};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};

use crate::catalog::Catalog;
use crate::house::House;
use crate::naming::{Naming, is_named};
use crate::offers::{Found, Offers};
use crate::refusals::{is_unbridged, required_name};
use crate::tasks;

/// `/mcp`, or an endpoint of the manifest.
pub(crate) struct SeveralServers {
    offers: Arc<Offers>,
    house: Arc<[Endpoint]>,
}

impl SeveralServers {
    pub(crate) fn new(naming: Naming, catalog: Arc<Catalog>) -> Self {
        let offers = Arc::new(Offers { naming, catalog });
        let upstream: Arc<dyn Upstream> = Arc::new(House::new(Arc::clone(&offers)));
        Self { offers, house: Arc::new([Endpoint { facts: Candidate::new("house", ""), upstream }]) }
    }

    async fn target(&self, call: &Arc<Call>) -> Result<Target, Fault> {
        required_name(call)?;
        let name = call.name.as_deref().unwrap_or_default();
        match call.method.as_str() {
            "server/discover" | "tools/list" | "prompts/list" | "resources/list" | "resources/templates/list" => {
                Ok(self.house_target())
            }
            "tools/call" => self.named(call, ItemKind::Tool, name).await,
            "prompts/get" => self.named(call, ItemKind::Prompt, name).await,
            "subscriptions/listen" if !is_unbridged(call) => Ok(self.house_target()),
            "resources/read" | "resources/subscribe" | "resources/unsubscribe" => {
                let found = self.offers.located(call, name).await?.ok_or_else(|| unknown(call, name))?;
                Ok(self.leading_to(found))
            }
            "completion/complete" => self.completion(call).await,
            _ if tasks::is_about_one(&call.method) && !is_unbridged(call) => self.task(call),
            _ => Err(Fault::unknown_method(&call.method)),
        }
    }

    /// The server that offers an item to this caller.
    async fn named(&self, call: &Call, kind: ItemKind, name: &str) -> Result<Target, Fault> {
        let found = self.offers.named(call, kind, name).await?.ok_or_else(|| unknown(call, name))?;
        let params = renamed(call.params(), &Pointer::root().child("name"), &found.native);
        let params = params.ok_or_else(|| unknown(call, name))?;
        Ok(Target { params: Some(params.into()), ..self.leading_to(found) })
    }

    /// The server of the prompt or the resource that a value is completed for.
    async fn completion(&self, call: &Call) -> Result<Target, Fault> {
        let at = |key: &str| Pointer::root().child("ref").child(key);
        let said = |key: &str| json::find_str(call.params(), &at(key));
        match (said("type").as_deref(), said("name"), said("uri")) {
            (Some("ref/prompt"), Some(name), _) => {
                let found = self.offers.named(call, ItemKind::Prompt, &name).await?;
                let found = found.ok_or_else(|| unknown_reference("prompt", &name))?;
                let params = renamed(call.params(), &at("name"), &found.native);
                Ok(Target { params: params.map(Bytes::from), native_name: None, ..self.leading_to(found) })
            }
            (Some("ref/resource"), _, Some(uri)) => {
                let found = self.offers.template(call, &uri).await?;
                let found = found.ok_or_else(|| unknown_reference("resource", &uri))?;
                Ok(Target { native_name: None, ..self.leading_to(found) })
            }
            _ => {
                let words =
                    "completion/complete needs `params.ref`, a `ref/prompt` with `name` or a `ref/resource` with `uri`";
                Err(Fault::new(Side::Client, FaultKind::InvalidParams, words, words))
            }
        }
    }

    /// The server of a task, by the id the caller has for it.
    fn task(&self, call: &Call) -> Result<Target, Fault> {
        let name = call.name.as_deref().unwrap_or_default();
        let (task, params) = tasks::asked_for(call)?;
        let servers = &self.offers.naming.servers;
        let found = task.and_then(|task| {
            let at = servers.iter().position(|server| *server.name == *task.server)?;
            Some(Found { at, native: task.native })
        });
        let target = self.leading_to(found.ok_or_else(|| unknown(call, name))?);
        Ok(Target { params: Some(params), ..target })
    }

    fn leading_to(&self, found: Found) -> Target {
        let server = self.offers.server(found.at);
        Target {
            server: Some(Arc::clone(&server.name)),
            params: None,
            native_name: Some(found.native.into()),
            endpoints: Arc::clone(&server.endpoints),
            call_timeout: server.call_timeout,
        }
    }

    fn house_target(&self) -> Target {
        Target { server: None, native_name: None, params: None, endpoints: Arc::clone(&self.house), call_timeout: None }
    }
}

impl Directory for SeveralServers {
    fn resolve<'a>(&'a self, call: &'a Arc<Call>) -> BoxFuture<'a, Result<Target, Fault>> {
        self.target(call).boxed()
    }

    fn place(&self, call: &Call, kind: ItemKind, id: &str) -> Option<Place> {
        let Found { at, native } = self.offers.known(call, kind, id)?;
        Some(Place { server: Arc::clone(&self.offers.server(at).name), native })
    }

    fn definition(&self, call: &Call, kind: ItemKind, id: &str) -> Option<Bytes> {
        let Found { at, native } = self.offers.known(call, kind, id)?;
        let name = if is_named(kind) { id } else { &native };
        self.offers.catalog.peek(self.offers.server(at), kind, call)?.definition(&native, name)
    }

    fn offers<'a>(
        &'a self,
        call: &'a Arc<Call>,
        server: &'a str,
        kind: ItemKind,
        fresh: bool,
    ) -> BoxFuture<'a, Result<Arc<Offered>, Fault>> {
        match self.offers.naming.servers.iter().find(|known| *known.name == *server) {
            Some(server) => self.offers.catalog.offered(server, kind, call, fresh).boxed(),
            None => ready(Ok(Arc::default())).boxed(),
        }
    }

    fn marks(&self, call: &Call) -> Option<Arc<[Mark]>> {
        let (offers, name) = (&self.offers, call.name.as_deref()?);
        let server = offers.server(offers.naming.locate(ItemKind::Tool, name)?.at);
        offers.catalog.marks(server, call, || {
            let found = offers.known(call, ItemKind::Tool, name)?;
            offers.catalog.peek(server, ItemKind::Tool, call)?.marks(&found.native)
        })
    }

    fn session_ended(&self, session: &str) {
        self.offers.naming.servers.iter().for_each(|server| server.session_ended(session));
    }

    fn told(&self, session: &str, notification: &Notification) {
        self.offers.naming.servers.iter().for_each(|server| server.told(session, notification));
    }
}

fn renamed(params: &[u8], at: &Pointer, native: &str) -> Option<Vec<u8>> {
    let quoted = serde_json::Value::from(native).to_string();
    json::set(params, at, quoted.as_bytes()).ok()
}

fn unknown(call: &Call, name: &str) -> Fault {
    Fault::unknown_name(&call.method, name)
}

fn unknown_reference(what: &str, name: &str) -> Fault {
    let shown: String = name.chars().take(128).collect();
    let words = format!("Unknown {what}: {shown}");
    Fault::new(Side::Client, FaultKind::UnknownName, words.clone(), words)
}
