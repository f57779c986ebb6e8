//! What a hook leaves behind besides its verdict. Nothing of it counts unless the hook returns.

use std::any::Any;
use std::sync::Arc;

use bytes::Bytes;

use crate::{Condition, Cost};

/// The effects of one hook, collected while it runs and committed by the corridor afterwards.
#[derive(Default)]
pub struct Effects {
    /// The new `params`, if the hook edited them.
    pub params: Option<Bytes>,
    /// The new `result` or `error`, if the hook edited it.
    pub reply: Option<Bytes>,
    /// Pointers that were set or removed, for the record.
    pub edited: Vec<String>,
    /// Notes for other stages: key, value.
    pub scratch: Vec<(String, Bytes)>,
    /// Conditions under which it lets the call pass; they count if it does.
    pub conditions: Vec<Arc<Condition>>,
    /// Conditions of the call that it has fulfilled, by id.
    pub fulfilled: Vec<u32>,
    /// What the journal is to keep of payloads.
    pub includes: Vec<Include>,
    /// Values of the stage's own for the journal: key, JSON.
    pub notes: Vec<(String, String)>,
    /// What the hook took; it counts in any case.
    pub cost: Cost,
    /// Things given back when the call ends, however it ends: their `Drop` does it.
    pub held: Vec<Box<dyn Any + Send + Sync>>,
}

/// Notes that stages leave for each other within one call, by (plugin, key).
#[derive(Clone, Debug, Default)]
pub struct Scratch(Option<Arc<Vec<Note>>>);

#[derive(Clone, Debug)]
struct Note {
    plugin: Arc<str>,
    key: String,
    value: Bytes,
}

impl Scratch {
    /// Reads what `plugin` wrote under `key`.
    pub fn read(&self, plugin: &str, key: &str) -> Option<&Bytes> {
        let notes = self.0.as_ref()?;
        notes.iter().rev().find(|note| &*note.plugin == plugin && note.key == key).map(|note| &note.value)
    }

    /// Bytes of keys and values that `plugin` has left, less those under the keys that `replaced` names.
    pub fn held(&self, plugin: &str, replaced: impl Fn(&str) -> bool) -> usize {
        let notes = self.0.as_deref().map_or(&[][..], Vec::as_slice).iter();
        let left = notes.filter(|note| &*note.plugin == plugin && !replaced(&note.key));
        left.map(|note| note.key.len() + note.value.len()).sum()
    }

    /// Adds the notes of one hook; what it had left under the same keys is replaced.
    pub fn commit(&mut self, plugin: &Arc<str>, notes: Vec<(String, Bytes)>) {
        if notes.is_empty() {
            return;
        }
        let all = Arc::make_mut(self.0.get_or_insert_default());
        all.retain(|old| old.plugin != *plugin || notes.iter().all(|(key, _)| *key != old.key));
        all.extend(notes.into_iter().map(|(key, value)| Note { plugin: Arc::clone(plugin), key, value }));
    }
}

/// Which document a journal pointer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Document {
    /// The call's `params`.
    Call,
    /// The reply's `result` or `error`.
    Reply,
}

/// How a value goes into the journal; later is stricter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Treatment {
    /// As it is.
    Keep,
    /// As the SHA-256 of its JSON text.
    Hash,
    /// Not at all.
    Drop,
}

/// One wish of a stage about the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Include {
    /// Which document.
    pub document: Document,
    /// RFC 6901 pointer into it.
    pub pointer: String,
    /// What to do with the value there.
    pub treatment: Treatment,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scratch_key_belongs_to_its_writer() {
        let mut scratch = Scratch::default();
        scratch.commit(&"a".into(), vec![("k".into(), Bytes::from_static(b"1"))]);
        scratch.commit(&"b".into(), vec![("k".into(), Bytes::from_static(b"2"))]);
        scratch.commit(&"a".into(), vec![("k".into(), Bytes::from_static(b"3"))]);
        assert_eq!(scratch.read("a", "k").map(|v| &v[..]), Some(&b"3"[..]));
        assert_eq!(scratch.read("b", "k").map(|v| &v[..]), Some(&b"2"[..]));
        assert_eq!(scratch.read("c", "k"), None);
        assert_eq!((scratch.held("a", |_| false), scratch.held("a", |key| key == "k")), (2, 0));
    }
}
