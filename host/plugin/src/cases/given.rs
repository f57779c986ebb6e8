//! What a case gives, as the chain's values.

use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use cardea_chain::{
    Answer, Call, CallId, Candidate, Client, Condition, Credential, Deadline, Definition, Directory, Duties, Entry,
    Fault, FaultKind, Hints, Item, ItemKind, Listing, Origin, Passing, PassingKind, Peer, Place, Reply, Scratch, Side,
    Subject, Target,
};
use cardea_grant::Issuer;
use cardea_message::{Message, Method, Version};
use cardea_sdk::ItemHints;
use cardea_sdk::testing::case::Case;
use cardea_sdk::testing::given::{GivenItem, GivenOrigin};
use cardea_sdk::testing::message::GivenMessageKind;
use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderName, HeaderValue};

pub(super) fn call(case: &Case) -> Result<Arc<Call>, String> {
    let given = &case.given.call;
    let version = if given.version.is_empty() { Version::LATEST.as_str() } else { &given.version };
    let mut headers = HeaderMap::new();
    for (name, value) in &given.headers {
        headers.append(header_name(name), header_value(value));
    }
    let mut scratch = Scratch::default();
    for (plugin, notes) in &case.given.scratch {
        let notes = notes.iter().map(|(key, text)| (key.clone(), Bytes::from(text.clone()))).collect();
        scratch.commit(&plugin.as_str().into(), notes);
    }
    let native = given.native_name.clone().or_else(|| given.name.clone());
    let left = Duration::from_millis(if given.remaining_ms == 0 { 30_000 } else { given.remaining_ms });
    Ok(Arc::new(Call {
        id: CallId::new(given.id.as_str()),
        method: Method::parse(&given.method),
        params: given.params.as_ref().map(|json| Bytes::from(json.0.clone())),
        name: given.name.clone().map(Into::into),
        native_name: native.map(Into::into),
        server: (!given.server.is_empty()).then(|| given.server.as_str().into()),
        endpoint: given.endpoint.as_str().into(),
        directory: Arc::new(Items(case.given.items.clone())),
        client: Arc::new(Client {
            version: Version::parse(version).ok_or_else(|| format!("`{version}` is no version"))?,
            capabilities: Bytes::from_static(b"{}"),
            info: None,
            log_level: None,
            progress_token: None,
            session: None,
        }),
        subject: Arc::new(subject(case)),
        headers: Arc::new(headers),
        deadline: Deadline::new(left, left),
        traceparent: None,
        received: SystemTime::UNIX_EPOCH,
        scratch,
        duties: duties(case)?,
    }))
}

fn duties(case: &Case) -> Result<Duties, String> {
    let mut duties = Duties::default();
    for duty in &case.given.obligations {
        let condition = Condition::read(duty.kind.clone(), duty.json.0.clone())?;
        duties.add(&"case".into(), Arc::new(condition));
    }
    Ok(duties)
}

pub(super) fn subject(case: &Case) -> Subject {
    let Some(given) = &case.given.subject else { return Subject::default() };
    Subject {
        issuer: given.issuer.clone(),
        id: given.id.clone(),
        kind: given.kind.clone(),
        tenant: given.tenant.clone(),
        client: given.client.clone(),
        credential_id: given.credential_id.clone(),
        roles: given.roles.clone(),
        groups: given.groups.clone(),
        scopes: given.scopes.clone(),
        actor_json: None,
        claims_json: given.claims.as_ref().map(|claims| claims.0.clone()),
        expires_ms: given.expires_ms,
    }
}

pub(super) fn credential(case: &Case) -> Arc<Credential> {
    let given = &case.given.credential;
    let mut headers = HeaderMap::new();
    for (name, values) in &given.headers {
        for value in values.to_vec() {
            headers.append(header_name(name), header_value(&value));
        }
    }
    let method = if given.method.is_empty() { "POST" } else { &given.method };
    Arc::new(Credential {
        headers,
        method: http::Method::from_str(method).expect("an HTTP method"),
        uri: given.uri.clone(),
        endpoint: given.endpoint.as_str().into(),
        peer: given.tls_peer.as_ref().map(|peer| Peer { digest: peer.digest.clone(), names: peer.names.clone() }),
    })
}

/// Any issuer: the scripted ones do not look.
pub(super) fn issuer() -> Issuer {
    Issuer {
        id: "https://id.example.com".to_owned(),
        jwks: None,
        algorithms: Vec::new(),
        types: Vec::new(),
        leeway: Duration::ZERO,
        max_lifetime: Duration::MAX,
    }
}

