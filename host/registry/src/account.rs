//! What a server says of itself, as far as the endpoint of all servers passes it on.

use cardea_chain::{Call, Fault, ItemKind};
use cardea_message::Method;
use serde_json::Value;

use crate::ask;
use crate::registry::Known;

/// A server's answer to `server/discover`.
#[derive(Debug, Default)]
pub(crate) struct Account {
    capabilities: Value,
    /// Its instructions to models.
    pub(crate) instructions: Option<String>,
}

impl Account {
    /// Asks the server. `call` is one of the gateway's own.
    pub(crate) async fn fetch(server: &Known, call: &Call) -> Result<Self, Fault> {
        let result = ask::result(server, call, Method::SERVER_DISCOVER, None).await?;
        let said: Value = serde_json::from_slice(&result).unwrap_or_default();
        Ok(Self {
            capabilities: said.get("capabilities").cloned().unwrap_or_default(),
            instructions: said.get("instructions").and_then(Value::as_str).map(str::to_owned),
        })
    }

    /// Whether it declares a capability.
    pub(crate) fn has(&self, capability: &str) -> bool {
        self.capabilities.get(capability).is_some()
    }

    /// Whether it offers items of a kind.
    pub(crate) fn offers(&self, kind: ItemKind) -> bool {
        self.has(match kind {
            ItemKind::Tool => "tools",
            ItemKind::Prompt => "prompts",
            ItemKind::Resource | ItemKind::ResourceTemplate => "resources",
        })
    }
}
