//! The gateway as the one who answers: for several servers together.

use std::sync::Arc;

use bytes::Bytes;
use cardea_chain::{Call, Exchange, Fault, FaultKind, Health, ItemKind, Side, Upstream};
use cardea_message::{Filter, Method, Pointer, Version, json, meta};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::{Map, Value, json};

use crate::account::Account;
use crate::news;
use crate::offers::Offers;
use crate::pages;
use crate::refusals::unknown_cursor;
use crate::tasks::EXTENSION;

/// Answers `server/discover`, the lists and the subscriptions of an endpoint of several servers.
pub(crate) struct House {
    offers: Arc<Offers>,
}

/// What servers say they have that an endpoint of several servers has too.
const CAPABILITIES: [&str; 5] = ["tools", "prompts", "resources", "completions", "logging"];

impl House {
    pub(crate) fn new(offers: Arc<Offers>) -> Self {
        Self { offers }
    }

    async fn answer(&self, call: &Call) -> Result<Bytes, Fault> {
        match (call.method == Method::SERVER_DISCOVER, ItemKind::of_method(&call.method)) {
            (true, _) => Ok(self.introduction(call).await),
            (false, Some(kind)) => self.list(call, kind).await,
            (false, None) => Err(Fault::new(
                Side::House,
                FaultKind::Internal,
                "The gateway failed",
                format!("{} was routed to the house", call.method.as_str()),
            )),
        }
    }

    /// What the servers are together.
    async fn introduction(&self, call: &Call) -> Bytes {
        let accounts = self.offers.ask_present(call, |server| self.offers.catalog.account(server, call)).await;
        let mut capabilities = Map::new();
        for capability in CAPABILITIES {
            if accounts.iter().any(|(_, account)| account.has(capability)) {
                capabilities.insert(capability.to_owned(), json!({}));
            }
        }
        for (_, account) in &accounts {
            let Filter { tools, prompts, resources, .. } = account.tells();
            for (capability, key, told) in [
                ("tools", "listChanged", tools),
                ("prompts", "listChanged", prompts),
                ("resources", "listChanged", resources),
                ("resources", "subscribe", account.updates()),
            ] {
                if told {
                    capabilities[capability][key] = true.into();
                }
            }
        }
        if accounts.iter().any(|(_, account)| account.has_tasks()) {
            capabilities.insert("extensions".to_owned(), json!({ EXTENSION: {} }));
        }
        let mut introduction = json!({
            "supportedVersions": [Version::LATEST.as_str()],
            "capabilities": capabilities,
            "resultType": "complete",
            "ttlMs": 0,
            "cacheScope": "private",
            "_meta": { meta::SERVER_INFO: { "name": "cardea", "version": env!("CARGO_PKG_VERSION") } },
        });
        if let Some(instructions) = self.instructions(&accounts) {
            introduction["instructions"] = Value::from(instructions);
        }
        introduction.to_string().into()
    }

    /// The items of all servers that answer, in the order of the endpoint.
    async fn list(&self, call: &Call, kind: ItemKind) -> Result<Bytes, Fault> {
        let (offers, naming) = (&self.offers, &self.offers.naming);
        let slices = offers.ask_present(call, |server| offers.catalog.slice(server, kind, call)).await;
        let mut items = Vec::new();
        for (at, slice) in &slices {
            for item in slice.items() {
                match naming.exposed(*at, kind, &item.native) {
                    Some(name) => items.extend(item.called(&name)),
                    None if naming.shows(*at, &item.native) => {
                        let server = &offers.server(*at).name;
                        tracing::debug!(%server, item = item.native, "left out of a list: its name is another's");
                    }
                    None => {}
                }
            }
        }
        let cursor = json::find_str(call.params(), &Pointer::root().child("cursor"));
        pages::page(kind, &items, cursor.as_deref()).ok_or_else(unknown_cursor)
    }

    /// The servers' instructions, each under its server's name.
    fn instructions(&self, accounts: &[(usize, Arc<Account>)]) -> Option<String> {
        let each = accounts.iter().filter_map(|(at, account)| {
            let instructions = account.instructions.as_deref().filter(|text| !text.trim().is_empty())?;
            Some(format!("# {}\n\n{}", self.offers.server(*at).name, instructions.trim()))
        });
        let joined = each.collect::<Vec<_>>().join("\n\n");
        (!joined.is_empty()).then_some(joined)
    }
}

impl Upstream for House {
    fn open<'a>(&'a self, call: &'a Arc<Call>) -> BoxFuture<'a, Result<Exchange, Fault>> {
        async move {
            if call.method == Method::SUBSCRIPTIONS_LISTEN {
                return news::open(&self.offers, call).await;
            }
            self.answer(call).await.map(Exchange::Composed)
        }
        .boxed()
    }

    fn health(&self) -> Health {
        Health::Up { era: "modern" }
    }
}
