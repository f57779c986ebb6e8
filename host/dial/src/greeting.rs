//! What a server says of itself when it is asked first, as the `server/discover` answer the house gives for it.

use std::time::Duration;

use bytes::Bytes;
use cardea_message::{Era, Filter, Pointer, Version, json, meta};

use crate::translate::{quoted, tasks_extension};

/// A server's own account of itself.
#[derive(Clone, Debug)]
pub(crate) struct Greeting {
    /// The protocol it speaks.
    pub(crate) era: Era,
    /// The result of `server/discover`, without what is not bridged to another era.
    discovered: Bytes,
    /// The same with everything that passes between two modern parties.
    whole: Bytes,
    /// The same with what it declares to tell outside calls; none if it declares nothing of the kind.
    pub(crate) with_changes: Option<Bytes>,
    /// What of that it declares.
    pub(crate) tells: Tells,
    /// Whether it takes `logging/setLevel`, or a log level.
    pub(crate) logs: bool,
    /// Its `serverInfo`.
    pub(crate) server_info: Option<Bytes>,
    /// How long it says its answer holds.
    pub(crate) ttl: Duration,
}

/// What a server declares to tell outside calls.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tells {
    /// Which of its lists have changed.
    pub(crate) lists: Filter,
    /// That a resource was updated.
    pub(crate) updates: bool,
}

impl Tells {
    fn of(text: &[u8]) -> Self {
        let [tools, prompts, resources, updates] =
            CHANGES.map(|pointer| json::find(text, &at(pointer)).is_some_and(|span| &text[span] == b"true"));
        Self { lists: Filter { tools, prompts, resources, ..Filter::default() }, updates }
    }
}

impl Greeting {
    /// From the result of `server/discover`. None if it is no such result.
    pub(crate) fn of_discover(result: &[u8]) -> Option<Self> {
        json::check(result).ok()?;
        json::elements(&result[json::find(result, &at("/supportedVersions"))?])?;
        let info = Pointer::root().child("_meta").child(meta::SERVER_INFO);
        Self::compose(Era::Modern, result.to_vec(), json::find(result, &info).map(|span| copy(&result[span])))
    }

