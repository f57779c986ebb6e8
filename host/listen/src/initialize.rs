//! `initialize`: opens a session with what the endpoint says of itself when it is discovered in the modern way.

use std::sync::Arc;

use bytes::Bytes;
use cardea_chain::{Client, ClientSession, Directory, Reply};
use cardea_message::{Era, Method, Pointer, Request, Version, compose, error, json, meta};
use http::{HeaderValue, StatusCode};
use serde_json::{Map, Value, json};

use crate::body::Share;
use crate::front::Front;
use crate::replay::Streams;
use crate::respond::{self, Answered, Asked, Rejection};
use crate::session::{Facts, SESSION_ID};
use crate::visit::Visit;
use crate::{ids, legacy, ticket, walking};

/// What comes of `initialize`.
pub(crate) enum Greeted {
    /// A session, and the response that says so.
    Opened(Box<Facts>, Bytes),
    /// An endpoint that does not let itself be discovered opens none.
    Refused(Box<Reply>, Asked),
}

/// Opens a session over streamable HTTP.
pub(crate) async fn open(
    front: &Front,
    visit: &Visit,
    request: &Request,
    share: &Arc<Share>,
) -> Result<Answered, Box<Rejection>> {
    let about = |rejection: Box<Rejection>| rejection.about(Some(&request.id));
    let place = front.sessions.place().ok_or_else(legacy::too_many_sessions).map_err(about)?;
    let streams = front.sessions.streams();
    let session = ClientSession::new(ids::session_id().into(), Arc::<Streams>::clone(&streams));
    match greet(front, visit, request, share, session).await.map_err(about)? {
        Greeted::Refused(reply, asked) => Ok(respond::reply(*reply, &asked)),
        Greeted::Opened(facts, welcome) => {
            let mut response = respond::json(StatusCode::OK, vec![welcome]);
            if let Ok(id) = HeaderValue::from_str(&ticket::of_session(&facts.id, visit, &front.settings)) {
                response.headers_mut().insert(SESSION_ID, id);
            }
            front.sessions.open(*facts, streams, place);
            Ok(response)
        }
    }
}

/// Makes the endpoint known to a client, whatever road leads to it.
pub(crate) async fn greet(
    front: &Front,
    visit: &Visit,
    request: &Request,
    share: &Arc<Share>,
    session: ClientSession,
) -> Result<Greeted, Box<Rejection>> {
    let holds = front.hold(share)?;
    let opening = Opening::new(session.id(), visit);
    let client = Client { session: Some(session), ..introduced(request)? };
    let call = visit.bare(Method::SERVER_DISCOVER, client.clone(), &front.settings.limits);
    let asked = Asked { id: request.id.clone(), method: Method::SERVER_DISCOVER, name: None, era: Era::Legacy };
    let (walk, _) = walking::begin(visit, call, &asked, holds);
    let reply = walk.await;
    let Some(result) = reply.result() else { return Ok(Greeted::Refused(Box::new(reply), asked)) };
    let Some(welcome) = Welcome::read(&result, client.version) else {
        let message = "The server's description of itself cannot be read";
        return Err(Rejection::new(StatusCode::OK, error::INTERNAL, message));
    };
    let facts = Facts {
        id: opening.opened(),
        endpoint: Arc::clone(&visit.endpoint),
        subject: visit.subject.key(),
        version: client.version,
        capabilities: client.capabilities,
        info: client.info,
        logging: welcome.logging,
        changes: welcome.changes,
    };
    Ok(Greeted::Opened(Box::new(facts), compose::result(&request.id, &welcome.result)))
}

/// A session that servers may have heard of already. Unless it is opened, they hear of its end.
struct Opening {
    id: Arc<str>,
    directory: Option<Arc<dyn Directory>>,
}

impl Opening {
    fn new(session: &Arc<str>, visit: &Visit) -> Self {
        Self { id: Arc::clone(session), directory: Some(Arc::clone(&visit.directory)) }
    }

    fn opened(mut self) -> Arc<str> {
        self.directory = None;
        Arc::clone(&self.id)
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        if let Some(directory) = &self.directory {
            directory.session_ended(&self.id);
        }
    }
}

