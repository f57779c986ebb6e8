//! What is remembered of a server: the digest of everything it offered when it was pinned, and the definitions themselves, to
//! say what has changed.

use std::collections::BTreeMap;

use cardea_sdk::{HostError, ItemKind, kv};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::canonical::{canonical, differences, digest};
use crate::names::skeleton;

/// Definitions kept of one set; of what is beyond, a change is noticed and not shown.
const KEPT: usize = 300;
/// Places that are named of a definition that has changed.
const SHOWN: usize = 8;
/// How often writing the names of all servers is tried against others who write them.
const TRIES: u32 = 5;

/// What a server offers of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Set<'a> {
    pub(crate) server: &'a str,
    pub(crate) kind: &'static str,
}

/// Digests by native name.
pub(crate) type Digests = BTreeMap<String, String>;

/// A set as it was pinned.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Pinned {
    pub(crate) names: Digests,
}

/// Who has which name first, by what it looks like: server and name.
type Owners = BTreeMap<String, (String, String)>;

impl Set<'_> {
    /// What was pinned; none before the first use.
    pub(crate) fn pinned(self) -> Result<Option<Pinned>, String> {
        let Some(bytes) = kv::get(&self.key()).map_err(told)? else { return Ok(None) };
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| format!("the pin of {} cannot be read: {error}", self.server))
    }

    /// Pins what is offered now.
    pub(crate) fn pin(self, names: &Digests, definitions: &BTreeMap<&str, Value>) -> Result<(), String> {
        for (name, definition) in definitions.iter().take(KEPT) {
            // A definition too large to keep is pinned all the same: its digest is.
            match kv::put(&self.definition_key(name), canonical(definition).as_bytes(), None) {
                Ok(()) | Err(HostError::TooLarge) => {}
                Err(error) => return Err(told(error)),
            }
        }
        let pinned = serde_json::to_vec(&Pinned { names: names.clone() }).map_err(|error| error.to_string())?;
        kv::put(&self.key(), &pinned, None).map_err(told)
    }

    /// Where a definition differs from the one that was pinned, in words.
    pub(crate) fn changes(self, name: &str, definition: &Value) -> String {
        let old = kv::get(&self.definition_key(name)).ok().flatten();
        match old.and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok()) {
            Some(old) => differences(&old, definition, SHOWN).join(", "),
            None => "the definition that was pinned is not kept".to_owned(),
        }
    }

    /// What an operator approves: server, kind, and every name with its digest.
    pub(crate) fn hash(self, names: &Digests) -> String {
        let all: Vec<String> = names.iter().map(|(name, digest)| format!("{name} {digest}\n")).collect();
        format!("sha256:{}", digest(&format!("{}\n{}\n{}", self.server, self.kind, all.concat())))
    }

    fn key(self) -> String {
        format!("set/{}/{}", self.server, self.kind)
    }

    fn definition_key(self, name: &str) -> String {
        format!("definition/{}/{}/{}", self.server, self.kind, digest(name))
    }

    /// Of these names, those that look like, or are, a name of another server: with whose. The others are this server's from now
    /// on, if nobody has them.
    pub(crate) fn claim(self, names: &[&str]) -> Result<BTreeMap<String, (String, String)>, String> {
        let key = format!("names/{}", self.kind);
        for _ in 0..TRIES {
            let stored = kv::get(&key).map_err(told)?;
            let mut owners: Owners = match &stored {
                Some(bytes) => serde_json::from_slice(bytes)
                    .map_err(|error| format!("the names of all servers cannot be read: {error}"))?,
                None => Owners::new(),
            };
            let (mut taken, before) = (BTreeMap::new(), owners.len());
            for name in names {
                let owner =
                    owners.entry(skeleton(name)).or_insert_with(|| (self.server.to_owned(), (*name).to_owned()));
                if owner.0 != self.server {
                    taken.insert((*name).to_owned(), owner.clone());
                }
            }
            if owners.len() == before {
                return Ok(taken);
            }
            let new = serde_json::to_vec(&owners).map_err(|error| error.to_string())?;
            if kv::cas(&key, stored.as_deref(), &new, None).map_err(told)? {
                return Ok(taken);
            }
        }
        Err("others keep writing the names of all servers".to_owned())
    }
}

/// The word for a kind.
pub(crate) fn word(kind: ItemKind) -> &'static str {
    match kind {
        ItemKind::Tool => "tool",
        ItemKind::Prompt => "prompt",
        ItemKind::Resource => "resource",
        ItemKind::ResourceTemplate => "resource-template",
    }
}

fn told(error: HostError) -> String {
    error.to_string()
}
