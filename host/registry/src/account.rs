//! What a server says of itself, as far as the endpoint of all servers passes it on.

use cardea_chain::{Call, Fault, ItemKind};
use cardea_message::{Filter, Method};
use serde_json::Value;

use crate::ask;
use crate::registry::Known;
use crate::tasks::EXTENSION;

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

    /// Which of its lists it says it tells of.
    pub(crate) fn tells(&self) -> Filter {
        let told = |capability: &str| self.capabilities[capability]["listChanged"] == true;
        Filter { tools: told("tools"), prompts: told("prompts"), resources: told("resources"), ..Filter::default() }
    }

    /// Whether it says it tells of updates of resources.
    pub(crate) fn updates(&self) -> bool {
        self.capabilities["resources"]["subscribe"] == true
    }

    /// Whether it has tasks of 2026-07-28.
    pub(crate) fn has_tasks(&self) -> bool {
        self.capabilities["extensions"][EXTENSION].is_object()
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
