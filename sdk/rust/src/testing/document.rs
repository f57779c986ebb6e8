//! A JSON document that keeps the order of its members and is read and edited by RFC 6901 pointers.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// A JSON value. Members stay in the order they were written, because `texts` answers in document order.
#[derive(Debug, Clone, PartialEq)]
pub enum Document {
    /// Null, a boolean, a number or a string.
    Scalar(Value),
    /// An array.
    Array(Vec<Document>),
    /// An object.
    Object(Vec<(String, Document)>),
}

impl Document {
    /// Reads JSON text.
    pub fn parse(json: &str) -> Result<Self, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    /// The value at a pointer.
    pub fn at(&self, pointer: &str) -> Option<&Self> {
        steps(pointer)?.iter().try_fold(self, |document, step| match document {
            Self::Scalar(_) => None,
            Self::Array(values) => values.get(index(step)?),
            Self::Object(members) => members.iter().find(|(name, _)| name == step).map(|(_, value)| value),
        })
    }

    /// The string at a pointer.
    pub fn text(&self, pointer: &str) -> Option<String> {
        match self.at(pointer)? {
            Self::Scalar(Value::String(text)) => Some(text.clone()),
            _ => None,
        }
    }

    /// Puts a value in the place of another, or adds a member to an object that is there.
    pub fn set(&mut self, pointer: &str, value: Self) -> Result<(), String> {
        if let Some(place) = self.at_mut(pointer) {
            *place = value;
            return Ok(());
        }
        let (parent, name) = split(pointer)?;
        match self.at_mut(parent) {
            Some(Self::Object(members)) => members.push((name, value)),
            _ => return Err(format!("there is no object at `{parent}`")),
        }
        Ok(())
    }

    /// Removes a value; false if there is none.
    pub fn remove(&mut self, pointer: &str) -> Result<bool, String> {
        let (parent, name) = split(pointer)?;
        match self.at_mut(parent) {
            Some(Self::Object(members)) => {
                let before = members.len();
                members.retain(|(member, _)| *member != name);
                Ok(members.len() < before)
            }
            Some(Self::Array(values)) => match index(&name).filter(|at| *at < values.len()) {
                Some(at) => {
                    values.remove(at);
                    Ok(true)
                }
                None => Ok(false),
            },
            _ => Ok(false),
        }
    }

    /// Pointer and text of every string value, in document order.
    pub fn leaves(&self) -> Vec<(String, String)> {
        let mut leaves = Vec::new();
        self.collect_leaves(String::new(), &mut leaves);
        leaves
    }

    fn collect_leaves(&self, pointer: String, leaves: &mut Vec<(String, String)>) {
        match self {
            Self::Scalar(Value::String(text)) => leaves.push((pointer, text.clone())),
            Self::Scalar(_) => {}
            Self::Array(values) => {
                for (at, value) in values.iter().enumerate() {
                    value.collect_leaves(format!("{pointer}/{at}"), leaves);
                }
            }
            Self::Object(members) => {
                for (name, value) in members {
                    let step = name.replace('~', "~0").replace('/', "~1");
                    value.collect_leaves(format!("{pointer}/{step}"), leaves);
                }
            }
        }
    }

    fn at_mut(&mut self, pointer: &str) -> Option<&mut Self> {
        steps(pointer)?.iter().try_fold(self, |document, step| match document {
            Self::Scalar(_) => None,
            Self::Array(values) => values.get_mut(index(step)?),
            Self::Object(members) => members.iter_mut().find(|(name, _)| name == step).map(|(_, value)| value),
        })
    }
}

/// True for an RFC 6901 pointer.
pub fn is_pointer(pointer: &str) -> bool {
    let escapes_are_right = pointer.split('~').skip(1).all(|after| after.starts_with(['0', '1']));
    (pointer.is_empty() || pointer.starts_with('/')) && escapes_are_right
}

