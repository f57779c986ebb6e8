//! Every difference between what a client speaks and what its server speaks, in one place. What is not named here
//! passes as it is: between two parties of one era a result keeps every byte.

use bytes::Bytes;
use cardea_chain::{Call, Client, Fault};
use cardea_message::meta::{self, Envelope, Meta, MetaEdit};
use cardea_message::{
    Era, ErrorObject, Id, Message, Method, Notification, Outcome, Pointer, Response, Splice, Version,
};
use cardea_message::{compose, error, json};

use crate::blame::Blame;
use crate::greeting::Greeting;
use crate::introduction::Introduction;
use crate::urls;

/// Whether a modern client wants to listen.
pub(crate) fn is_listen(call: &Call) -> bool {
    call.method == Method::SUBSCRIPTIONS_LISTEN && call.client.version.era() == Era::Modern
}

/// Whether a method can reach this server as it is. Subscriptions by stream and the tasks of 2026-07-28 pass between two modern
/// parties, and nothing of the older versions stands for them.
pub(crate) fn is_bridged(call: &Call, server: Era) -> bool {
    let modern = server == Era::Modern && call.client.version.era() == Era::Modern;
    modern || !(call.method == Method::SUBSCRIPTIONS_LISTEN || call.method.as_str().starts_with("tasks/"))
}

/// The `params` a server gets: `_meta` in the words of its era, with the gateway's own progress token.
pub(crate) fn params(call: &Call, server: Era, id: u64, trace_in_meta: bool) -> Option<Bytes> {
    let said = Meta::of(call.params.as_ref());
    let mut edit = MetaEdit { remove: vec![meta::PROGRESS_TOKEN.into()], ..MetaEdit::default() };
    if call.client.progress_token.is_some() {
        edit.set.push((meta::PROGRESS_TOKEN.into(), id.to_string().into()));
    }
    if let Some(trace) = call.traceparent.as_deref().filter(|_| trace_in_meta) {
        edit.set.push(("traceparent".into(), quoted(trace)));
    }
    match server {
        Era::Legacy => edit.remove_prefix_modern = call.client.version.era() == Era::Modern,
        Era::Modern => add_envelope(call, &said, &mut edit),
    }
    let params = said.edited(&edit);
    let params = if edit.remove_prefix_modern { urls::unanswered(params) } else { params };
    (call.params.is_some() || params != "{}").then_some(params)
}

/// Sets the keys a modern request must carry that this call's `_meta` lacks or may not carry as they are.
fn add_envelope(call: &Call, said: &Meta, edit: &mut MetaEdit) {
    let said = match call.client.version.era() {
        Era::Modern => Envelope::of(said).unwrap_or_default(),
        Era::Legacy => Envelope::default(),
    };
    let mut add = |key: &'static str, value: Bytes| edit.set.push((key.into(), value));
    if said.version.is_none() {
        add(meta::PROTOCOL_VERSION, quoted(Version::LATEST.as_str()));
    }
    match call.client.version.era() {
        Era::Modern if said.client_capabilities.is_none() => {
            add(meta::CLIENT_CAPABILITIES, call.client.capabilities.clone());
        }
        Era::Modern => {}
        // What its client can be asked is promised if there is a session in which to ask it.
        Era::Legacy => {
            let asked = call.client.session.as_ref().map(|_| Introduction::of(&call.client));
            add(meta::CLIENT_CAPABILITIES, asked.unwrap_or(Introduction::nobody()).as_json().clone());
            if let Some(level) = &call.client.log_level {
                add(meta::LOG_LEVEL, quoted(level));
            }
        }
    }
    if let Some(info) = call.client.info.as_ref().filter(|_| said.client_info.is_none()) {
        add(meta::CLIENT_INFO, info.clone());
    }
}