/// The client as it introduces itself, with the version the session will speak.
fn introduced(request: &Request) -> Result<Client, Box<Rejection>> {
    let invalid = |message: &str| Rejection::new(StatusCode::OK, error::INVALID_PARAMS, message);
    let params = request.params().unwrap_or_default();
    let object = |key: &str| {
        let value = json::find(&params, &Pointer::root().child(key)).map(|span| params.slice(span));
        value.filter(|value| value.starts_with(b"{"))
    };
    let Some(version) = json::find_str(&params, &Pointer::root().child("protocolVersion")) else {
        return Err(invalid("`initialize` needs `protocolVersion`, a string"));
    };
    Ok(Client {
        version: settled(&version),
        // Kept for the whole session, so not as a slice of the request's memory.
        capabilities: Bytes::copy_from_slice(&object("capabilities").unwrap_or(Bytes::from_static(b"{}"))),
        info: object("clientInfo").map(|info| Bytes::copy_from_slice(&info)),
        log_level: None,
        progress_token: None,
        session: None,
    })
}

/// The version asked for, if sessions can speak it, else the newest that they can.
fn settled(version: &str) -> Version {
    Version::parse(version).filter(|known| known.era() == Era::Legacy).unwrap_or(Version::LATEST_LEGACY)
}

/// An `InitializeResult`.
struct Welcome {
    result: Vec<u8>,
    logging: bool,
    changes: bool,
}

impl Welcome {
    /// Rewrites a discovery. What is not known here stays as the server said it.
    fn read(discovered: &[u8], version: Version) -> Option<Self> {
        let mut result: Map<String, Value> = serde_json::from_slice(discovered).ok()?;
        for modern in ["supportedVersions", "ttlMs", "cacheScope", "resultType"] {
            result.remove(modern);
        }
        let info = server_info(&mut result);
        let capabilities = result.entry("capabilities").or_insert_with(|| json!({})).as_object_mut()?;
        let logging = capabilities.contains_key("logging");
        let tells = |capability: &Value| ["listChanged", "subscribe"].iter().any(|told| capability[*told] == true);
        let changes = capabilities.values().any(tells);
        result.insert("serverInfo".to_owned(), info);
        result.insert("protocolVersion".to_owned(), version.as_str().into());
        Some(Self { result: serde_json::to_vec(&result).ok()?, logging, changes })
    }
}

/// Takes the server's name out of `_meta`, where only modern clients look for it.
fn server_info(result: &mut Map<String, Value>) -> Value {
    let ours = || json!({ "name": "cardea", "version": env!("CARGO_PKG_VERSION") });
    let Some(Value::Object(mut meta)) = result.remove("_meta") else { return ours() };
    let info = meta.remove(meta::SERVER_INFO);
    if !meta.is_empty() {
        result.insert("_meta".to_owned(), meta.into());
    }
    info.filter(Value::is_object).unwrap_or_else(ours)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn the_version_is_echoed_if_sessions_can_speak_it() {
        for (asked, spoken) in [
            ("2025-03-26", Version::V2025_03_26),
            ("2025-11-25", Version::V2025_11_25),
            ("2026-07-28", Version::V2025_11_25),
            ("1.0", Version::V2025_11_25),
        ] {
            assert_eq!(settled(asked), spoken, "{asked}");
        }
    }

    #[test]
    fn a_discovery_becomes_an_initialize_result() {
        let discovered = json!({
            "supportedVersions": ["2026-07-28"], "resultType": "complete", "ttlMs": 0, "cacheScope": "private",
            "capabilities": { "logging": {}, "resources": { "subscribe": true, "listChanged": true, "x": 1 } },
            "instructions": "be kind", "x-new": [1],
            "_meta": { "io.modelcontextprotocol/serverInfo": { "name": "git", "version": "2" }, "vendor/a": 1 },
        });
        let welcome = Welcome::read(discovered.to_string().as_bytes(), Version::V2025_06_18).unwrap();
        assert!(welcome.logging && welcome.changes);
        assert_eq!(
            serde_json::from_slice::<Value>(&welcome.result).unwrap(),
            json!({
                "protocolVersion": "2025-06-18", "serverInfo": { "name": "git", "version": "2" },
                "capabilities": { "logging": {}, "resources": { "subscribe": true, "listChanged": true, "x": 1 } },
                "instructions": "be kind", "x-new": [1], "_meta": { "vendor/a": 1 },
            })
        );
    }
}
