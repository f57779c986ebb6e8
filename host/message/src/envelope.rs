//! The top level of a message: the six members that decide, as raw JSON; everything else is passed over.

use std::fmt;

use serde::de::{Deserializer as _, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::json::{JsonFault, KeySeed, Seen, fault_of};

/// The members of a message that this crate knows.
#[derive(Default)]
pub(crate) struct Members<'t> {
    pub(crate) jsonrpc: Option<&'t RawValue>,
    pub(crate) id: Option<&'t RawValue>,
    pub(crate) method: Option<&'t RawValue>,
    pub(crate) params: Option<&'t RawValue>,
    pub(crate) result: Option<&'t RawValue>,
    pub(crate) error: Option<&'t RawValue>,
}

impl<'t> Members<'t> {
    /// Reads the top level of an object. A key that stands twice there, known or not, refuses it; keys further down are
    /// not looked at.
    pub(crate) fn read(text: &'t str) -> Result<Self, JsonFault> {
        let mut reader = serde_json::Deserializer::from_str(text);
        let read = reader.deserialize_map(TopLevel).and_then(|members| reader.end().map(|()| members));
        read.map_err(|error| fault_of(&error))
    }

    fn slot(&mut self, key: &str) -> Option<&mut Option<&'t RawValue>> {
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

struct TopLevel;

impl<'t> Visitor<'t> for TopLevel {
    type Value = Members<'t>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'t>>(self, mut map: A) -> Result<Members<'t>, A::Error> {
        let mut members = Members::default();
        let mut unknown = Vec::new();
        let mut seen = Seen::after(0);
        while let Some(key) = map.next_key_seed(KeySeed)? {
            match members.slot(&key) {
                Some(Some(_)) => return Err(A::Error::custom(crate::json::DUPLICATE)),
                Some(slot) => *slot = Some(map.next_value()?),
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
