//! The document that a policy decides on: the same for every engine. Each member is always there, so that no policy fails for
//! want of one.

use cardea_sdk::prelude::*;
use serde::Serialize;
use serde_json::{Map, Value};

/// What is to be decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// May this call go on.
    Call,
    /// May this item be seen: is there a call of it that may go on.
    List,
}

/// The document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// What is to be decided.
    pub action: Action,
    /// The method, in a list that by which the item would be called.
    pub method: String,
    /// `tool`, `prompt`, `resource`, `resource-template`; empty for a method without a name.
    pub kind: String,
    /// The server; empty if the call is for all servers of the endpoint.
    pub server: String,
    /// Name or URI as the server knows it; empty if there is none.
    pub name: String,
    /// Path of the endpoint.
    pub endpoint: String,
    /// The arguments; empty in lists.
    pub arguments: Value,
    /// What the server says of the tool, or what MCP takes it for.
    pub annotations: Annotations,
    /// Who calls.
    pub subject: Caller,
    /// Milliseconds since 1970.
    pub now: u64,
}

/// The four hints of MCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Annotations {
    read_only_hint: bool,
    destructive_hint: bool,
    idempotent_hint: bool,
    open_world_hint: bool,
}

/// Who calls.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Caller {
    /// Who vouches for the id.
    pub issuer: String,
    /// The name within the issuer.
    pub id: String,
    /// `user`, `service`, `agent` or `anonymous`.
    pub kind: String,
    /// Empty for the default tenant.
    pub tenant: String,
    /// The application that acts; empty if unknown.
    pub client: String,
    /// Roles.
    pub roles: Vec<String>,
    /// Groups.
    pub groups: Vec<String>,
    /// Scopes of the credential.
    pub scopes: Vec<String>,
    /// All verified claims.
    pub claims: Map<String, Value>,
}

impl Input {
    /// The document for the current call of a caller. None if its arguments cannot be read: a number beyond 64 bits, say.
    pub fn of_call(caller: Caller, method: String) -> Option<Self> {
        let kind = kind_of(&method);
        let arguments = match call::get("/arguments") {
            Some(json) => serde_json::from_str(&json).ok()?,
            None => Value::Object(Map::new()),
        };
        let shown = if kind == "tool" { call::name() } else { None };
        Some(Self {
            action: Action::Call,
            kind: kind.to_owned(),
            server: call::server(),
            name: call::native_name().unwrap_or_default(),
            endpoint: call::endpoint(),
            arguments,
            annotations: Annotations::of_tool(shown.as_deref()),
            subject: caller,
            now: clock::now_ms(),
            method,
        })
    }

    /// The document for the list in which what is called would stand; none if nothing lists it.
    pub fn listed(&self) -> Option<Self> {
        let method = match self.kind.as_str() {
            "" => return None,
            "resource" => "resources/read",
            _ => &self.method,
        };
        let method = method.to_owned();
        Some(Self { action: Action::List, method, arguments: Value::Object(Map::new()), ..self.clone() })
    }

    /// The document for an item of a list.
    pub fn of_item(caller: &Caller, endpoint: &str, now: u64, item: &Item) -> Self {
        let (kind, method) = match item.kind {
            ItemKind::Tool => ("tool", "tools/call"),
            ItemKind::Prompt => ("prompt", "prompts/get"),
            ItemKind::Resource => ("resource", "resources/read"),
            ItemKind::ResourceTemplate => ("resource-template", "resources/read"),
        };
        Self {
            action: Action::List,
            method: method.to_owned(),
            kind: kind.to_owned(),
            server: item.server.clone(),
            name: item.native_id.clone(),
            endpoint: endpoint.to_owned(),
            arguments: Value::Object(Map::new()),
            annotations: Annotations::of_tool((item.kind == ItemKind::Tool).then_some(item.id.as_str())),
            subject: caller.clone(),
            now,
        }
    }

    /// As JSON.
    pub fn to_json(&self) -> Value {
        // Texts, numbers and tables with text keys: there is nothing in it that JSON could not hold.
        serde_json::to_value(self).unwrap_or_default()
    }
}

impl Caller {
    /// The caller of the current call, if it has one.
    pub fn current() -> Option<Self> {
        let Subject { issuer, id, kind, tenant, client, roles, groups, scopes, claims_json, .. } = subject::current()?;
        let claims = claims_json.and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default();
        Some(Self { issuer, id, kind, tenant, client, roles, groups, scopes, claims })
    }
}

impl Annotations {
    /// Of a tool by its name as the client sees it. What is not said, or is no boolean, is the worse.
    fn of_tool(name: Option<&str>) -> Self {
        let said = name.and_then(|name| catalog::get(ItemKind::Tool, name, "/annotations"));
        let said: Value = said.and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default();
        let hint = |name: &str, silent: bool| said.get(name).and_then(Value::as_bool).unwrap_or(silent);
        let read_only_hint = hint("readOnlyHint", false);
        Self {
            read_only_hint,
            destructive_hint: !read_only_hint && hint("destructiveHint", true),
            idempotent_hint: hint("idempotentHint", false),
            open_world_hint: hint("openWorldHint", true),
        }
    }
}

fn kind_of(method: &str) -> &'static str {
    match method {
        "tools/call" => "tool",
        "prompts/get" => "prompt",
        "resources/read" | "resources/subscribe" | "resources/unsubscribe" => "resource",
        _ => "",
    }
}
