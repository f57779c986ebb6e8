//! `params._meta`: what a modern request says about itself, and how the gateway changes it on the way.

use std::borrow::Cow;

use bytes::Bytes;

use crate::{Id, Pointer, json};

/// The prefix of the keys that MCP reserves for itself.
const RESERVED: &str = "io.modelcontextprotocol/";
/// Keys under the prefix that legacy peers know: tasks of 2025-11-25.
const LEGACY: [&str; 2] = ["io.modelcontextprotocol/related-task", "io.modelcontextprotocol/model-immediate-response"];

/// The key of the version a request speaks.
pub const PROTOCOL_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
/// The key of the capabilities of the client.
pub const CLIENT_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
/// The key of the client's name and version.
pub const CLIENT_INFO: &str = "io.modelcontextprotocol/clientInfo";
/// The key of the log level the client wants for this request.
pub const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";
/// The key of the server's name and version, in results.
pub const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";
/// The key that says to which `subscriptions/listen` a notification belongs.
pub const SUBSCRIPTION_ID: &str = "io.modelcontextprotocol/subscriptionId";
/// The key of the token under which progress is reported.
pub const PROGRESS_TOKEN: &str = "progressToken";

/// What `params._meta` says about a request. Values are JSON text and share the memory of `params`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// The version the request speaks, as it was written.
    pub version: Option<String>,
    /// The capabilities of the client: an object.
    pub client_capabilities: Option<Bytes>,
    /// The client's name and version: an object. Self-reported; nothing is decided by it.
    pub client_info: Option<Bytes>,
    /// The log level the client wants.
    pub log_level: Option<String>,
    /// The token under which progress is reported: a string or an integer.
    pub progress_token: Option<Bytes>,
}

/// A member of `_meta`, or `_meta` itself, is of the wrong type. Its code is
/// [`INVALID_PARAMS`](crate::error::INVALID_PARAMS).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` in `params._meta` must be {expected}")]
pub struct EnvelopeFault {
    /// The member.
    pub key: &'static str,
    /// What it must be.
    pub expected: &'static str,
}

impl Envelope {
    /// Reads `params._meta`. What is absent stays none; what is of the wrong type is refused.
    pub fn read(params: Option<&Bytes>) -> Result<Self, EnvelopeFault> {
        let mut envelope = Self::default();
        let Some(meta) = params.and_then(|params| Some(params.slice(json::find(params, &meta_pointer())?))) else {
            return Ok(envelope);
        };
        let members = json::members(&meta).ok_or(EnvelopeFault { key: "_meta", expected: "an object" })?;
        for (key, span) in members {
            let value = meta.slice(span);
            match key.as_ref() {
                PROTOCOL_VERSION => envelope.version = Some(string(PROTOCOL_VERSION, &value)?),
                CLIENT_CAPABILITIES => envelope.client_capabilities = Some(object(CLIENT_CAPABILITIES, value)?),
                CLIENT_INFO => envelope.client_info = Some(object(CLIENT_INFO, value)?),
                LOG_LEVEL => envelope.log_level = Some(string(LOG_LEVEL, &value)?),
                PROGRESS_TOKEN => envelope.progress_token = Some(token(value)?),
                _ => {}
            }
        }
        Ok(envelope)
    }

    /// The keys that every request of 2026-07-28 must carry and this one does not.
    pub fn missing(&self) -> Vec<&'static str> {
        let version = self.version.is_none().then_some(PROTOCOL_VERSION);
        let capabilities = self.client_capabilities.is_none().then_some(CLIENT_CAPABILITIES);
        version.into_iter().chain(capabilities).collect()
    }
}

/// Changes to make to `_meta`. Removing comes first, so a key in both lists ends up set.
#[derive(Clone, Debug, Default)]
pub struct MetaEdit {
    /// Remove every key that MCP reserves and that no legacy peer knows.
    pub remove_prefix_modern: bool,
    /// Keys to set, with JSON text.
    pub set: Vec<(String, Bytes)>,
    /// Keys to remove.
    pub remove: Vec<String>,
}

