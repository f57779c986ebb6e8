//! The types a value of the manifest can have: how each is written, checked and described.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::Uri;
use serde_json::{Value, json};
use toml::de::DeValue;

use crate::reader::{Node, Reader};
use crate::section::Shape;
use crate::units::{self, Size};

/// A type of value.
pub(crate) trait Kind: Sized {
    /// What it looks like, for messages, the schema and the reference.
    fn shape() -> Shape;

    /// Reads it; notes what is wrong and answers `None` if it cannot be.
    fn read(node: &Node<'_>, reader: &mut Reader<'_>) -> Option<Self>;

    /// Compares it with a limit, if it is a type that can be limited.
    fn order(&self, _limit: &Self) -> Option<Ordering> {
        None
    }
}

/// A type of value that is written as one string without secrets.
pub(crate) trait Text: Sized {
    /// The noun for it.
    const WORDS: &'static str;
    /// How to write it.
    const HINT: &'static str = "";

    /// Reads it from its text, or says why that cannot be: "is not …".
    fn parse(text: &str, base: &Path) -> Result<Self, String>;

    /// The JSON Schema.
    fn schema() -> Value {
        json!({ "type": "string", "minLength": 1 })
    }
}

impl<T: Text> Kind for T {
    fn shape() -> Shape {
        Shape::plain(T::WORDS, T::HINT, T::schema())
    }

    fn read(node: &Node<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        let text = reader.text(node, &Self::shape())?;
        let parsed = T::parse(text, reader.base());
        parsed.map_err(|reason| reader.refuse(node, &reason, T::HINT)).ok()
    }
}

impl Text for String {
    const WORDS: &'static str = "string";

    fn parse(text: &str, _: &Path) -> Result<Self, String> {
        filled(text).map(Into::into)
    }
}

impl Text for PathBuf {
    const WORDS: &'static str = "path";
    const HINT: &'static str = "paths are relative to the folder of the manifest";

    fn parse(text: &str, base: &Path) -> Result<Self, String> {
        filled(text).map(|text| from_base(base, text))
    }
}

impl Text for SocketAddr {
    const WORDS: &'static str = "IP address with a port";
    const HINT: &'static str = "write it like \"127.0.0.1:8080\" or \"[::1]:8080\"";

    fn parse(text: &str, _: &Path) -> Result<Self, String> {
        text.parse().map_err(|_| "is not an IP address with a port".into())
    }
}

impl Text for Uri {
    const WORDS: &'static str = "URL";
    const HINT: &'static str = "write it like \"https://example.com/mcp\"";

    fn parse(text: &str, _: &Path) -> Result<Self, String> {
        let uri: Uri = text.parse().map_err(|error| format!("is not a URL: {error}"))?;
        let host = uri.host().unwrap_or_default();
        if !matches!(uri.scheme_str(), Some("http" | "https")) || host.is_empty() {
            return Err("is not an absolute http or https URL".into());
        }
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err("has a user name in it, which would end up in logs; use `headers`".into());
        }
        if text.contains('#') {
            return Err("has a fragment, which is never sent".into());
        }
        Ok(uri)
    }

    fn schema() -> Value {
        json!({ "type": "string", "pattern": "^https?://" })
    }
}

impl Kind for bool {
    fn shape() -> Shape {
        Shape::plain("boolean", "write `true` or `false`", json!({ "type": "boolean" }))
    }

    fn read(node: &Node<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        let flag = node.value.as_bool();
        if flag.is_none() {
            reader.mismatch(node, &Self::shape());
        }
        flag
    }
}

impl Kind for usize {
    fn shape() -> Shape {
        Shape::plain("integer", "", json!({ "type": "integer", "minimum": 0 }))
    }

    fn read(node: &Node<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        let DeValue::Integer(written) = node.value else {
            reader.mismatch(node, &Self::shape());
            return None;
        };
        let number = Self::from_str_radix(written.as_str(), written.radix());
        number.map_err(|_| reader.refuse(node, "is out of range", "write a whole number, 0 or more")).ok()
    }

    fn order(&self, limit: &Self) -> Option<Ordering> {
        Some(self.cmp(limit))
    }
}

impl Kind for u32 {
    fn shape() -> Shape {
        usize::shape()
    }

    fn read(node: &Node<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        let number = Self::try_from(usize::read(node, reader)?);
        number.map_err(|_| reader.refuse(node, "is out of range", "")).ok()
    }

    fn order(&self, limit: &Self) -> Option<Ordering> {
        Some(self.cmp(limit))
    }
}

impl Kind for Duration {
    fn shape() -> Shape {
        let schema = json!({ "type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$" });
        Shape::plain("duration", "write it like \"250ms\", \"30s\", \"5m\", \"2h\" or \"1d\"", schema)
    }

    fn read(node: &Node<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        let shape = Self::shape();
        let duration = units::duration(reader.text(node, &shape)?);
        duration.map_err(|reason| reader.refuse(node, reason, shape.hint)).ok()
    }

    fn order(&self, limit: &Self) -> Option<Ordering> {
        Some(self.cmp(limit))
    }
}

impl Kind for Size {
    fn shape() -> Shape {
        let schema = json!({ "type": ["string", "integer"], "minimum": 0, "pattern": "^[0-9]+(B|KiB|MiB|GiB)$" });
        Shape::plain("size", "write it like \"64KiB\", \"4MiB\" or \"1GiB\", or as a number of bytes", schema)
    }

    fn read(node: &Node<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        if node.value.is_integer() {
            return usize::read(node, reader).map(Self);
        }
        let shape = Self::shape();
        let size = units::size(reader.text(node, &shape)?);
        size.map_err(|reason| reader.refuse(node, reason, shape.hint)).ok()
    }

    fn order(&self, limit: &Self) -> Option<Ordering> {
        Some(self.cmp(limit))
    }
}

impl<T: Kind> Kind for Vec<T> {
    fn shape() -> Shape {
        T::shape().list()
    }

    fn read(node: &Node<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        let Some(items) = node.value.as_array() else {
            reader.mismatch(node, &Self::shape());
            return None;
        };
        let items = items.iter().enumerate();
        let read: Vec<Option<T>> = items.map(|(index, item)| T::read(&node.element(index, item), reader)).collect();
        read.into_iter().collect()
    }
}

impl<T: Kind> Kind for BTreeMap<String, T> {
    fn shape() -> Shape {
        T::shape().map()
    }

    fn read(node: &Node<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        let Some(table) = node.value.as_table() else {
            reader.mismatch(node, &Self::shape());
            return None;
        };
        let entry = |(key, value): (&toml::Spanned<_>, _)| {
            let key: &std::borrow::Cow<'_, str> = key.get_ref();
            Some((key.to_string(), T::read(&node.child(key, value), reader)?))
        };
        let read: Vec<Option<(String, T)>> = table.iter().map(entry).collect();
        read.into_iter().collect()
    }
}

/// A path of the manifest, seen from its folder.
pub(crate) fn from_base(base: &Path, text: &str) -> PathBuf {
    let path = Path::new(text);
    match path.strip_prefix(".") {
        Ok(inside) if inside.as_os_str().is_empty() => base.to_path_buf(),
        Ok(inside) => base.join(inside),
        Err(_) => base.join(path),
    }
}

/// The text, unless no operating system would take it for a name.
pub(crate) fn filled(text: &str) -> Result<&str, String> {
    match text {
        text if text.trim().is_empty() => Err("is empty".into()),
        text if text.contains('\0') => Err("contains a zero byte".into()),
        text => Ok(text),
    }
}
