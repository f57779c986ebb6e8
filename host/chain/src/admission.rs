//! Whole definitions of what servers offer, and what the stages that judge them say.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::ItemKind;

/// Everything of one kind that one server offers one caller: a revision of its list.
#[derive(Debug, Default)]
pub struct Offered {
    definitions: Arc<Vec<Definition>>,
    revision: [u8; 32],
}

/// A definition as the server sent it.
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    /// Tool, prompt, resource or template.
    pub kind: ItemKind,
    /// Name or URI as the server knows it.
    pub native_id: String,
    /// The server.
    pub server: Arc<str>,
    /// SHA-256 of `json`, lower-case hex.
    pub digest: String,
    /// The whole definition.
    pub json: Bytes,
}

/// What becomes of a definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Decision {
    /// It is offered.
    Keep,
    /// It is hidden until an operator approves.
    Hold,
    /// It is hidden.
    Drop,
}

/// A replaced or, without a value, removed value of a definition.
#[derive(Clone, Debug, PartialEq)]
pub struct DefinitionEdit {
    /// RFC 6901 pointer into the definition.
    pub pointer: String,
    /// The new value, raw JSON.
    pub json: Option<String>,
}

/// What a stage says of one definition.
#[derive(Clone, Debug, PartialEq)]
pub struct CatalogVerdict {
    /// Keep, hold or drop.
    pub decision: Decision,
    /// Made in order, if it is kept.
    pub edits: Vec<DefinitionEdit>,
    /// For the operator.
    pub reason: String,
}

impl CatalogVerdict {
    /// It is offered as it is.
    pub fn keep() -> Self {
        Self { decision: Decision::Keep, edits: Vec::new(), reason: String::new() }
    }
}

impl Offered {
    /// The definitions of a list, by their native names.
    pub fn new(server: &Arc<str>, kind: ItemKind, items: impl IntoIterator<Item = (String, Bytes)>) -> Self {
        let definition = |(native_id, json): (String, Bytes)| {
            let digest = Sha256::digest(&json).iter().map(|byte| format!("{byte:02x}")).collect();
            Definition { kind, native_id, server: Arc::clone(server), digest, json }
        };
        let definitions: Vec<_> = items.into_iter().map(definition).collect();
        let mut all = Sha256::new();
        definitions.iter().for_each(|definition| all.update(&definition.digest));
        Self { definitions: Arc::new(definitions), revision: all.finalize().into() }
    }

    /// The definitions, in the server's order.
    pub fn definitions(&self) -> &Arc<Vec<Definition>> {
        &self.definitions
    }
}

/// What became of a revision: the items that are offered, by native name.
#[derive(Debug, Default)]
pub(crate) struct Admitted {
    kept: HashMap<String, Kept>,
}

/// An item that is offered.
#[derive(Debug)]
pub(crate) struct Kept {
    /// Of the definition as it was judged.
    pub(crate) digest: String,
    pub(crate) edits: Vec<DefinitionEdit>,
}

impl Admitted {
    /// Takes together what all stages have said: the strictest decision, and all edits in the order of the stages.
    pub(crate) fn of(offered: &Offered, said: &[Vec<CatalogVerdict>]) -> Self {
        let mut kept = HashMap::new();
        for (at, definition) in offered.definitions.iter().enumerate() {
            let of_item = || said.iter().filter_map(|admissions| admissions.get(at));
            let hidden = of_item().find(|admission| admission.decision != Decision::Keep);
            if let Some(CatalogVerdict { decision, reason, .. }) = hidden {
                let (server, name) = (&definition.server, &definition.native_id);
                tracing::warn!(%server, name, ?decision, "a definition is not offered: {reason}");
                // Of two with one name, neither is offered if one of them is not.
                kept.insert(definition.native_id.clone(), None);
                continue;
            }
            let edits = of_item().flat_map(|admission| admission.edits.iter().cloned()).collect();
            let new = Kept { digest: definition.digest.clone(), edits };
            kept.entry(definition.native_id.clone()).and_modify(|there| *there = None).or_insert(Some(new));
        }
        Self { kept: kept.into_iter().filter_map(|(name, kept)| Some((name, kept?))).collect() }
    }

    /// The item of this name, if it is offered.
    pub(crate) fn item(&self, native: &str) -> Option<&Kept> {
        self.kept.get(native)
    }
}

/// Revisions that are remembered of one server and kind: callers may be offered different ones.
const REMEMBERED: usize = 16;

type Revisions = VecDeque<([u8; 32], Arc<Admitted>)>;

/// What one generation has judged.
#[derive(Debug, Default)]
pub(crate) struct Admissions(Mutex<HashMap<(Arc<str>, ItemKind), Revisions>>);

impl Admissions {
    /// What became of a revision, if it was judged.
    pub(crate) fn of(&self, server: &Arc<str>, kind: ItemKind, offered: &Offered) -> Option<Arc<Admitted>> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let revisions = all.get(&(Arc::clone(server), kind))?;
        revisions.iter().find(|(revision, _)| *revision == offered.revision).map(|(_, admitted)| Arc::clone(admitted))
    }

    /// Remembers what became of a revision.
    pub(crate) fn remember(&self, server: &Arc<str>, kind: ItemKind, offered: &Offered, admitted: Arc<Admitted>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let revisions = all.entry((Arc::clone(server), kind)).or_default();
        revisions.retain(|(revision, _)| *revision != offered.revision);
        revisions.push_front((offered.revision, admitted));
        revisions.truncate(REMEMBERED);
    }
}
