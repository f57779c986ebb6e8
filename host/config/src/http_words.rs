//! The kinds of value that are words of HTTP: hosts, origins, headers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use cardea_grant::Secret;
use http::Uri;
use http::header::{HeaderName, HeaderValue};
use http::uri::Authority;
use serde_json::{Value, json};

use crate::kind::{Kind, Text};
use crate::names::checked_map;
use crate::reader::{Node, Reader};
use crate::section::Shape;

/// Headers that belong to a connection or to the gateway's own work, and are no one else's to set.
const OWNED: [&str; 14] = [
    "accept",
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "last-event-id",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

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

/// Headers for every request to a server, their names in lower case.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Headers(pub(crate) BTreeMap<String, Secret>);

impl Kind for Headers {
    fn shape() -> Shape {
        Secret::shape().map()
    }

    fn read(node: &Node<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        let mut seen = BTreeSet::new();
        let check = |written: &str, value: &Secret| {
            let name = written.to_ascii_lowercase();
            if name.parse::<HeaderName>().is_err() {
                return Err("is not the name of a header");
            }
            if name.starts_with("mcp-") || name.starts_with("proxy-") || OWNED.contains(&&*name) {
                return Err("is a header the gateway sets itself");
            }
            if HeaderValue::from_str(value.reveal()).is_err() {
                return Err("has a value no header can have, with a line break for example");
            }
            match seen.insert(name) {
                true => Ok(()),
                false => Err("stands twice; letter case makes no difference in headers"),
            }
        };
        let headers = checked_map(node, reader, check)?;
        let lower = headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value));
        Some(Self(lower.collect()))
    }
}
