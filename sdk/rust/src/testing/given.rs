//! The part of a case that says what the host has when the hook starts.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::case::Json;
use super::message::GivenMessage;
use crate::limiter::Taken;
use crate::{Candidate, Definition, Entry, HostError, Item, ItemHints, ItemKind, Subject};

/// What the host has.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Given {
    /// `clock.now-ms`.
    pub now_ms: u64,
    /// `config.generation`; 0 stands for 1.
    pub generation: u64,
    /// Who calls.
    pub subject: Option<GivenSubject>,
    /// The call.
    pub call: GivenCall,
    /// What the client presented.
    pub credential: GivenCredential,
    /// The reply.
    pub reply: Option<GivenReply>,
    /// What is passing, for `on-message`.
    pub message: GivenMessage,
    /// The argument of `on-list` and of `on-catalog`, and what `catalog` knows.
    pub items: Vec<GivenItem>,
    /// The argument of `on-route`.
    pub candidates: Vec<GivenCandidate>,
    /// The argument of `on-record`.
    pub records: Vec<GivenRecord>,
    /// What plugins wrote earlier in this call: plugin, key, text.
    pub scratch: BTreeMap<String, BTreeMap<String, String>>,
    /// Conditions that are open when the hook starts; their ids count from 0.
    pub obligations: Vec<GivenDuty>,
    /// Answers of `limiter.take`, one after the other. One call more is an error: `other`.
    pub limiter: Vec<LimiterAnswer>,
    /// Content of `kv`: key, text. A number is its decimal text.
    pub kv: BTreeMap<String, String>,
    /// Answers of `jose.verify`, by token. A token that is not here is malformed.
    pub tokens: BTreeMap<String, TokenAnswer>,
    /// Answers of `jose.verify-proof`, by proof.
    pub proofs: BTreeMap<String, ProofAnswer>,
    /// Interfaces whose every function fails, and with which error: `kv`, `limiter`, `journal`.
    pub failing: BTreeMap<String, ErrorName>,
}

/// A subject.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct GivenSubject {
    /// Issuer.
    pub issuer: String,
    /// Name.
    pub id: String,
    /// Kind.
    pub kind: String,
    /// Tenant.
    pub tenant: String,
    /// Client.
    pub client: String,
    /// Handle of the credential.
    pub credential_id: String,
    /// Roles.
    pub roles: Vec<String>,
    /// Groups.
    pub groups: Vec<String>,
    /// Scopes.
    pub scopes: Vec<String>,
    /// Verified claims.
    pub claims: Option<Json>,
    /// End of the credential.
    pub expires_ms: Option<u64>,
}

/// A call.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct GivenCall {
    /// Correlation id.
    pub id: String,
    /// Method.
    pub method: String,
    /// Name or URI as the client sent it.
    pub name: Option<String>,
    /// Name or URI as the server knows it; as `name` if not given.
    pub native_name: Option<String>,
    /// Server.
    pub server: String,
    /// Endpoint.
    pub endpoint: String,
    /// Protocol version.
    pub version: String,
    /// Request headers that plugins may see.
    pub headers: BTreeMap<String, String>,
    /// `params`.
    pub params: Option<Json>,
    /// Milliseconds to the deadline; 0 stands for 30000.
    pub remaining_ms: u64,
}

/// A condition of the call.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GivenDuty {
    /// What must be done.
    pub kind: String,
    /// Its parameters.
    pub json: Json,
}

/// A credential.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct GivenCredential {
    /// Header values by lower-case name.
    pub headers: BTreeMap<String, OneOrMany>,
    /// HTTP method.
    pub method: String,
    /// URI.
    pub uri: String,
    /// Endpoint.
    pub endpoint: String,
    /// Client certificate.
    pub tls_peer: Option<GivenPeer>,
}

/// A text or a list of texts.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany {
    /// One.
    One(String),
    /// Any number.
    Many(Vec<String>),
}

impl OneOrMany {
    /// As a list.
    pub fn to_vec(&self) -> Vec<String> {
        match self {
            Self::One(text) => vec![text.clone()],
            Self::Many(texts) => texts.clone(),
        }
    }
}

/// A client certificate.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct GivenPeer {
    /// Digest.
    pub digest: String,
    /// Names.
    pub names: Vec<String>,
}