/// The response a client gets.
pub(crate) fn response(response: Response, call: &Call, greeting: &Greeting, blame: &Blame) -> Result<Response, Fault> {
    if let (Era::Legacy, Era::Modern, Some(error)) = (greeting.era, call.client.version.era(), response.error())
        && let Some(question) = urls::question(&error, call, greeting.server_info.as_ref())
    {
        let id = response.id.unwrap_or(Id::number(0));
        return parsed(compose::result(&id, &question)).ok_or_else(|| blame.internal("a question is no reply"));
    }
    let document = match (greeting.era, call.client.version.era(), &response.outcome) {
        (Era::Modern, Era::Modern, _) | (Era::Legacy, Era::Legacy, _) => None,
        (Era::Legacy, Era::Modern, Outcome::Result(_)) => {
            response.result().and_then(|result| completed(&result, &call.method, greeting.server_info.as_ref()))
        }
        (Era::Modern, Era::Legacy, Outcome::Result(_)) => match response.result() {
            Some(result) if wants_input(&result) => return Err(blame.cannot_ask()),
            _ => None,
        },
        (_, client, Outcome::Error(_)) => response.error().and_then(|error| recoded(&error, call, client)),
    };
    match document {
        None => Ok(response),
        Some(document) => {
            with_outcome(&response, document).ok_or_else(|| blame.internal("a translated reply is no reply"))
        }
    }
}

