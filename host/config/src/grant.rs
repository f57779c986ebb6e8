//! The kinds of value that only grants have: rules of requests, networks, masks, quotas, named secrets.

use std::collections::BTreeMap;
use std::path::Path;

use cardea_grant::{Algorithm, HttpRule, IpNet, Pattern, Quota, Secret, check_source, is_secret_name};
use http::Uri;
use serde_json::{Value, json};
use toml::de::DeValue;

use crate::kind::{Kind, Text};
use crate::manifest::KvQuota;
use crate::names::checked_map;
use crate::reader::{Node, Reader};
use crate::section::Shape;

impl Text for HttpRule {
    const WORDS: &'static str = "rule";
    const HINT: &'static str = "write it like \"GET https://id.example.com/keys/*\"";

    fn parse(text: &str, _: &Path) -> Result<Self, String> {
        text.parse()
    }

    fn schema() -> Value {
        json!({ "type": "string", "pattern": "^[A-Z]+ https?://[^*]+/" })
    }
}

impl Text for IpNet {
    const WORDS: &'static str = "network";
    const HINT: &'static str = "write it like \"10.1.0.0/16\", or \"127.0.0.1/32\" for one address";

    fn parse(text: &str, _: &Path) -> Result<Self, String> {
        text.parse().map_err(|_| "is no network: an address, `/` and the number of its leading bits".to_owned())
    }
}

impl Text for Pattern {
    const WORDS: &'static str = "pattern";
    const HINT: &'static str =
        "write it like \"/params/arguments/path\", \"/result/content/*\" or \"header:user-agent\"";

    fn parse(text: &str, _: &Path) -> Result<Self, String> {
        text.parse()
    }

    fn schema() -> Value {
        json!({ "type": "string", "pattern": "^(/params|/result|header:)" })
    }
}

impl Text for Algorithm {
    const WORDS: &'static str = "algorithm";
    const HINT: &'static str = "tokens are signed with private keys here, so there is neither `none` nor `HS256`";

    fn parse(text: &str, _: &Path) -> Result<Self, String> {
        text.parse()
    }

    fn schema() -> Value {
        json!({ "enum": Self::ALL.iter().map(|algorithm| algorithm.as_str()).collect::<Vec<_>>() })
    }
}

/// The identifier of an issuer, to the letter.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct IssuerUrl(pub(crate) String);

impl Text for IssuerUrl {
    const WORDS: &'static str = "issuer";
    const HINT: &'static str = "write it as its tokens have it in `iss`, like \"https://id.example.com\"";

    fn parse(text: &str, base: &Path) -> Result<Self, String> {
        let KeysUrl(url) = KeysUrl::parse(text, base)?;
        match url.query() {
            Some(_) => Err("has a query, which no issuer has (RFC 8414 section 2)".to_owned()),
            None => Ok(Self(text.to_owned())),
        }
    }

    fn schema() -> Value {
        KeysUrl::schema()
    }
}

/// Where keys of an issuer are.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct KeysUrl(pub(crate) Uri);

impl Text for KeysUrl {
    const WORDS: &'static str = "URL";
    const HINT: &'static str = "only `https` says who answers; `http` is for loopback addresses such as 127.0.0.1";

    fn parse(text: &str, base: &Path) -> Result<Self, String> {
        let url = Uri::parse(text, base)?;
        check_source(&url)?;
        Ok(Self(url))
    }

    fn schema() -> Value {
        <Uri as Text>::schema()
    }
}

/// A value of `typ`, in lower case and without `application/`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TokenType(pub(crate) String);

impl Text for TokenType {
    const WORDS: &'static str = "type";
    const HINT: &'static str = "write it like \"at+jwt\" or \"JWT\"";

    fn parse(text: &str, _: &Path) -> Result<Self, String> {
        let lower = text.to_ascii_lowercase();
        let kind = lower.strip_prefix("application/").unwrap_or(&lower);
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"+-._".contains(&byte);
        if kind.is_empty() || !kind.bytes().all(fits) {
            return Err("is not the type of a token".to_owned());
        }
        Ok(Self(kind.to_owned()))
    }
}

/// A scope (RFC 6749 section 3.3).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ScopeName(pub(crate) String);

impl Text for ScopeName {
    const WORDS: &'static str = "scope";
    const HINT: &'static str = "write each scope as a text of its own";

    fn parse(text: &str, _: &Path) -> Result<Self, String> {
        if text.is_empty() || !text.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e)) {
            return Err("is not a scope".to_owned());
        }
        // A refresh token is a matter between the client and the issuer (MCP 2026-07-28, authorization).
        if text == "offline_access" {
            return Err("is no scope of an endpoint".to_owned());
        }
        Ok(Self(text.to_owned()))
    }
}

/// Whether a stage keeps values, and how much of them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct KvGrant(pub(crate) Option<Quota>);

impl Kind for KvGrant {
    fn shape() -> Shape {
        let size = <crate::Size as Kind>::shape();
        let size = match size.form {
            crate::section::Form::Plain(schema) => schema,
            crate::section::Form::Table { .. } => Value::Null,
        };
        let table = json!({
            "type": "object",
            "properties": { "max-bytes": size, "max-keys": { "type": "integer", "minimum": 1 } },
            "additionalProperties": false,
        });
        let hint = "write `true`, `false` or `{ max-bytes = \"1MiB\", max-keys = 1000 }`";
        Shape::plain("boolean or table", hint, json!({ "anyOf": [{ "type": "boolean" }, table] }))
    }

    fn read(node: &Node<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        match node.value {
            DeValue::Boolean(granted) => Some(Self(granted.then(Quota::default))),
            DeValue::Table(_) => {
                let quota = KvQuota::read(node, reader)?;
                Some(Self(Some(Quota { bytes: quota.max_bytes.map(crate::Size::bytes), keys: quota.max_keys })))
            }
            _ => {
                reader.mismatch(node, &Self::shape());
                None
            }
        }
    }
}

/// Secrets by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Secrets(pub(crate) BTreeMap<String, Secret>);

impl Kind for Secrets {
    fn shape() -> Shape {
        Secret::shape().map()
    }

    fn read(node: &Node<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        let check = |name: &str, _: &Secret| match is_secret_name(name) {
            true => Ok(()),
            false => Err("is not the name of a secret, which has 1 to 64 of a-z, 0-9, `_` and `-`"),
        };
        checked_map(node, reader, check).map(Self)
    }
}
