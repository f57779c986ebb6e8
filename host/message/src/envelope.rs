//! The top level of a message: the six members that decide, as raw JSON; everything else is passed over.

use std::fmt;
use std::ops::Range;

use serde::de::{Deserializer as _, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::json::{self, JsonFault, KeySeed, Seen, fault_of};

/// Where the members of a message that this crate knows stand in its text.
#[derive(Default)]
pub(crate) struct Members {
    pub(crate) jsonrpc: Option<Range<usize>>,
    pub(crate) id: Option<Range<usize>>,
    pub(crate) method: Option<Range<usize>>,
    pub(crate) params: Option<Range<usize>>,
    pub(crate) result: Option<Range<usize>>,
    pub(crate) error: Option<Range<usize>>,
}

impl Members {
    /// Reads the top level of an object. A key that stands twice there, known or not, refuses it; keys further down are
    /// not looked at.
    pub(crate) fn read(text: &str) -> Result<Self, JsonFault> {
        let mut reader = serde_json::Deserializer::from_str(text);
        let read = reader.deserialize_map(TopLevel(text)).and_then(|members| reader.end().map(|()| members));
        read.map_err(|error| fault_of(&error))
    }

    /// The same of a text that passed [`json::check`].
    pub(crate) fn of_checked(text: &[u8]) -> Self {
        let mut members = Self::default();
        for entry in json::entries(text).into_iter().flatten() {
            if let Some(slot) = json::string(&text[entry.key]).and_then(|key| members.slot(&key)) {
                *slot = Some(entry.value);
            }
        }
        members
    }

    fn slot(&mut self, key: &str) -> Option<&mut Option<Range<usize>>> {
        match key {
            "jsonrpc" => Some(&mut self.jsonrpc),
            "id" => Some(&mut self.id),
            "method" => Some(&mut self.method),
            "params" => Some(&mut self.params),
            "result" => Some(&mut self.result),
            "error" => Some(&mut self.error),
            _ => None,
        }
    }
}

struct TopLevel<'t>(&'t str);

impl<'t> Visitor<'t> for TopLevel<'t> {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'t>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Members::default();
        let mut unknown = Vec::new();
        let mut seen = Seen::after(0);
        while let Some(key) = map.next_key_seed(KeySeed)? {
            match members.slot(&key) {
                Some(Some(_)) => return Err(A::Error::custom(json::DUPLICATE)),
                Some(slot) => *slot = Some(json::span_in(self.0.as_bytes(), map.next_value::<&RawValue>()?)),
                None => {
                    seen.admit(&mut unknown, key)?;
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        seen.close(&mut unknown)?;
        Ok(members)
    }
}
