//! The kinds of value that only this manifest knows: names of servers and stages, plugins, patterns, variables.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};

use cardea_grant::Secret;
use serde_json::{Value, json};

use crate::kind::{Kind, Text, filled};
use crate::reader::{Node, Reader};
use crate::section::Shape;

/// The name of a server.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ServerName(pub(crate) String);

impl Text for ServerName {
    const WORDS: &'static str = "name";
    const HINT: &'static str = "a server's name has 1 to 24 of a-z, 0-9 and -";

    fn parse(text: &str, _: &Path) -> Result<Self, String> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if text.is_empty() || text.len() > 24 || !text.chars().all(allowed) {
            return Err("is not the name of a server".into());
        }
        Ok(Self(text.into()))
    }

    fn schema() -> Value {
        json!({ "type": "string", "pattern": "^[a-z0-9-]{1,24}$" })
    }
}

/// The name of a stage.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StageName(pub(crate) String);

impl Text for StageName {
    const WORDS: &'static str = "name";
    const HINT: &'static str = "a stage's name has 1 to 64 of a-z, A-Z, 0-9, `.`, `_` and `-`";

    fn parse(text: &str, _: &Path) -> Result<Self, String> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if text.is_empty() || text.len() > 64 || !text.chars().all(allowed) {
            return Err("is not the name of a stage".into());
        }
        Ok(Self(text.into()))
    }

    fn schema() -> Value {
        json!({ "type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$" })
    }
}

/// The path of an endpoint.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct EndpointPath(pub(crate) String);

impl Text for EndpointPath {
    const WORDS: &'static str = "path";
    const HINT: &'static str = "write it like \"/teams/search/mcp\"";

    fn parse(text: &str, _: &Path) -> Result<Self, String> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-._~/".contains(c);
        let mut segments = text.split('/').skip(1);
        if !text.starts_with('/') || !text.chars().all(allowed) || segments.any(|part| matches!(part, "" | "." | ".."))
        {
            return Err("is not the path of an endpoint".into());
        }
        if text == "/mcp" || text == "/servers" || text.starts_with("/servers/") {
            return Err("is a path the gateway has already".into());
        }
        if matches!(text.rsplit('/').next(), Some("sse" | "message")) {
            return Err("ends like the second path of an endpoint for clients of 2024-11-05".into());
        }
        Ok(Self(text.into()))
    }

    fn schema() -> Value {
        json!({ "type": "string", "pattern": "^(/[A-Za-z0-9._~-]+)+$" })
    }
}

/// A word of a command line, which may be empty.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Argument(pub(crate) String);

impl Text for Argument {
    const WORDS: &'static str = "string";

    fn parse(text: &str, _: &Path) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self(String::new()));
        }
        filled(text).map(|text| Self(text.into()))
    }

    fn schema() -> Value {
        json!({ "type": "string" })
    }
}

/// Where the admin listener listens, if it does.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AdminAddress(pub(crate) Option<SocketAddr>);

impl Text for AdminAddress {
    const WORDS: &'static str = "IP address with a port, or `off`";
    const HINT: &'static str = "write it like \"127.0.0.1:9090\", or \"off\"";

    fn parse(text: &str, base: &Path) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self(None));
        }
        SocketAddr::parse(text, base).map(|address| Self(Some(address)))
    }
}

/// Where a plugin comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PluginSource {
    /// It is built into the gateway under this name.
    Embedded(String),
    /// It is a component in this file.
    File(PathBuf),
}

impl Text for PluginSource {
    const WORDS: &'static str = "plugin";
    const HINT: &'static str = "write the name of a built-in plugin like \"api-key\", or a path like \"./mask.wasm\"";

    fn parse(text: &str, base: &Path) -> Result<Self, String> {
        if text.starts_with("oci://") {
            return Err("is in a registry, and this version does not load plugins from registries yet".into());
        }
        if text.contains("://") {
            return Err("is a URL; plugins are not loaded over the network".into());
        }
        if text.contains('/') || text.ends_with(".wasm") {
            return PathBuf::parse(text, base).map(Self::File);
        }
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if text.is_empty() || !text.chars().all(allowed) {
            return Err("is neither the name of a built-in plugin nor a path".into());
        }
        Ok(Self::Embedded(text.into()))
    }
}

/// Patterns of names, of which one must fit; a list that is written has at least one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Patterns(pub(crate) Vec<Pattern>);

/// A text in which `*` stands for any text and `?` for one character.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pattern {
    pub(crate) text: String,
    pub(crate) span: Range<usize>,
}

impl Kind for Patterns {
    fn shape() -> Shape {
        let schema = json!({ "type": "array", "minItems": 1, "items": String::schema() });
        Shape::plain("list of patterns", "write it like [\"tools/*\"]", schema)
    }

    fn read(node: &Node<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        let Some(items) = node.value.as_array() else {
            reader.mismatch(node, &Self::shape());
            return None;
        };
        if items.is_empty() {
            reader.refuse(node, "is empty and fits nothing", "leave it out to match everything");
        }
        let mut pattern = |(index, item)| {
            let node = node.element(index, item);
            let text = String::read(&node, reader)?;
            Some(Pattern { text, span: node.span })
        };
        let patterns: Vec<Option<Pattern>> = items.iter().enumerate().map(&mut pattern).collect();
        patterns.into_iter().collect::<Option<Vec<_>>>().map(Self)
    }
}

/// Environment variables for a process.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Variables(pub(crate) BTreeMap<String, Secret>);

impl Kind for Variables {
    fn shape() -> Shape {
        Secret::shape().map()
    }

    fn read(node: &Node<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        let check = |name: &str, value: &Secret| {
            if name.is_empty() || name.contains(['=', '\0']) {
                return Err("is not the name of a variable");
            }
            match value.reveal().contains('\0') {
                true => Err("has a zero byte in its value, which no variable can have"),
                false => Ok(()),
            }
        };
        checked_map(node, reader, check).map(Self)
    }
}

/// Reads a table of secrets of which every entry passes a check; the check says what is wrong with one.
pub(crate) fn checked_map(
    node: &Node<'_>,
    reader: &mut Reader<'_>,
    mut check: impl FnMut(&str, &Secret) -> Result<(), &'static str>,
) -> Option<BTreeMap<String, Secret>> {
    let map = BTreeMap::<String, Secret>::read(node, reader)?;
    for (key, value) in node.value.as_table().into_iter().flat_map(|table| table.iter()) {
        let name: &str = key.get_ref();
        if let Some(Err(reason)) = map.get(name).map(|value| check(name, value)) {
            reader.refuse(&node.child(name, value), reason, "");
        }
    }
    Some(map)
}
