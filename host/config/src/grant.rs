//! The kinds of value that only grants have: rules of requests, networks, masks, quotas, named secrets.

use std::collections::BTreeMap;
use std::path::Path;

use cardea_grant::{HttpRule, IpNet, Pattern, Quota, Secret, is_secret_name};
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
