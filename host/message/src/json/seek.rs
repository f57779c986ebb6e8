//! Finding values and the spans they stand in.

use std::{borrow::Cow, fmt, ops::Range};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{
    KeySeed, Pointer,
    pointer::{array_index, first_token},
};

/// The span of the value at a pointer, without the blanks around it; none if there is no such value.
pub fn find(text: &[u8], pointer: &Pointer) -> Option<Range<usize>> {
    let found = read(text, Seek { rest: pointer.as_str() })??;
    Some(span_in(text, found))
}

/// The unescaped string at a pointer; none if there is no value or it is not a string.
pub fn find_str(text: &[u8], pointer: &Pointer) -> Option<String> {
    let found = read(text, Seek { rest: pointer.as_str() })??;
    unquoted(found.get()).map(Cow::into_owned)
}

/// The members of an object in order: unescaped key and span of the value. None if the text is not an object.
pub fn members(object: &[u8]) -> Option<Vec<(Cow<'_, str>, Range<usize>)>> {
    Some(entries(object)?.into_iter().map(|entry| (entry.key, entry.value)).collect())
}

/// The spans of an array's elements in order. None if the text is not an array.
pub fn elements(array: &[u8]) -> Option<Vec<Range<usize>>> {
    let raws: Vec<&RawValue> = read(array, Whole::new())?;
    Some(raws.into_iter().map(|raw| span_in(array, raw)).collect())
}

/// One member of an object, by spans.
pub(crate) struct Entry<'t> {
    /// The unescaped key.
    pub(crate) key: Cow<'t, str>,
    /// Where the quoted key stands.
    pub(crate) key_span: Range<usize>,
    /// Where the value stands.
    pub(crate) value: Range<usize>,
}

/// The members of an object in order; none if the text is not an object.
pub(crate) fn entries(object: &[u8]) -> Option<Vec<Entry<'_>>> {
    read(object, RawMembers)?.into_iter().map(|(key, value)| Entry::new(object, key, value)).collect()
}

impl<'t> Entry<'t> {
    fn new(object: &'t [u8], key: &'t RawValue, value: &'t RawValue) -> Option<Self> {
        Some(Self { key: unquoted(key.get())?, key_span: span_in(object, key), value: span_in(object, value) })
    }
}

/// True if the text is an object.
pub(crate) fn is_object(text: &[u8]) -> bool {
    text.trim_ascii_start().starts_with(b"{") && find(text, &Pointer::root()).is_some()
}

/// Where a raw value that was read out of `text` stands in it.
pub(crate) fn span_in(text: &[u8], raw: &RawValue) -> Range<usize> {
    let start = raw.get().as_ptr().addr() - text.as_ptr().addr();
    start..start + raw.get().len()
}

/// The text of a JSON string, unescaped; none if it is another value.
pub(crate) fn unquoted(raw: &str) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    if !inner.contains('\\') {
        return Some(Cow::Borrowed(inner));
    }
    KeySeed.deserialize(&mut serde_json::Deserializer::from_str(raw)).ok()
}

fn read<'t, S: DeserializeSeed<'t>>(text: &'t [u8], seed: S) -> Option<S::Value> {
    let mut reader = serde_json::Deserializer::from_str(std::str::from_utf8(text).ok()?);
    let value = seed.deserialize(&mut reader).ok()?;
    reader.end().ok()?;
    Some(value)
}

struct Whole<T>(std::marker::PhantomData<T>);

impl<T> Whole<T> {
    fn new() -> Self {
        Self(std::marker::PhantomData)
    }
}

impl<'t, T: Deserialize<'t>> DeserializeSeed<'t> for Whole<T> {
    type Value = T;

    fn deserialize<D: Deserializer<'t>>(self, reader: D) -> Result<T, D::Error> {
        T::deserialize(reader)
    }
}

struct RawMembers;

impl<'t> DeserializeSeed<'t> for RawMembers {
    type Value = Vec<(&'t RawValue, &'t RawValue)>;

    fn deserialize<D: Deserializer<'t>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'t> Visitor<'t> for RawMembers {
    type Value = Vec<(&'t RawValue, &'t RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'t>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut raws = Vec::new();
        while let Some(entry) = map.next_entry()? {
            raws.push(entry);
        }
        Ok(raws)
    }
}

/// Goes down one token per level and skips everything beside the way.
struct Seek<'p> {
    rest: &'p str,
}

impl<'t> DeserializeSeed<'t> for Seek<'_> {
    type Value = Option<&'t RawValue>;

    fn deserialize<D: Deserializer<'t>>(self, reader: D) -> Result<Self::Value, D::Error> {
        if self.rest.is_empty() { <&RawValue>::deserialize(reader).map(Some) } else { reader.deserialize_any(self) }
    }
}

impl<'t> Visitor<'t> for Seek<'_> {
    type Value = Option<&'t RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'t>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (token, rest) = first_token(self.rest);
        let mut found = None;
        while let Some(key) = map.next_key_seed(KeySeed)? {
            if key == token {
                found = map.next_value_seed(Seek { rest })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'t>>(self, mut array: A) -> Result<Self::Value, A::Error> {
        let (token, rest) = first_token(self.rest);
        let mut found = None;
        if let Some(index) = array_index(&token) {
            for _ in 0..index {
                if array.next_element::<IgnoredAny>()?.is_none() {
                    return Ok(None);
                }
            }
            found = array.next_element_seed(Seek { rest })?.flatten();
        }
        while array.next_element::<IgnoredAny>()?.is_some() {}
        Ok(found)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}
