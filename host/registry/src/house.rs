//! The gateway as the one who answers: for all servers together.

use std::sync::Arc;

use bytes::Bytes;
use cardea_chain::{Call, Exchange, Fault, FaultKind, Health, ItemKind, Side, Upstream};
use cardea_message::{Method, Version, meta};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use serde_json::{Map, Value, json};
use tokio::time::timeout;

use crate::account::Account;
use crate::catalog::Catalog;
use crate::registry::Known;
use crate::shelf::Kept;

/// Answers `server/discover`, `tools/list` and `prompts/list` of the endpoint of all servers.
pub(crate) struct House {
    servers: Arc<[Arc<Known>]>,
    catalog: Arc<Catalog>,
}

impl House {
    pub(crate) fn new(servers: Arc<[Arc<Known>]>, catalog: Arc<Catalog>) -> Self {
        Self { servers, catalog }
    }

    async fn answer(&self, call: &Call) -> Result<Bytes, Fault> {
        match (call.method == Method::SERVER_DISCOVER, ItemKind::of_method(&call.method)) {
            (true, _) => Ok(self.introduction(call).await),
            (false, Some(kind)) => Ok(self.list(call, kind).await),
            (false, None) => Err(Fault::new(
                Side::House,
                FaultKind::Internal,
                "The gateway failed",
                format!("{} was routed to the house", call.method.as_str()),
            )),
        }
    }

    /// What all servers are together.
    async fn introduction(&self, call: &Call) -> Bytes {
        let accounts = self.ask_all(call, |server| self.catalog.account(server, call)).await;
        let mut capabilities = Map::new();
        for capability in ["tools", "prompts", "logging"] {
            if accounts.iter().any(|(_, account)| account.has(capability)) {
                capabilities.insert(capability.to_owned(), json!({}));
            }
        }
        let mut introduction = json!({
            "supportedVersions": [Version::LATEST.as_str()],
            "capabilities": capabilities,
            "resultType": "complete",
            "ttlMs": 0,
            "cacheScope": "private",
            "_meta": { meta::SERVER_INFO: { "name": "cardea", "version": env!("CARGO_PKG_VERSION") } },
        });
        if let Some(instructions) = instructions(&accounts) {
            introduction["instructions"] = Value::from(instructions);
        }
        introduction.to_string().into()
    }

    /// The items of all servers that answer, in manifest order, as one page.
    async fn list(&self, call: &Call, kind: ItemKind) -> Bytes {
        let slices = self.ask_all(call, |server| self.catalog.slice(server, kind, call)).await;
        let definitions: Vec<_> =
            slices.iter().flat_map(|(_, slice)| slice.definitions()).map(|bytes| &bytes[..]).collect();
        let head = format!(r#"{{"{}":["#, kind.member());
        let tail = br#"],"resultType":"complete","ttlMs":0,"cacheScope":"private"}"#;
        Bytes::from([head.as_bytes(), &definitions.join(&b','), tail].concat())
    }

    /// Asks every server at once. One that fails, or takes most of the time the call has, is missing and fails nobody else.
    async fn ask_all<V: Send + Sync + 'static>(
        &self,
        call: &Call,
        ask: impl Fn(&Arc<Known>) -> Kept<V>,
    ) -> Vec<(&Arc<Known>, Arc<V>)> {
        let patience = call.deadline.remaining() * 3 / 4;
        let asked = self.servers.iter().map(|server| {
            let kept = ask(server);
            async move { (server, timeout(patience, kept.wait()).await) }
        });
        let mut answered = Vec::new();
        for (server, answer) in join_all(asked).await {
            match answer.unwrap_or_else(|_| Err(Fault::deadline(&server.name))) {
                Ok(answer) => answered.push((server, answer)),
                Err(fault) => {
                    tracing::warn!(server = %server.name, fault = fault.word(), "left out of a list: {}", fault.inside);
                }
            }
        }
        answered
    }
}

impl Upstream for House {
    fn open<'a>(&'a self, call: &'a Arc<Call>) -> BoxFuture<'a, Result<Exchange, Fault>> {
        async move { self.answer(call).await.map(Exchange::Composed) }.boxed()
    }

    fn health(&self) -> Health {
        Health::Up { era: "modern" }
    }
}

/// The servers' instructions, each under its server's name.
fn instructions(accounts: &[(&Arc<Known>, Arc<Account>)]) -> Option<String> {
    let each = accounts.iter().filter_map(|(server, account)| {
        let instructions = account.instructions.as_deref().filter(|text| !text.trim().is_empty())?;
        Some(format!("# {}\n\n{}", server.name, instructions.trim()))
    });
    let joined = each.collect::<Vec<_>>().join("\n\n");
    (!joined.is_empty()).then_some(joined)
}