impl MetaEdit {
    fn removes(&self, key: &str) -> bool {
        let modern = self.remove_prefix_modern && key.starts_with(RESERVED) && !LEGACY.contains(&key);
        modern || self.remove.iter().any(|removed| removed == key) || self.set.iter().any(|(set, _)| set == key)
    }
}

/// The `params` with `_meta` changed and every byte outside of it as it was. `_meta`, and `params` itself, are made when
/// something is to be set; a `_meta` that becomes empty is removed. Where nothing changes, the bytes stay the same.
/// `params` that are no object count as none.
pub fn rewrite(params: Option<&[u8]>, edit: &MetaEdit) -> Bytes {
    let params = params.filter(|params| json::is_object(params)).unwrap_or(b"{}");
    let meta = json::find(params, &meta_pointer()).map_or(&[][..], |span| &params[span]);
    let entries = json::entries(meta).unwrap_or_default();
    let kept: Vec<_> = entries.iter().filter(|entry| !edit.removes(&entry.key)).collect();
    let changed = if edit.set.is_empty() && kept.len() == entries.len() {
        None
    } else if edit.set.is_empty() && kept.is_empty() {
        json::remove(params, &meta_pointer()).ok()
    } else {
        let kept = kept.iter().map(|entry| &meta[entry.key_span.start..entry.value.end]);
        json::put(params, &meta_pointer(), &rebuilt(kept, &edit.set)).ok()
    };
    changed.map_or_else(|| Bytes::copy_from_slice(params), Bytes::from)
}

/// An object of members that are kept as they stand and members that are new.
fn rebuilt<'m>(kept: impl Iterator<Item = &'m [u8]>, set: &[(String, Bytes)]) -> Vec<u8> {
    let new = set.iter().map(|(key, value)| {
        let mut member = serde_json::Value::from(key.as_str()).to_string().into_bytes();
        member.push(b':');
        member.extend_from_slice(value);
        Cow::Owned(member)
    });
    let members: Vec<Cow<'_, [u8]>> = kept.map(Cow::Borrowed).chain(new).collect();
    [&b"{"[..], &members.join(&b','), b"}"].concat()
}

/// Where a request says which version it speaks.
pub(crate) fn version_pointer() -> Pointer {
    meta_pointer().child(PROTOCOL_VERSION)
}

fn meta_pointer() -> Pointer {
    Pointer::root().child("_meta")
}

fn string(key: &'static str, value: &[u8]) -> Result<String, EnvelopeFault> {
    json::find_str(value, &Pointer::root()).ok_or(EnvelopeFault { key, expected: "a string" })
}

fn object(key: &'static str, value: Bytes) -> Result<Bytes, EnvelopeFault> {
    if value.starts_with(b"{") { Ok(value) } else { Err(EnvelopeFault { key, expected: "an object" }) }
}

