//! Masks a whole JSON document through its pointers: every string, and the numbers and names of structured content.

use serde_json::Value;

use crate::kind::Kind;
use crate::mask::{mask, mask_joined};
use crate::policy::{Action, Orders, Policy};

/// A JSON document that is read and edited by pointer: the `call` and `reply` of a plugin.
pub trait Document {
    /// Bytes of it.
    fn size(&self) -> u64;
    /// A page of its strings, with their pointers, and where the next page begins.
    fn texts(&self, cursor: u32) -> (Vec<(String, String)>, Option<u32>);
    /// JSON text at a pointer.
    fn get(&self, pointer: &str) -> Option<String>;
    /// Puts JSON at a pointer.
    fn set(&self, pointer: &str, json: &str) -> Result<(), String>;
    /// Removes the value at a pointer.
    fn remove(&self, pointer: &str) -> Result<(), String>;
    /// Replaces strings; all or none.
    fn set_texts(&self, edits: &[(String, String)]) -> Result<(), String>;
    /// Where structured content lies, whose numbers and names are looked at too.
    fn structured(&self) -> &'static [&'static str];
}

/// Why a document must not leave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It holds a value that is to be refused.
    Refused(String),
    /// It holds a value in a place that cannot be edited.
    Fixed {
        /// The value's kind.
        kind: String,
        /// Why the place cannot be edited.
        why: String,
    },
    /// It is larger than what is checked.
    TooLarge(u64),
    /// A value could not be hashed.
    NotHashed(String),
}

/// Hashes a value under a key the plugin does not know.
pub type Hash<'a> = &'a dyn Fn(&str) -> Result<String, String>;

/// Strings of the protocol that are no content: whoever gets them must give them back as they are.
const OPAQUE: [&str; 5] = ["/nextCursor", "/requestState", "/taskId", "/task/taskId", "/progressToken"];
/// Shortest number that can be of any kind.
const SHORTEST_NUMBER: usize = 9;

/// Masks a document for a caller. How many values were masked, or why it must not leave.
pub fn mask_document(document: &dyn Document, policy: &Policy, roles: &[String], hash: Hash<'_>) -> Result<u64, Stop> {
    if document.size() > policy.max_bytes {
        return Err(Stop::TooLarge(document.size()));
    }
    let work = Work { document, policy, orders: policy.orders(roles), hash };
    Ok(work.texts()? + work.structured()? + work.pointers()?)
}

struct Work<'a> {
    document: &'a dyn Document,
    policy: &'a Policy,
    orders: Orders,
    hash: Hash<'a>,
}

impl Work<'_> {
    fn texts(&self) -> Result<u64, Stop> {
        let (mut edits, mut items) = (Vec::new(), Vec::new());
        let mut cursor = Some(0);
        while let Some(from) = cursor {
            let (leaves, next) = self.document.texts(from);
            for (pointer, text) in leaves {
                if OPAQUE.contains(&pointer.as_str()) {
                    continue;
                }
                if is_item(&pointer) {
                    items.push((pointer, text));
                } else if let Some(new) = self.masked(&text)? {
                    edits.push((pointer, new));
                }
            }
            cursor = next;
        }
        let texts: Vec<&str> = items.iter().map(|(_, text)| text.as_str()).collect();
        let changed = mask_joined(&texts, self.orders.wanted, &self.policy.patterns, &mut |kind, value| {
            self.replace(kind, value)
        })?;
        edits.extend(changed.into_iter().map(|(place, new)| (items[place].0.clone(), new)));
        if !edits.is_empty() {
            self.document.set_texts(&edits).map_err(|why| fixed("text", why))?;
        }
        Ok(edits.len() as u64)
    }

    fn structured(&self) -> Result<u64, Stop> {
        let mut changed = 0;
        for root in self.document.structured() {
            let Some(value) = self.document.get(root).and_then(|json| serde_json::from_str::<Value>(&json).ok()) else {
                continue;
            };
            let mut names = Vec::new();
            changed += self.numbers((*root).to_owned(), &value, &mut names)?;
            // The deepest first, so that no pointer that is still to come has another name on its way.
            for (parent, name, new) in names.into_iter().rev() {
                self.rename(&parent, &name, &new)?;
                changed += 1;
            }
        }
        Ok(changed)
    }

    /// Masks numbers at once, and gathers names: parent, name, new name.
    fn numbers(&self, pointer: String, value: &Value, names: &mut Vec<(String, String, String)>) -> Result<u64, Stop> {
        match value {
            Value::Object(members) => {
                let mut changed = 0;
                for (name, member) in members {
                    if let Some(new) = self.masked(name)? {
                        names.push((pointer.clone(), name.clone(), new));
                    }
                    changed += self.numbers(format!("{pointer}/{}", token(name)), member, names)?;
                }
                Ok(changed)
            }
            Value::Array(elements) => elements.iter().enumerate().try_fold(0, |changed, (at, element)| {
                Ok(changed + self.numbers(format!("{pointer}/{at}"), element, names)?)
            }),
            Value::Number(number) => {
                let written = number.to_string();
                let masked = if written.len() < SHORTEST_NUMBER { None } else { self.masked(&written)? };
                let Some(new) = masked else { return Ok(0) };
                self.document.set(&pointer, &Value::from(new).to_string()).map_err(|why| fixed("number", why))?;
                Ok(1)
            }
            _ => Ok(0),
        }
    }

    fn rename(&self, parent: &str, name: &str, new: &str) -> Result<(), Stop> {
        let old = format!("{parent}/{}", token(name));
        let Some(value) = self.document.get(&old) else { return Ok(()) };
        let taken = |name: &str| self.document.get(&format!("{parent}/{}", token(name))).is_some();
        // Two names may be masked alike; neither value may push the other out.
        let numbered = (2..).map(|count| format!("{new} {count}"));
        let free = std::iter::once(new.to_owned()).chain(numbered).find(|name| !taken(name)).unwrap_or_default();
        self.document.remove(&old).map_err(|why| fixed("name", why))?;
        self.document.set(&format!("{parent}/{}", token(&free)), &value).map_err(|why| fixed("name", why))
    }

    fn pointers(&self) -> Result<u64, Stop> {
        let mut changed = 0;
        for pointer in &self.policy.pointers {
            if self.document.get(pointer).is_some() {
                self.document.set(pointer, "\"[redacted]\"").map_err(|why| fixed("value named by a pointer", why))?;
                changed += 1;
            }
        }
        Ok(changed)
    }

    fn masked(&self, text: &str) -> Result<Option<String>, Stop> {
        mask(text, self.orders.wanted, &self.policy.patterns, &mut |kind, value| self.replace(kind, value))
    }

    fn replace(&self, kind: Kind, value: &str) -> Result<String, Stop> {
        let name = self.policy.patterns.name(kind);
        match self.orders.action(kind) {
            Action::Redact => Ok(format!("[{name}]")),
            Action::Hash => (self.hash)(value).map(|hash| format!("[{name}:{hash}]")).map_err(Stop::NotHashed),
            Action::Refuse => Err(Stop::Refused(name.to_owned())),
            Action::Keep => Ok(value.to_owned()),
        }
    }
}

/// Whether a string is the text of one of several items that are read one after the other.
fn is_item(pointer: &str) -> bool {
    let parts: Vec<&str> = pointer.split('/').skip(1).collect();
    matches!(parts[..], ["content" | "contents", _, "text"] | ["messages", _, "content", "text"])
}

/// A name as a token of a pointer.
fn token(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn fixed(kind: &str, why: String) -> Stop {
    Stop::Fixed { kind: kind.to_owned(), why }
}