/// A reply: a result or an error.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct GivenReply {
    /// Who produced it.
    #[serde(default)]
    pub origin: GivenOrigin,
    /// The result.
    #[serde(default)]
    pub result: Option<Json>,
    /// The JSON-RPC error.
    #[serde(default)]
    pub error: Option<Json>,
}

/// Who produced a reply.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GivenOrigin {
    /// The server.
    #[default]
    Server,
    /// A stage.
    Stage,
    /// The gateway.
    House,
}

/// A list item.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct GivenItem {
    /// What it is.
    #[serde(default = "tool", deserialize_with = "item_kind")]
    pub kind: ItemKind,
    /// Name or URI as the client sees it.
    pub id: String,
    /// Name or URI as the server knows it; as `id` if not given.
    #[serde(default)]
    pub native_id: Option<String>,
    /// Server.
    #[serde(default)]
    pub server: String,
    /// Digest.
    #[serde(default)]
    pub digest: String,
    /// `read-only`, `destructive`, `idempotent`, `open-world`.
    #[serde(default)]
    pub hints: Vec<Hint>,
    /// The definition that `catalog.get` reads.
    #[serde(default)]
    pub definition: Option<Json>,
}

/// A hint of a server about its tool.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hint {
    /// Read only.
    ReadOnly,
    /// Destructive.
    Destructive,
    /// Idempotent.
    Idempotent,
    /// Open world.
    OpenWorld,
}

/// An endpoint that could take the call.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct GivenCandidate {
    /// Id.
    pub id: String,
    /// Server.
    pub server: String,
    /// Weight.
    pub weight: u32,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Calls under way.
    pub in_flight: u32,
    /// Latency in microseconds.
    pub latency_us: u64,
    /// Out of order.
    pub unhealthy: bool,
}

/// A journal record.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GivenRecord {
    /// Position.
    pub cursor: u64,
    /// The record.
    pub json: Json,
}

/// One answer of the limiter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LimiterAnswer {
    /// Yes, with one left in the first bucket.
    Allow,
    /// Yes, in these words.
    AllowWith(Numbers),
    /// No.
    Refuse(Numbers),
    /// An error.
    Error(ErrorName),
}

/// What `jose.verify` says of a token.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokenAnswer {
    /// It is good and has these claims, among them the issuer's name.
    Claims(Json),
    /// It is not good, for this reason.
    Rejected(String),
    /// The keys cannot be had.
    Unavailable(String),
}

/// What `jose.verify-proof` says of a proof.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProofAnswer {
    /// It is good.
    Good {
        /// Thumbprint of its key.
        thumbprint: String,
        /// Its claims.
        claims: Json,
    },
    /// It is not, for this reason.
    Rejected(String),
}

impl TokenAnswer {
    /// What `jose.verify` returns.
    pub fn to_result(&self) -> Result<String, crate::jose::TokenError> {
        match self {
            Self::Claims(claims) => Ok(claims.0.clone()),
            Self::Rejected(why) => Err(crate::jose::TokenError::Rejected(why.clone())),
            Self::Unavailable(why) => Err(crate::jose::TokenError::Unavailable(why.clone())),
        }
    }
}

impl ProofAnswer {
    /// What `jose.verify-proof` returns.
    pub fn to_result(&self) -> Result<crate::jose::Proof, crate::jose::TokenError> {
        match self {
            Self::Good { thumbprint, claims } => {
                Ok(crate::jose::Proof { thumbprint: thumbprint.clone(), claims_json: claims.0.clone(), ext_json: None })
            }
            Self::Rejected(why) => Err(crate::jose::TokenError::Rejected(why.clone())),
        }
    }
}

/// The numbers in an answer of the limiter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Numbers {
    /// Which bucket.
    pub bucket: u32,
    /// How much it has left.
    pub remaining: u64,
    /// When the same can succeed.
    pub retry_after_ms: u64,
    /// When it is full again.
    pub reset_ms: u64,
}

/// A `host-error` by its name; the text of those that have one is `by the case`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the names are those of wit/types.wit")]
pub enum ErrorName {
    Denied,
    NotFound,
    Timeout,
    TooLarge,
    Busy,
    Invalid,
    Unavailable,
    Other,
}