/// A legacy result with what 2026-07-28 requires of one, as its last members. None if nothing is missing.
fn completed(result: &Bytes, method: &Method, server_info: Option<&Bytes>) -> Option<Bytes> {
    let members = json::members(result)?;
    let has = |name: &str| members.iter().any(|(key, _)| key == name);
    let mut added = Vec::new();
    let mut add = |name: &str, value: &[u8]| {
        added.extend_from_slice(format!(r#","{name}":"#).as_bytes());
        added.extend_from_slice(value);
    };
    if !has("resultType") {
        add("resultType", br#""complete""#);
    }
    if (method.is_list() || *method == Method::RESOURCES_READ) && !has("ttlMs") {
        add("ttlMs", b"0");
    }
    if (method.is_list() || *method == Method::RESOURCES_READ) && !has("cacheScope") {
        add("cacheScope", br#""private""#);
    }
    if let Some(info) = server_info.filter(|_| !has("_meta")) {
        add("_meta", &[format!(r#"{{"{}":"#, meta::SERVER_INFO).as_bytes(), info, b"}"].concat());
    }
    if members.is_empty() && !added.is_empty() {
        added.remove(0);
    }
    let end = result.len() - 1;
    let with_members = Splice::new(result.clone()).replace(end..end, added).into_bytes();
    let info_pointer = Pointer::root().child("_meta").child(meta::SERVER_INFO);
    match server_info.filter(|_| has("_meta") && json::find(result, &info_pointer).is_none()) {
        Some(info) => Some(json::set(&with_members, &info_pointer, info).map_or(with_members, Bytes::from)),
        None => Some(with_members),
    }
}

/// Whether a modern result asks for input instead of being the end.
pub(crate) fn wants_input(result: &[u8]) -> bool {
    json::member_str(result, "resultType").as_deref() == Some("input_required")
}

/// `resources/read` of something that is not there has a code of its own in the legacy era, and a URI as data in the modern.
fn recoded(error: &Bytes, call: &Call, client: Era) -> Option<Bytes> {
    if call.method != Method::RESOURCES_READ {
        return None;
    }
    let (from, to) = match client {
        Era::Modern => (error::RESOURCE_NOT_FOUND_LEGACY, error::INVALID_PARAMS),
        Era::Legacy => (error::INVALID_PARAMS, error::RESOURCE_NOT_FOUND_LEGACY),
    };
    if ErrorObject::parse(error).ok()?.code != from {
        return None;
    }
    let recoded = json::set(error, &Pointer::root().child("code"), to.to_string().as_bytes()).ok()?;
    let uri = call.native_name.as_deref().filter(|_| client == Era::Modern);
    let data = Pointer::root().child("data");
    match uri.filter(|_| json::find(error, &data).is_none()) {
        Some(uri) => json::set(&recoded, &data, serde_json::json!({ "uri": uri }).to_string().as_bytes()).ok(),
        None => Some(recoded),
    }
    .map(Bytes::from)
}

fn with_outcome(response: &Response, document: Bytes) -> Option<Response> {
    let (Outcome::Result(span) | Outcome::Error(span)) = response.outcome.clone();
    parsed(Splice::new(response.bytes().clone()).replace(span, document).into_bytes())
}

fn parsed(text: Bytes) -> Option<Response> {
    match Message::parse_reply(text) {
        Ok(Message::Response(response)) => Some(response),
        _ => None,
    }
}

/// The notification a client gets on the way to the end of a call: its own progress token back in place. None for one it
/// did not ask for, or that belongs to a subscription.
pub(crate) fn notification(notification: Notification, id: u64, client: &Client) -> Option<Notification> {
    match notification.method.as_str() {
        "notifications/progress" => restored(&notification, id, client.progress_token.as_ref()?),
        "notifications/message" => wanted(&notification, client).then_some(notification),
        // Of those that take back an ask: the others have not come this far.
        "notifications/cancelled" | "notifications/elicitation/complete" => {
            (client.version.era() == Era::Legacy).then_some(notification)
        }
        "notifications/tools/list_changed"
        | "notifications/prompts/list_changed"
        | "notifications/resources/list_changed"
        | "notifications/resources/updated"
        | "notifications/subscriptions/acknowledged"
        | "notifications/tasks"
        | "notifications/tasks/status" => None,
        _ => Some(notification),
    }
}

/// True for what a legacy server says to a session and not to a call.
pub(crate) fn is_of_session(method: &Method) -> bool {
    matches!(
        method.as_str(),
        "notifications/tools/list_changed"
            | "notifications/prompts/list_changed"
            | "notifications/resources/list_changed"
            | "notifications/resources/updated"
    )
}

/// The number in `params.progressToken`: the gateway's own token, which is the id of the request it was sent with.
pub(crate) fn progress_token(notification: &Notification) -> Option<u64> {
    let params = notification.params()?;
    let span = json::member(&params, meta::PROGRESS_TOKEN)?;
    std::str::from_utf8(&params[span]).ok()?.parse().ok()
}

fn restored(notification: &Notification, id: u64, token: &Bytes) -> Option<Notification> {
    if progress_token(notification) != Some(id) {
        return None;
    }
    let params = notification.params_span()?;
    let found = json::member(&notification.params()?, meta::PROGRESS_TOKEN)?;
    let span = found.start + params.start..found.end + params.start;
    let restored = Splice::new(notification.bytes().clone()).replace(span, token.clone()).into_bytes();
    match Message::parse_reply(restored) {
        Ok(Message::Notification(restored)) => Some(restored),
        _ => None,
    }
}

/// Levels as RFC 5424 orders them, the least severe first.
const LEVELS: [&str; 8] = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];

/// Whether a client wants a log message: a session is shared at times, and its level is then another's wish.
fn wanted(notification: &Notification, client: &Client) -> bool {
    let severity = |level: &str| LEVELS.iter().position(|known| *known == level);
    let Some(least) = client.log_level.as_deref() else { return client.version.era() == Era::Legacy };
    let level = notification.params().and_then(|params| json::find_str(&params, &Pointer::root().child("level")));
    match (level.as_deref().and_then(severity), severity(least)) {
        (Some(level), Some(least)) => level >= least,
        _ => true,
    }
}

/// Where a party declares tasks of 2026-07-28 in its capabilities.
pub(crate) fn tasks_extension(capabilities: Pointer) -> Pointer {
    capabilities.child("extensions").child("io.modelcontextprotocol/tasks")
}

/// A text as JSON.
pub(crate) fn quoted(text: &str) -> Bytes {
    serde_json::Value::from(text).to_string().into()
}

#[cfg(test)]
#[path = "translate_tests.rs"]
mod tests;
