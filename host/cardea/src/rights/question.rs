//! One question to the rights stages, as a person writes it, and the call it stands for.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use cardea_chain::{
    Call, CallId, Client, Deadline, Directory, Duties, Fault, ItemKind, Listing, Place, Scratch, Subject, Target,
};
use cardea_message::{Method, Version};
use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{Failure, assemble};

/// Longer than any stage takes.
const TIME: Duration = Duration::from_secs(60);

/// Who calls, and what.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Question {
    pub(crate) subject: Asker,
    pub(crate) call: Asked,
}

/// Who calls. Without an id it is nobody.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Asker {
    pub(crate) issuer: String,
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) tenant: String,
    pub(crate) roles: Vec<String>,
    pub(crate) groups: Vec<String>,
    pub(crate) scopes: Vec<String>,
    pub(crate) claims: Map<String, Value>,
}

/// What is called.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Asked {
    /// `tools/call` if it is not said.
    pub(crate) method: Option<String>,
    pub(crate) server: Option<String>,
    /// Name or URI as the server knows it.
    pub(crate) name: Option<String>,
    pub(crate) arguments: Map<String, Value>,
    /// What the server says of the tool.
    pub(crate) annotations: Map<String, Value>,
    /// The path that is called; that of the server alone if it is not said.
    pub(crate) endpoint: Option<String>,
}

/// A call for a list, and one page of what comes of it.
pub(crate) type Page = (Arc<Call>, Arc<Listing>);

impl Question {
    /// The call that is asked about.
    pub(crate) fn call(&self) -> Result<Arc<Call>, Failure> {
        let asked = &self.call;
        let params = match (self.kind(), &asked.name) {
            (_, None) => json!({}),
            (Some(ItemKind::Resource | ItemKind::ResourceTemplate), Some(uri)) => json!({ "uri": uri }),
            (_, Some(name)) => json!({ "name": name, "arguments": asked.arguments }),
        };
        let params = Bytes::from(params.to_string());
        Ok(Arc::new(self.asking(self.method(), asked.name.as_deref(), Some(params))))
    }

    /// The list in which what is called would stand, and the page of it that holds nothing else.
    pub(crate) fn listing(&self) -> Result<Option<Page>, Failure> {
        let (Some(kind), Some(name)) = (self.kind(), &self.call.name) else { return Ok(None) };
        let method = match kind {
            ItemKind::Tool => "tools/list",
            ItemKind::Prompt => "prompts/list",
            ItemKind::Resource | ItemKind::ResourceTemplate => "resources/list",
        };
        let call = Arc::new(self.asking(method, None, None));
        let page = json!({ kind.member(): [self.definition(kind, name)] }).to_string();
        let listing = Listing::read(&call, kind, page.into());
        let listing = listing.ok_or_else(|| Failure::usage(format!("`{name}` cannot stand in a list")))?;
        Ok(Some((call, Arc::new(listing))))
    }

    fn method(&self) -> &str {
        self.call.method.as_deref().unwrap_or("tools/call")
    }

    fn kind(&self) -> Option<ItemKind> {
        match self.method() {
            "tools/call" => Some(ItemKind::Tool),
            "prompts/get" => Some(ItemKind::Prompt),
            "resources/read" | "resources/subscribe" | "resources/unsubscribe" => Some(ItemKind::Resource),
            _ => None,
        }
    }

    fn definition(&self, kind: ItemKind, name: &str) -> Value {
        match (kind, self.call.annotations.is_empty()) {
            (ItemKind::Tool, false) => json!({ "name": name, "annotations": self.call.annotations }),
            _ => json!({ kind.key(): name }),
        }
    }

    fn asking(&self, method: &str, name: Option<&str>, params: Option<Bytes>) -> Call {
        let server = self.call.server.as_deref();
        let endpoint = match (&self.call.endpoint, server) {
            (Some(endpoint), _) => endpoint.clone(),
            (None, Some(server)) => assemble::one_server(server),
            (None, None) => assemble::ALL_SERVERS.to_owned(),
        };
        let definition = self
            .kind()
            .zip(self.call.name.as_deref())
            .map(|(kind, name)| (kind, name.to_owned(), self.definition(kind, name).to_string().into()));
        Call {
            id: CallId::new("question"),
            method: Method::parse(method),
            params,
            name: name.map(Into::into),
            native_name: name.map(Into::into),
            server: server.map(Into::into),
            endpoint: endpoint.into(),
            directory: Arc::new(Offer(definition)),
            client: Arc::new(Client {
                version: Version::LATEST,
                capabilities: Bytes::from_static(b"{}"),
                info: None,
                log_level: None,
                progress_token: None,
                session: None,
            }),
            subject: Arc::new(self.subject.subject()),
            headers: Arc::default(),
            deadline: Deadline::new(TIME, TIME),
            traceparent: None,
            received: SystemTime::now(),
            scratch: Scratch::default(),
            duties: Duties::default(),
        }
    }
}

impl Asker {
    fn subject(&self) -> Subject {
        let Self { issuer, id, kind, tenant, roles, groups, scopes, claims } = self.clone();
        let claims_json = (!claims.is_empty()).then(|| Value::Object(claims).to_string());
        Subject { issuer, id, kind, tenant, roles, groups, scopes, claims_json, ..Subject::default() }
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.method())?;
        self.call.name.iter().try_for_each(|name| write!(f, " `{name}`"))?;
        self.call.server.iter().try_for_each(|server| write!(f, " on server `{server}`"))?;
        let Asker { id, tenant, roles, groups, scopes, .. } = &self.subject;
        match id.as_str() {
            "" => f.write_str(" for nobody")?,
            id => write!(f, " for {id}")?,
        }
        let tenant = (!tenant.is_empty()).then(|| format!("tenant {tenant}"));
        let lists = [("roles", roles), ("groups", groups), ("scopes", scopes)];
        let lists = lists.iter().filter(|(_, words)| !words.is_empty());
        let facts: Vec<_> =
            tenant.into_iter().chain(lists.map(|(what, words)| format!("{what} {}", words.join(" ")))).collect();
        if facts.is_empty() { Ok(()) } else { write!(f, " ({})", facts.join(", ")) }
    }
}

/// A directory that has seen what is asked about, and nothing else.
struct Offer(Option<(ItemKind, String, Bytes)>);

impl Directory for Offer {
    fn resolve<'a>(&'a self, call: &'a Arc<Call>) -> BoxFuture<'a, Result<Target, Fault>> {
        Box::pin(std::future::ready(Err(Fault::unknown_method(&call.method))))
    }

    fn place(&self, _: &Call, _: ItemKind, _: &str) -> Option<Place> {
        None
    }

    fn definition(&self, _: &Call, wanted: ItemKind, id: &str) -> Option<Bytes> {
        self.0.as_ref().filter(|(kind, name, _)| *kind == wanted && name == id).map(|(_, _, json)| json.clone())
    }
}