/// A page of the definitions, with the items exactly as the case gives them.
pub(super) fn listing(case: &Case, call: &Call) -> Arc<Listing> {
    let definitions: Vec<_> = case.given.items.iter().map(definition).collect();
    let page = format!(r#"{{"tools":[{}]}}"#, definitions.join(","));
    let mut listing = Listing::read(call, ItemKind::Tool, page.into()).expect("a page");
    for (item, given) in listing.items.iter_mut().zip(&case.given.items) {
        let has = |hint| cardea_sdk::Item::from(given).hints.contains(hint);
        *item = Item {
            kind: kind(given.kind),
            id: given.id.clone(),
            native_id: given.native_id.clone().unwrap_or_else(|| given.id.clone()),
            server: given.server.as_str().into(),
            digest: given.digest.clone(),
            hints: Hints {
                read_only: has(ItemHints::READ_ONLY),
                destructive: has(ItemHints::DESTRUCTIVE),
                idempotent: has(ItemHints::IDEMPOTENT),
                open_world: has(ItemHints::OPEN_WORLD),
            },
        };
    }
    if let Some(first) = listing.items.first() {
        listing.kind = first.kind;
    }
    Arc::new(listing)
}

pub(super) fn definitions(case: &Case) -> Arc<Vec<Definition>> {
    let definition = |given: &GivenItem| Definition {
        kind: kind(given.kind),
        native_id: given.native_id.clone().unwrap_or_else(|| given.id.clone()),
        server: given.server.as_str().into(),
        digest: given.digest.clone(),
        json: definition(given).into(),
    };
    Arc::new(case.given.items.iter().map(definition).collect())
}

pub(super) fn candidates(case: &Case) -> Vec<Candidate> {
    let candidate = |given: &cardea_sdk::testing::given::GivenCandidate| Candidate {
        id: given.id.clone(),
        server: given.server.clone(),
        weight: given.weight.max(1),
        labels: given.labels.clone().into_iter().collect(),
        in_flight: given.in_flight,
        latency_us: given.latency_us,
        healthy: !given.unhealthy,
    };
    case.given.candidates.iter().map(candidate).collect()
}

pub(super) fn records(case: &Case) -> Vec<Entry> {
    let record =
        |given: &cardea_sdk::testing::given::GivenRecord| Entry { cursor: given.cursor, json: given.json.0.clone() };
    case.given.records.iter().map(record).collect()
}

/// A server's error is its own message; one of the house or of a stage has no message of its own.
pub(super) fn reply(case: &Case) -> Result<Arc<Reply>, String> {
    let given = case.given.reply.as_ref().ok_or("the case gives no reply")?;
    let origin = match given.origin {
        GivenOrigin::Server => Origin::Server,
        GivenOrigin::Stage => Origin::Stage,
        GivenOrigin::House => Origin::House,
    };
    let answer = match (&given.result, &given.error, origin) {
        (Some(result), _, _) => Answer::Result(result.0.clone().into()),
        (None, Some(error), Origin::Server) => {
            let message = format!(r#"{{"jsonrpc":"2.0","id":1,"error":{}}}"#, error.0);
            match Message::parse_reply(message.into()) {
                Ok(Message::Response(response)) => Answer::Message(response),
                _ => return Err("given.reply.error is no JSON-RPC error".to_owned()),
            }
        }
        (None, Some(_), _) => {
            Answer::Failed(Fault::new(Side::House, FaultKind::Internal, "by the case", "by the case"))
        }
        (None, None, _) => return Err("given.reply has neither result nor error".to_owned()),
    };
    Ok(Arc::new(Reply { origin, answer }))
}

pub(super) fn passing(case: &Case) -> Arc<Passing> {
    let given = &case.given.message;
    let kind = match given.kind {
        GivenMessageKind::Notification => PassingKind::Notification,
        GivenMessageKind::Ask => PassingKind::Ask,
        GivenMessageKind::Answer => PassingKind::Answer,
    };
    let document = given.document.as_ref().map_or_else(|| "{}".to_owned(), |json| json.0.clone());
    Arc::new(Passing { kind, document: document.into() })
}

fn header_name(name: &str) -> HeaderName {
    HeaderName::from_str(name).expect("a header name")
}

fn header_value(value: &str) -> HeaderValue {
    HeaderValue::from_str(value).expect("a header value")
}

fn definition(given: &GivenItem) -> String {
    given.definition.as_ref().map_or_else(|| "{}".to_owned(), |json| json.0.clone())
}

fn kind(kind: cardea_sdk::ItemKind) -> ItemKind {
    match kind {
        cardea_sdk::ItemKind::Tool => ItemKind::Tool,
        cardea_sdk::ItemKind::Prompt => ItemKind::Prompt,
        cardea_sdk::ItemKind::Resource => ItemKind::Resource,
        cardea_sdk::ItemKind::ResourceTemplate => ItemKind::ResourceTemplate,
    }
}

/// A directory of the case's items, in which every name is its own.
struct Items(Vec<GivenItem>);

impl Directory for Items {
    fn resolve<'a>(&'a self, call: &'a Arc<Call>) -> BoxFuture<'a, Result<Target, Fault>> {
        Box::pin(std::future::ready(Err(Fault::unknown_method(&call.method))))
    }

    fn place(&self, _: &Call, _: ItemKind, _: &str) -> Option<Place> {
        None
    }

    fn definition(&self, _: &Call, wanted: ItemKind, id: &str) -> Option<Bytes> {
        let item = self.0.iter().find(|item| kind(item.kind) == wanted && item.id == id)?;
        item.definition.as_ref().map(|json| json.0.clone().into())
    }
}