impl From<ErrorName> for HostError {
    fn from(name: ErrorName) -> Self {
        let text = || "by the case".to_owned();
        match name {
            ErrorName::Denied => Self::Denied(text()),
            ErrorName::NotFound => Self::NotFound,
            ErrorName::Timeout => Self::Timeout,
            ErrorName::TooLarge => Self::TooLarge,
            ErrorName::Busy => Self::Busy,
            ErrorName::Invalid => Self::Invalid(text()),
            ErrorName::Unavailable => Self::Unavailable(text()),
            ErrorName::Other => Self::Other(text()),
        }
    }
}

impl LimiterAnswer {
    /// What `limiter.take` returns.
    pub fn to_result(self) -> Result<Taken, HostError> {
        let taken = |allowed, numbers: Numbers| Taken {
            allowed,
            bucket: numbers.bucket,
            remaining: numbers.remaining,
            retry_after_ms: numbers.retry_after_ms,
            reset_ms: numbers.reset_ms,
            ext_json: None,
        };
        match self {
            Self::Allow => Ok(taken(true, Numbers { remaining: 1, ..Numbers::default() })),
            Self::AllowWith(numbers) => Ok(taken(true, numbers)),
            Self::Refuse(numbers) => Ok(taken(false, numbers)),
            Self::Error(name) => Err(name.into()),
        }
    }
}

impl From<&GivenSubject> for Subject {
    fn from(given: &GivenSubject) -> Self {
        Self {
            tenant: given.tenant.clone(),
            client: given.client.clone(),
            credential_id: given.credential_id.clone(),
            roles: given.roles.clone(),
            groups: given.groups.clone(),
            scopes: given.scopes.clone(),
            claims_json: given.claims.as_ref().map(|claims| claims.0.clone()),
            expires_ms: given.expires_ms,
            ..Self::new(&given.issuer, &given.id, &given.kind)
        }
    }
}

impl From<&GivenItem> for Item {
    fn from(given: &GivenItem) -> Self {
        let hints = given.hints.iter().map(|hint| match hint {
            Hint::ReadOnly => ItemHints::READ_ONLY,
            Hint::Destructive => ItemHints::DESTRUCTIVE,
            Hint::Idempotent => ItemHints::IDEMPOTENT,
            Hint::OpenWorld => ItemHints::OPEN_WORLD,
        });
        Self {
            kind: given.kind,
            id: given.id.clone(),
            native_id: given.native_id.clone().unwrap_or_else(|| given.id.clone()),
            server: given.server.clone(),
            digest: given.digest.clone(),
            hints: hints.fold(ItemHints::empty(), |all, hint| all | hint),
            ext_json: None,
        }
    }
}

impl From<&GivenItem> for Definition {
    fn from(given: &GivenItem) -> Self {
        let native_id = given.native_id.clone().unwrap_or_else(|| given.id.clone());
        let json = given.definition.as_ref().map_or_else(|| "{}".to_owned(), |json| json.0.clone());
        let (kind, server, digest) = (given.kind, given.server.clone(), given.digest.clone());
        Self { kind, id: given.id.clone(), native_id, server, digest, json, ext_json: None }
    }
}

impl From<&GivenCandidate> for Candidate {
    fn from(given: &GivenCandidate) -> Self {
        Self {
            id: given.id.clone(),
            server: given.server.clone(),
            weight: given.weight.max(1),
            labels: given.labels.clone().into_iter().collect(),
            in_flight: given.in_flight,
            latency_us: given.latency_us,
            healthy: !given.unhealthy,
            ext_json: None,
        }
    }
}

impl From<&GivenRecord> for Entry {
    fn from(given: &GivenRecord) -> Self {
        Self { cursor: given.cursor, json: given.json.0.clone(), ext_json: None }
    }
}

fn tool() -> ItemKind {
    ItemKind::Tool
}

fn item_kind<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<ItemKind, D::Error> {
    match String::deserialize(deserializer)?.as_str() {
        "tool" => Ok(ItemKind::Tool),
        "prompt" => Ok(ItemKind::Prompt),
        "resource" => Ok(ItemKind::Resource),
        "resource-template" => Ok(ItemKind::ResourceTemplate),
        other => {
            Err(serde::de::Error::custom(format!("`{other}` is no kind: tool, prompt, resource or resource-template")))
        }
    }
}
