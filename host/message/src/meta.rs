//! `params._meta`: what a modern request says about itself, and how the gateway changes it on the way.

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;

use crate::json::{self, Entry};
use crate::{Id, Pointer};

/// The member of `params` that all of this is about.
const META: &str = "_meta";

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

/// `params` and what stands in its `_meta`, by spans: read once, asked and edited as often as need be.
#[derive(Clone, Debug)]
pub struct Meta {
    params: Bytes,
    /// Where the value of `_meta` stands.
    place: Option<Range<usize>>,
    /// Its members, by spans in `params`; none if it is no object.
    entries: Option<Vec<Entry>>,
}

impl Meta {
    /// Looks `_meta` up. `params` that are no object count as none.
    pub fn of(params: Option<&Bytes>) -> Self {
        let params = params.filter(|params| json::is_object(params)).cloned();
        let params = params.unwrap_or_else(|| Bytes::from_static(b"{}"));
        let place = json::member(&params, META);
        let entries = match &place {
            Some(place) => json::entries(&params[place.clone()]).map(|entries| {
                let moved = |span: Range<usize>| span.start + place.start..span.end + place.start;
                let mut all = Vec::with_capacity(8);
                all.extend(entries.map(|entry| Entry { key: moved(entry.key), value: moved(entry.value) }));
                all
            }),
            None => Some(Vec::new()),
        };
        Self { params, place, entries }
    }

    /// The JSON text under a key.
    pub fn get(&self, key: &str) -> Option<Bytes> {
        let entry = self.entries().iter().find(|entry| json::is_key(&self.params[entry.key.clone()], key))?;
        Some(self.params.slice(entry.value.clone()))
    }

    /// The `params` with `_meta` changed and every byte outside of it as it was. `_meta` is made when something is to be
    /// set; one that becomes empty is removed. Where nothing changes, these are the bytes that came, without a copy.
    pub fn edited(&self, edit: &MetaEdit) -> Bytes {
        let kept: Vec<&Entry> = self.entries().iter().filter(|entry| !edit.removes(&self.key(entry))).collect();
        if edit.set.is_empty() && kept.len() == self.entries().len() {
            return self.params.clone();
        }
        let Some(place) = self.place.clone() else {
            return json::set(&self.params, &meta_pointer(), &self.rebuilt(&kept, &edit.set))
                .map_or_else(|_| self.params.clone(), Bytes::from);
        };
        if edit.set.is_empty() && kept.is_empty() {
            return json::remove(&self.params, &meta_pointer()).map_or_else(|_| self.params.clone(), Bytes::from);
        }
        let rebuilt = self.rebuilt(&kept, &edit.set);
        [&self.params[..place.start], &rebuilt, &self.params[place.end..]].concat().into()
    }

    /// An object of members that are kept as they stand and members that are new.
    fn rebuilt(&self, kept: &[&Entry], set: &[(Cow<'static, str>, Bytes)]) -> Vec<u8> {
        let mut object = Vec::with_capacity(self.params.len());
        object.push(b'{');
        let mut add = |key: &[u8], rest: &[&[u8]]| {
            if object.len() > 1 {
                object.push(b',');
            }
            object.extend_from_slice(key);
            rest.iter().for_each(|piece| object.extend_from_slice(piece));
        };
        kept.iter().for_each(|entry| add(&self.params[entry.key.start..entry.value.end], &[]));
        set.iter().for_each(|(key, value)| {
            add(serde_json::Value::from(key.as_ref()).to_string().as_bytes(), &[b":", value]);
        });
        object.push(b'}');
        object
    }

    fn entries(&self) -> &[Entry] {
        self.entries.as_deref().unwrap_or_default()
    }

    fn key(&self, entry: &Entry) -> Cow<'_, str> {
        json::string(&self.params[entry.key.clone()]).unwrap_or_default()
    }
}

impl Envelope {
    /// Reads `params._meta`. What is absent stays none; what is of the wrong type is refused.
    pub fn read(params: Option<&Bytes>) -> Result<Self, EnvelopeFault> {
        Self::of(&Meta::of(params))
    }

    /// The same of a `_meta` that was looked up.
    pub fn of(meta: &Meta) -> Result<Self, EnvelopeFault> {
        let mut envelope = Self::default();
        let entries = meta.entries.as_ref().ok_or(EnvelopeFault { key: META, expected: "an object" })?;
        for entry in entries {
            let value = || meta.params.slice(entry.value.clone());
            match meta.key(entry).as_ref() {
                PROTOCOL_VERSION => envelope.version = Some(string(PROTOCOL_VERSION, &value())?),
                CLIENT_CAPABILITIES => envelope.client_capabilities = Some(object(CLIENT_CAPABILITIES, value())?),
                CLIENT_INFO => envelope.client_info = Some(object(CLIENT_INFO, value())?),
                LOG_LEVEL => envelope.log_level = Some(string(LOG_LEVEL, &value())?),
                PROGRESS_TOKEN => envelope.progress_token = Some(token(value())?),
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
    pub set: Vec<(Cow<'static, str>, Bytes)>,
    /// Keys to remove.
    pub remove: Vec<Cow<'static, str>>,
}

impl MetaEdit {
    fn removes(&self, key: &str) -> bool {
        let modern = self.remove_prefix_modern && key.starts_with(RESERVED) && !LEGACY.contains(&key);
        modern || self.remove.iter().any(|removed| removed == key) || self.set.iter().any(|(set, _)| set == key)
    }
}

fn meta_pointer() -> Pointer {
    Pointer::root().child(META)
}

fn string(key: &'static str, value: &[u8]) -> Result<String, EnvelopeFault> {
    json::string(value).map(Cow::into_owned).ok_or(EnvelopeFault { key, expected: "a string" })
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
        String::from_utf8(Meta::of(Some(&params.to_owned().into())).edited(edit).to_vec()).unwrap()
    }

    fn set(key: &'static str, value: &'static str) -> MetaEdit {
        MetaEdit { set: vec![(key.into(), value.into())], ..MetaEdit::default() }
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
        assert_eq!(Meta::of(None).edited(&set("a", "1")), r#"{"_meta":{"a":1}}"#);
        assert_eq!(Meta::of(None).edited(&MetaEdit::default()), "{}");
        assert_eq!(rewritten(r#"{"x": 1 }"#, &set("a/\"", "1")), r#"{"x": 1,"_meta":{"a/\"":1} }"#);
        assert_eq!(rewritten(r#"{"_meta":{"a":1,"b":2}}"#, &set("a", "3")), r#"{"_meta":{"b":2,"a":3}}"#);
        assert_eq!(rewritten(r#"{"_meta":7}"#, &set("a", "3")), r#"{"_meta":{"a":3}}"#);
        assert_eq!(rewritten("[1]", &set("a", "3")), r#"{"_meta":{"a":3}}"#);
    }

    #[test]
    fn setting_wins_over_removing() {
        let edit = MetaEdit { remove: vec!["a".into(), "b".into()], remove_prefix_modern: true, ..set(LOG_LEVEL, "1") };
        let params = r#"{"_meta":{"a":1,"b":2,"io.modelcontextprotocol/logLevel":0}}"#;
        assert_eq!(rewritten(params, &edit), r#"{"_meta":{"io.modelcontextprotocol/logLevel":1}}"#);
    }
}