    /// From the result of `initialize`, with the version it settles on. None if it is no such result, or names a version
    /// that is not spoken here.
    pub(crate) fn of_initialize(result: &[u8]) -> Option<(Self, Version)> {
        json::check(result).ok()?;
        let version = json::find_str(result, &at("/protocolVersion")).and_then(|text| legacy_version(&text))?;
        let info = json::find(result, &at("/serverInfo")).map(|span| copy(&result[span]));
        let mut text = without(result.to_vec(), &["/protocolVersion", "/serverInfo"]);
        if let Some(info) = &info {
            let keyed = [format!(r#"{{"{}":"#, meta::SERVER_INFO).as_bytes(), info, b"}"].concat();
            text = json::set(&text, &at("/_meta"), &keyed).ok()?;
        }
        Some((Self::compose(Era::Legacy, text, info)?, version))
    }

    /// Of a modern server that refused to give one.
    pub(crate) fn none_given() -> Option<Self> {
        Self::compose(Era::Modern, b"{}".to_vec(), None)
    }

    /// The result of `server/discover` for a client.
    pub(crate) fn told_to(&self, client: Era) -> &Bytes {
        if (self.era, client) == (Era::Modern, Era::Modern) { &self.whole } else { &self.discovered }
    }

    fn compose(era: Era, mut text: Vec<u8>, server_info: Option<Bytes>) -> Option<Self> {
        text = json::set(&text, &at("/supportedVersions"), format!("[{}]", latest()).as_bytes()).ok()?;
        for (pointer, value) in DEFAULTS {
            if json::find(&text, &at(pointer)).is_none() {
                text = json::set(&text, &at(pointer), value.as_bytes()).ok()?;
            }
        }
        let ttl = json::find(&text, &at("/ttlMs")).and_then(|span| std::str::from_utf8(&text[span]).ok()?.parse().ok());
        let bridged = without_tasks(without(text.clone(), &["/capabilities/tasks"]));
        let promised = CHANGES.iter().any(|pointer| json::find(&bridged, &at(pointer)).is_some());
        let with_changes = promised.then(|| copy(&bridged));
        let tells = Tells::of(&bridged);
        Some(Self {
            era,
            with_changes,
            tells,
            logs: json::find(&text, &at("/capabilities/logging")).is_some(),
            server_info,
            ttl: Duration::from_millis(ttl.unwrap_or_default()),
            discovered: without(bridged, &CHANGES).into(),
            whole: text.into(),
        })
    }
}

/// The legacy version of that name. 2024-10-07 was never released, and is 2024-11-05 on the wire.
pub(crate) fn legacy_version(text: &str) -> Option<Version> {
    let named = if text == "2024-10-07" { "2024-11-05" } else { text };
    Version::parse(named).filter(|version| version.era() == Era::Legacy)
}

/// What a server offers to tell outside calls: a promise to those alone to whom it can be told.
const CHANGES: [&str; 4] = [
    "/capabilities/tools/listChanged",
    "/capabilities/prompts/listChanged",
    "/capabilities/resources/listChanged",
    "/capabilities/resources/subscribe",
];

/// What the result of `server/discover` must hold.
const DEFAULTS: [(&str, &str); 4] =
    [("/capabilities", "{}"), ("/ttlMs", "0"), ("/cacheScope", r#""private""#), ("/resultType", r#""complete""#)];

fn without(text: Vec<u8>, pointers: &[&str]) -> Vec<u8> {
    pointers.iter().fold(text, |text, pointer| json::remove(&text, &at(pointer)).unwrap_or(text))
}

/// Without the extension, and without a list of extensions that had only this one.
fn without_tasks(text: Vec<u8>) -> Vec<u8> {
    let Ok(text) = json::remove(&text, &tasks_extension(at("/capabilities"))) else { return text };
    let extensions = json::find(&text, &at("/capabilities/extensions"));
    let empty = extensions.is_some_and(|span| json::members(&text[span]).is_some_and(|members| members.is_empty()));
    if empty { without(text, &["/capabilities/extensions"]) } else { text }
}

fn latest() -> String {
    String::from_utf8_lossy(&quoted(Version::LATEST.as_str())).into_owned()
}

fn at(path: &str) -> Pointer {
    path.split('/').skip(1).fold(Pointer::root(), |pointer, token| pointer.child(token))
}

fn copy(bytes: &[u8]) -> Bytes {
    Bytes::copy_from_slice(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use serde_json::{Value, json};

    use super::*;

    fn read(text: &[u8]) -> Value {
        serde_json::from_slice(text).unwrap()
    }

    #[test]
    fn a_modern_answer_is_whole_for_a_modern_client_and_loses_what_is_not_bridged_for_a_legacy_one() {
        let said = json!({
            "supportedVersions": ["2026-07-28", "2025-11-25"], "instructions": "be kind", "x": 1, "ttlMs": 5, "cacheScope": "public",
            "capabilities": {
                "tools": { "listChanged": true, "more": 1 }, "resources": { "subscribe": true }, "logging": {}, "tasks": {},
                "extensions": { "io.modelcontextprotocol/tasks": {}, "io.modelcontextprotocol/ui": {} },
            },
            "_meta": { "io.modelcontextprotocol/serverInfo": { "name": "s" } },
        });
        let greeting = Greeting::of_discover(said.to_string().as_bytes()).unwrap();
        let expected = json!({
            "supportedVersions": ["2026-07-28"], "instructions": "be kind", "x": 1, "ttlMs": 5, "cacheScope": "public",
            "resultType": "complete",
            "capabilities": {
                "tools": { "more": 1 }, "resources": {}, "logging": {}, "extensions": { "io.modelcontextprotocol/ui": {} },
            },
            "_meta": { "io.modelcontextprotocol/serverInfo": { "name": "s" } },
        });
        assert_eq!(read(greeting.told_to(Era::Legacy)), expected);
        let mut whole = said;
        whole["supportedVersions"] = json!(["2026-07-28"]);
        whole["resultType"] = json!("complete");
        assert_eq!(read(greeting.told_to(Era::Modern)), whole);
        assert!(greeting.logs);
        assert_eq!(
            (greeting.ttl, greeting.server_info.as_deref()),
            (Duration::from_millis(5), Some(&br#"{"name":"s"}"#[..]))
        );
    }

    #[test]
    fn a_legacy_answer_becomes_a_modern_one() {
        let said = json!({
            "protocolVersion": "2025-06-18", "capabilities": { "tools": { "listChanged": true } }, "serverInfo": { "name": "old" },
            "instructions": "slowly",
        });
        let (greeting, version) = Greeting::of_initialize(said.to_string().as_bytes()).unwrap();
        assert_eq!(version, Version::V2025_06_18);
        let expected = json!({
            "supportedVersions": ["2026-07-28"], "capabilities": { "tools": {} }, "instructions": "slowly", "ttlMs": 0,
            "cacheScope": "private", "resultType": "complete",
            "_meta": { "io.modelcontextprotocol/serverInfo": { "name": "old" } },
        });
        for client in [Era::Legacy, Era::Modern] {
            assert_eq!(read(greeting.told_to(client)), expected, "{client:?}");
        }
        assert!(!greeting.logs);
    }

    #[test]
    fn what_is_neither_is_none() {
        for text in
            ["{}", "[]", "1", r#"{"supportedVersions":1}"#, r#"{"supportedVersions":[],"supportedVersions":[]}"#]
        {
            assert!(Greeting::of_discover(text.as_bytes()).is_none(), "{text}");
        }
        for version in ["2026-07-28", "2023-01-01", ""] {
            let said = json!({ "protocolVersion": version, "capabilities": {} }).to_string();
            assert!(Greeting::of_initialize(said.as_bytes()).is_none(), "{version}");
        }
    }
}
