//! The kinds of text that only this manifest knows: names of servers and stages, hosts, origins, plugins.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use http::Uri;
use http::uri::Authority;
use serde_json::{Value, json};
use toml::de::DeValue;

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

/// A value of the `Host` header, in lower case.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Host(pub(crate) String);

impl Text for Host {
    const WORDS: &'static str = "host";
    const HINT: &'static str = "write it like \"gateway.example.com\" or \"localhost:8080\"";

    fn parse(text: &str, _: &Path) -> Result<Self, String> {
        let authority: Authority = text.parse().map_err(|_| "is not a host")?;
        if text.contains('*') {
            return Err("has a `*`; hosts are compared whole, so that no other site can pass for the gateway".into());
        }
        if text.contains('@') || authority.host().is_empty() {
            return Err("is not a host".into());
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

/// An origin of web pages, as browsers write it: lower case, no default port.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Origin(pub(crate) String);

impl Text for Origin {
    const WORDS: &'static str = "origin";
    const HINT: &'static str = "write it like \"https://app.example.com\" or \"http://localhost:3000\"";

    fn parse(text: &str, base: &Path) -> Result<Self, String> {
        if text.contains('*') {
            return Err("has a `*`; origins are compared whole, so that no other page can call the gateway".into());
        }
        let uri = <Uri as Text>::parse(text, base)?;
        let scheme = uri.scheme_str().unwrap_or_default();
        let host = uri.host().unwrap_or_default().to_ascii_lowercase();
        if text.matches('/').count() != 2 || uri.query().is_some() {
            return Err("is not an origin, which has no path".into());
        }
        let default_port = if scheme == "https" { 443 } else { 80 };
        let port = uri.port_u16().filter(|port| *port != default_port);
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        Ok(Self(format!("{scheme}://{host}{port}")))
    }

    fn schema() -> Value {
        json!({ "type": "string", "pattern": "^https?://[^/]+$" })
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

/// A grant the interface knows and this version does not have; it may be written as `false`.
#[derive(Clone, Debug, PartialEq)]
pub struct NotBuilt;

impl Kind for NotBuilt {
    fn shape() -> Shape {
        Shape::plain("`false`", "", json!({ "const": false }))
    }

    fn read(node: &Node<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        if !matches!(node.value, DeValue::Boolean(false)) {
            reader.refuse(node, "cannot be granted: this version does not have it yet", "leave it out, or write `false`");
        }
        Some(Self)
    }
}