fn token(value: Bytes) -> Result<Bytes, EnvelopeFault> {
    let fault = EnvelopeFault { key: PROGRESS_TOKEN, expected: "a string or an integer" };
    // A progress token is of the same types as an id, and as long at most.
    Id::parse(&value).map(|_| value).map_err(|_| fault)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn read(meta: &str) -> Result<Envelope, EnvelopeFault> {
        Envelope::read(Some(&format!(r#"{{"name":"x","_meta":{meta}}}"#).into()))
    }

    fn rewritten(params: &str, edit: &MetaEdit) -> String {
        String::from_utf8(rewrite(Some(params.as_bytes()), edit).to_vec()).unwrap()
    }

    fn set(key: &str, value: &'static str) -> MetaEdit {
        MetaEdit { set: vec![(key.to_owned(), value.into())], ..MetaEdit::default() }
    }

    const STRIP: MetaEdit = MetaEdit { remove_prefix_modern: true, set: Vec::new(), remove: Vec::new() };

    #[test]
    fn an_envelope_is_read_with_its_values_as_they_were() {
        let envelope = read(
            r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{ "a":1.0},
                "io.modelcontextprotocol/clientInfo":{},"io.modelcontextprotocol/logLevel":"info","progressToken":"p","x":[]}"#,
        )
        .unwrap();
        assert_eq!(envelope.version.as_deref(), Some("2026-07-28"));
        assert_eq!(envelope.client_capabilities.as_deref(), Some(&br#"{ "a":1.0}"#[..]));
        assert_eq!(envelope.client_info.as_deref(), Some(&b"{}"[..]));
        assert_eq!(envelope.log_level.as_deref(), Some("info"));
        assert_eq!(envelope.progress_token.as_deref(), Some(&br#""p""#[..]));
        assert!(envelope.missing().is_empty());
    }

    #[test]
    fn what_is_absent_is_none_and_named_if_required() {
        for envelope in [Envelope::read(None), Envelope::read(Some(&"{}".into())), read("{}")] {
            assert_eq!(envelope.as_ref().map(Envelope::missing), Ok(vec![PROTOCOL_VERSION, CLIENT_CAPABILITIES]));
            assert_eq!(envelope, Ok(Envelope::default()));
        }
    }

    #[test]
    fn wrong_types_are_refused_by_name() {
        for (meta, key) in [
            ("[]", "_meta"),
            ("null", "_meta"),
            (r#"{"io.modelcontextprotocol/protocolVersion":1}"#, PROTOCOL_VERSION),
            (r#"{"io.modelcontextprotocol/clientCapabilities":[]}"#, CLIENT_CAPABILITIES),
            (r#"{"io.modelcontextprotocol/clientInfo":"x"}"#, CLIENT_INFO),
            (r#"{"io.modelcontextprotocol/logLevel":null}"#, LOG_LEVEL),
            (r#"{"progressToken":1.5}"#, PROGRESS_TOKEN),
        ] {
            assert_eq!(read(meta).map_err(|fault| fault.key), Err(key), "{meta}");
        }
    }

    #[test]
    fn reserved_keys_are_stripped_and_the_rest_keeps_its_bytes() {
        let params = r#"{ "name": "x", "_meta": {"io.modelcontextprotocol/logLevel" : "info", "a" : 1.0 ,
            "io.modelcontextprotocol/related-task":{}, "progressToken":1}, "z": 1 }"#;
        assert_eq!(
            rewritten(params, &STRIP),
            r#"{ "name": "x", "_meta": {"a" : 1.0,"io.modelcontextprotocol/related-task":{},"progressToken":1}, "z": 1 }"#
        );
    }

    #[test]
    fn a_meta_that_becomes_empty_goes_and_one_that_was_empty_stays() {
        let only = r#"{"name":"x","_meta":{"io.modelcontextprotocol/logLevel":"info"}}"#;
        assert_eq!(rewritten(only, &STRIP), r#"{"name":"x"}"#);
        for same in [r#"{"_meta":{}}"#, r#"{ }"#, r#"{"_meta": {"a":1} }"#] {
            assert_eq!(rewritten(same, &STRIP), same);
        }
    }

    #[test]
    fn keys_are_set_where_meta_or_params_are_missing_too() {
        assert_eq!(rewrite(None, &set("a", "1")), r#"{"_meta":{"a":1}}"#);
        assert_eq!(rewrite(None, &MetaEdit::default()), "{}");
        assert_eq!(rewritten(r#"{"x": 1 }"#, &set("a/\"", "1")), r#"{"x": 1,"_meta":{"a/\"":1} }"#);
        assert_eq!(rewritten(r#"{"_meta":{"a":1,"b":2}}"#, &set("a", "3")), r#"{"_meta":{"b":2,"a":3}}"#);
        assert_eq!(rewritten(r#"{"_meta":7}"#, &set("a", "3")), r#"{"_meta":{"a":3}}"#);
        assert_eq!(rewritten("[1]", &set("a", "3")), r#"{"_meta":{"a":3}}"#);
    }

    #[test]
    fn setting_wins_over_removing() {
        let edit = MetaEdit {
            remove: vec!["a".to_owned(), "b".to_owned()],
            remove_prefix_modern: true,
            ..set(LOG_LEVEL, "1")
        };
        let params = r#"{"_meta":{"a":1,"b":2,"io.modelcontextprotocol/logLevel":0}}"#;
        assert_eq!(rewritten(params, &edit), r#"{"_meta":{"io.modelcontextprotocol/logLevel":1}}"#);
    }
}
