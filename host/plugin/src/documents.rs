//! What `call` and `reply` have in common: reading and editing a JSON document by pointer.

use std::collections::BTreeMap;
use std::ops::Range;

use bytes::Bytes;
use cardea_message::{EditFault, Pointer, Splice, json};

use crate::bindings::cardea::plugin::types::{HostError, TextLeaf, TextPage};

/// Bytes of pointers and strings on a page of `texts`.
const PAGE_BYTES: usize = 64 << 10;
/// No edit makes a document larger than this.
const MOST_BYTES: usize = 16 << 20;

/// JSON text at a pointer.
pub(crate) fn get(document: &[u8], pointer: &str) -> Option<String> {
    let span = json::find(document, &Pointer::parse(pointer).ok()?)?;
    String::from_utf8(document[span].to_vec()).ok()
}

/// The string at a pointer.
pub(crate) fn text(document: &[u8], pointer: &str) -> Option<String> {
    json::find_str(document, &Pointer::parse(pointer).ok()?)
}

/// A page of strings.
pub(crate) fn texts(document: &[u8], cursor: u32) -> TextPage {
    let (leaves, next) = json::texts(document, cursor, PAGE_BYTES);
    TextPage { leaves: leaves.into_iter().map(|(pointer, text)| TextLeaf { pointer, text }).collect(), next }
}

/// The document with JSON at a pointer.
pub(crate) fn set(document: &[u8], pointer: &str, value: &str) -> Result<Bytes, HostError> {
    if document.len() + value.len() > MOST_BYTES {
        return Err(HostError::TooLarge);
    }
    json::set(document, &parse(pointer)?, value.as_bytes()).map(Bytes::from).map_err(refused)
}

/// The document without the value at a pointer.
pub(crate) fn remove(document: &[u8], pointer: &str) -> Result<Bytes, HostError> {
    json::remove(document, &parse(pointer)?).map(Bytes::from).map_err(refused)
}

/// The document with other strings; all of them or none.
pub(crate) fn set_texts(document: Bytes, edits: &[(String, String)]) -> Result<Bytes, HostError> {
    let mut tree = Node::default();
    for (pointer, text) in edits {
        tree.add(&parse(pointer)?, text)?;
    }
    let added: usize = edits.iter().map(|(_, text)| text.len()).sum();
    if document.len() + added > MOST_BYTES {
        return Err(HostError::TooLarge);
    }
    let mut replaced = Vec::with_capacity(edits.len());
    tree.find(&document, 0..document.len(), &mut replaced)?;
    let splice = replaced.into_iter().fold(Splice::new(document), |splice, (span, text)| {
        let quoted = serde_json::Value::from(text).to_string();
        splice.replace(span, quoted)
    });
    Ok(splice.into_bytes())
}

/// Edits by the tokens of their pointers, so that one walk down the document finds the places of all.
#[derive(Default)]
struct Node<'a> {
    text: Option<&'a str>,
    below: BTreeMap<String, Node<'a>>,
}

impl<'a> Node<'a> {
    fn add(&mut self, pointer: &Pointer, text: &'a str) -> Result<(), HostError> {
        let node = pointer.tokens().fold(self, |node, token| node.below.entry(token.into_owned()).or_default());
        match node.text.replace(text) {
            None => Ok(()),
            Some(_) => Err(HostError::Invalid(format!("`{}` is edited twice", pointer.as_str()))),
        }
    }

    fn find(
        &self,
        document: &[u8],
        span: Range<usize>,
        found: &mut Vec<(Range<usize>, &'a str)>,
    ) -> Result<(), HostError> {
        if let Some(text) = self.text {
            let value = trimmed(document, span.clone());
            if document.get(value.start) != Some(&b'"') {
                return Err(HostError::NotFound);
            }
            found.push((value, text));
        }
        if self.below.is_empty() {
            return Ok(());
        }
        let within = &document[span.clone()];
        let inner = |inner: &Range<usize>| span.start + inner.start..span.start + inner.end;
        if let Some(members) = json::members(within) {
            let members: BTreeMap<_, _> = members.into_iter().collect();
            for (token, node) in &self.below {
                let member = members.get(token.as_str()).ok_or(HostError::NotFound)?;
                node.find(document, inner(member), found)?;
            }
        } else {
            let elements = json::elements(within).ok_or(HostError::NotFound)?;
            for (token, node) in &self.below {
                let element = index(token).and_then(|at| elements.get(at)).ok_or(HostError::NotFound)?;
                node.find(document, inner(element), found)?;
            }
        }
        Ok(())
    }
}

/// A value's span without the blanks around it; only the whole document can have any.
fn trimmed(document: &[u8], span: Range<usize>) -> Range<usize> {
    let value = &document[span.clone()];
    let start = span.start + (value.len() - value.trim_ascii_start().len());
    start..start + value.trim_ascii().len()
}

fn index(token: &str) -> Option<usize> {
    let plain = token == "0" || (!token.starts_with('0') && token.bytes().all(|byte| byte.is_ascii_digit()));
    token.parse().ok().filter(|_| plain)
}

fn parse(pointer: &str) -> Result<Pointer, HostError> {
    Pointer::parse(pointer).map_err(|fault| HostError::Invalid(format!("`{pointer}`: {fault}")))
}

fn refused(fault: EditFault) -> HostError {
    match fault {
        EditFault::Absent => HostError::NotFound,
        fault => HostError::Invalid(fault.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edited(document: &'static str, edits: &[(&str, &str)]) -> Result<String, HostError> {
        let edits: Vec<_> = edits.iter().map(|(pointer, text)| (pointer.to_string(), text.to_string())).collect();
        set_texts(Bytes::from_static(document.as_bytes()), &edits).map(|bytes| String::from_utf8(bytes.into()).unwrap())
    }

    #[test]
    fn texts_are_replaced_in_place_and_nothing_else_moves() {
        let document = r#"{ "b" : ["x", {"c/d":"y"}], "n":1.0, "x": "\u0041" }"#;
        let changed = edited(document, &[("/b/1/c~1d", "say \"z\""), ("/b/0", ""), ("/x", "é")]).unwrap();
        assert_eq!(changed, r#"{ "b" : ["", {"c/d":"say \"z\""}], "n":1.0, "x": "é" }"#);
    }

    #[test]
    fn all_texts_or_none() {
        let document = r#"{"a":"x","n":1}"#;
        for missing in ["/n", "/m", "/a/b", "", "/b/01"] {
            assert!(matches!(edited(document, &[("/a", "y"), (missing, "z")]), Err(HostError::NotFound)), "{missing}");
        }
        assert!(matches!(edited(document, &[("/a", "y"), ("/a", "z")]), Err(HostError::Invalid(_))));
        assert!(matches!(edited(document, &[("a", "y")]), Err(HostError::Invalid(_))));
    }

    #[test]
    fn a_document_that_is_one_text() {
        assert_eq!(edited(r#" "x" "#, &[("", "y")]).unwrap(), r#" "y" "#);
    }

    #[test]
    fn faults_have_the_names_of_the_interface() {
        let document = br#"{"a":{}}"#;
        assert!(matches!(set(document, "/a/b", "{"), Err(HostError::Invalid(_))));
        assert!(matches!(set(document, "/x/y", "1"), Err(HostError::Invalid(_))));
        assert!(matches!(remove(document, "/a/b"), Err(HostError::NotFound)));
        assert_eq!(set(document, "/a/b", "1").unwrap(), &br#"{"a":{"b":1}}"#[..]);
    }
}