/// The unescaped steps of a pointer; none if it is not one.
fn steps(pointer: &str) -> Option<Vec<String>> {
    if pointer.is_empty() {
        return Some(Vec::new());
    }
    let unescape = |step: &str| step.replace("~1", "/").replace("~0", "~");
    Some(pointer.strip_prefix('/')?.split('/').map(unescape).collect())
}

/// Parent and last step.
fn split(pointer: &str) -> Result<(&str, String), String> {
    let (parent, _) = pointer.rsplit_once('/').ok_or_else(|| format!("`{pointer}` names no member"))?;
    let last = steps(pointer).and_then(|mut steps| steps.pop());
    last.map(|last| (parent, last)).ok_or_else(|| format!("`{pointer}` is not a JSON pointer"))
}

fn index(step: &str) -> Option<usize> {
    let plain = step == "0" || !step.starts_with(['0', '+']);
    step.parse().ok().filter(|_| plain)
}

impl fmt::Display for Document {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scalar(value) => write!(out, "{value}"),
            Self::Array(values) => {
                out.write_str("[")?;
                for (at, value) in values.iter().enumerate() {
                    write!(out, "{}{value}", if at == 0 { "" } else { "," })?;
                }
                out.write_str("]")
            }
            Self::Object(members) => {
                out.write_str("{")?;
                for (at, (name, value)) in members.iter().enumerate() {
                    let name = Value::from(name.as_str());
                    write!(out, "{}{name}:{value}", if at == 0 { "" } else { "," })?;
                }
                out.write_str("}")
            }
        }
    }
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DocumentVisitor)
    }
}

struct DocumentVisitor;

impl<'de> Visitor<'de> for DocumentVisitor {
    type Value = Document;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Document, E> {
        Ok(Document::Scalar(Value::Null))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Document, E> {
        Ok(Document::Scalar(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Document, E> {
        Ok(Document::Scalar(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Document, E> {
        Ok(Document::Scalar(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Document, E> {
        Ok(Document::Scalar(value.into()))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Document, E> {
        Ok(Document::Scalar(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Document, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = access.next_element()? {
            values.push(value);
        }
        Ok(Document::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Document, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = access.next_entry()? {
            members.push(member);
        }
        Ok(Document::Object(members))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use proptest::prelude::*;

    use super::*;

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,6}".prop_map(Value::from)
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a~/0]{1,3}", inner, 0..4).prop_map(Value::from_iter),
            ]
        })
    }

    proptest! {
        #[test]
        fn writing_and_reading_change_nothing(value in json()) {
            let document = Document::parse(&value.to_string()).unwrap();
            let again: Value = serde_json::from_str(&document.to_string()).unwrap();
            prop_assert_eq!(again, value);
        }

        #[test]
        fn every_leaf_is_at_its_pointer_and_can_be_replaced(value in json()) {
            let mut document = Document::parse(&value.to_string()).unwrap();
            for (pointer, text) in document.leaves() {
                prop_assert_eq!(document.text(&pointer), Some(text));
                document.set(&pointer, Document::Scalar("new".into())).unwrap();
                prop_assert_eq!(document.text(&pointer), Some("new".to_owned()));
            }
        }
    }

    #[test]
    fn members_are_added_to_objects_only() {
        let mut document = Document::parse(r#"{"z":1,"a":[{"b":2}]}"#).unwrap();
        document.set("/a/0/c~1d", Document::Scalar(3.into())).unwrap();
        assert_eq!(document.to_string(), r#"{"z":1,"a":[{"b":2,"c/d":3}]}"#);
        assert!(document.set("/a/5", Document::Scalar(3.into())).is_err());
        assert!(document.set("/none/x", Document::Scalar(3.into())).is_err());
        assert!(document.remove("/a/0/b").unwrap());
        assert!(!document.remove("/a/0/b").unwrap());
        assert_eq!(document.to_string(), r#"{"z":1,"a":[{"c/d":3}]}"#);
    }
}
