//! The one look at a whole text that decides whether any parser could read it otherwise than we do.

use std::{
    borrow::Cow,
    fmt,
    hash::{BuildHasher as _, RandomState},
};

use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};

/// How deep arrays and objects may nest; what serde_json itself goes down to.
pub const MAX_DEPTH: usize = 127;

/// Up to this many keys an object is searched from end to end; beyond, keys are hashed with a random seed.
const FEW_KEYS: usize = 16;

/// Checks a whole text: valid UTF-8, valid JSON and nothing after it, no key twice in an object (after unescaping), no lone
/// surrogate, not nested deeper than [`MAX_DEPTH`], and no number beyond what a double holds.
pub fn check(text: &[u8]) -> Result<(), JsonFault> {
    depth(text).map(|_| ())
}

/// As [`check`]; tells how deep the text nests.
pub(super) fn depth(text: &[u8]) -> Result<usize, JsonFault> {
    let text = utf8(text)?;
    let mut walk = Walk::default();
    let mut reader = serde_json::Deserializer::from_str(text);
    Value(&mut walk).deserialize(&mut reader).and_then(|()| reader.end()).map_err(|error| fault_of(&error))?;
    Ok(walk.deepest)
}

/// The text as a string, or where it stops being UTF-8.
pub(crate) fn utf8(text: &[u8]) -> Result<&str, JsonFault> {
    std::str::from_utf8(text).map_err(|error| {
        let before = &text[..error.valid_up_to()];
        let line_start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        JsonFault {
            kind: JsonFaultKind::NotUtf8,
            line: before.iter().filter(|&&byte| byte == b'\n').count() + 1,
            column: before.len() - line_start + 1,
            detail: "the text is not UTF-8".to_owned(),
        }
    })
}

/// What is wrong with a JSON text, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonFault {
    /// Which rule it breaks.
    pub kind: JsonFaultKind,
    /// Line, from 1.
    pub line: usize,
    /// Column in bytes; 0 for the end of the line before. For a key that stands twice among many, the object's end.
    pub column: usize,
    detail: String,
}

/// The rules a text can break.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JsonFaultKind {
    /// It is not JSON, or something follows it.
    Syntax,
    /// An object holds a key twice.
    DuplicateKey,
    /// A `\u` escape is half of a surrogate pair.
    LoneSurrogate,
    /// Arrays and objects nest deeper than [`MAX_DEPTH`].
    TooDeep,
    /// The bytes are not UTF-8.
    NotUtf8,
}

impl fmt::Display for JsonFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (line {}, column {})", self.detail, self.line, self.column)
    }
}

impl std::error::Error for JsonFault {}

/// The reason serde_json is given for a key that stands twice.
pub(crate) const DUPLICATE: &str = "an object holds the same key twice";

/// Sorts an error of serde_json. It tells its reasons by text alone; a test holds every one of these texts still.
pub(crate) fn fault_of(error: &serde_json::Error) -> JsonFault {
    let text = error.to_string();
    let reason = text.rsplit_once(" at line ").map_or(text.as_str(), |(reason, _)| reason);
    let (kind, detail) = match reason {
        DUPLICATE => (JsonFaultKind::DuplicateKey, DUPLICATE),
        "lone leading surrogate in hex escape" | "unexpected end of hex escape" => {
            (JsonFaultKind::LoneSurrogate, "a `\\u` escape is half of a surrogate pair")
        }
        "recursion limit exceeded" => (JsonFaultKind::TooDeep, "arrays and objects nest too deep"),
        other => (JsonFaultKind::Syntax, other),
    };
    JsonFault { kind, line: error.line(), column: error.column(), detail: detail.to_owned() }
}

// ---- The walk over a whole text ------------------------------------------------------------------------------------

#[derive(Default)]
struct Walk<'t> {
    /// Keys of all objects that are still open, one object's after the other's: one allocation for a whole text.
    keys: Vec<Cow<'t, str>>,
    depth: usize,
    deepest: usize,
}

impl Walk<'_> {
    fn down(&mut self) {
        self.depth += 1;
        self.deepest = self.deepest.max(self.depth);
    }
}

struct Value<'w, 't>(&'w mut Walk<'t>);

impl<'t> DeserializeSeed<'t> for Value<'_, 't> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'t>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'t> Visitor<'t> for Value<'_, 't> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'t>>(self, mut map: A) -> Result<(), A::Error> {
        self.0.down();
        let mut seen = Seen::after(self.0.keys.len());
        while let Some(key) = map.next_key_seed(KeySeed)? {
            seen.admit(&mut self.0.keys, key)?;
            map.next_value_seed(Value(self.0))?;
        }
        seen.close(&mut self.0.keys)?;
        self.0.depth -= 1;
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'t>>(self, mut array: A) -> Result<(), A::Error> {
        self.0.down();
        while array.next_element_seed(Value(self.0))?.is_some() {}
        self.0.depth -= 1;
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// The keys of one open object: the end of a list shared with the objects around it, or hashes once they are many.
///
/// Hashes are compared without the keys, which would cost ten times the memory of the text. That two keys of an object
/// share one is a chance of n² in 2⁶⁵, nothing a sender can bring about without the seed, and then refuses the object.
pub(crate) struct Seen {
    start: usize,
    hashes: Vec<u64>,
    seed: RandomState,
}

impl Seen {
    /// An object whose keys will stand from `start` on.
    pub(crate) fn after(start: usize) -> Self {
        Self { start, hashes: Vec::new(), seed: RandomState::new() }
    }

    /// Adds a key, or refuses the object for having it already.
    pub(crate) fn admit<'t, E: serde::de::Error>(
        &mut self,
        keys: &mut Vec<Cow<'t, str>>,
        key: Cow<'t, str>,
    ) -> Result<(), E> {
        if keys[self.start..].contains(&key) {
            return Err(E::custom(DUPLICATE));
        }
        if self.hashes.is_empty() && keys.len() - self.start < FEW_KEYS {
            keys.push(key);
        } else {
            self.hashes.extend(keys.drain(self.start..).map(|few| self.seed.hash_one(few)));
            self.hashes.push(self.seed.hash_one(key));
        }
        Ok(())
    }

    /// Gives the shared list back as it was, or refuses the object if two of its many keys are one.
    pub(crate) fn close<E: serde::de::Error>(mut self, keys: &mut Vec<Cow<'_, str>>) -> Result<(), E> {
        keys.truncate(self.start);
        self.hashes.sort_unstable();
        let twice = self.hashes.windows(2).any(|pair| pair[0] == pair[1]);
        if twice { Err(E::custom(DUPLICATE)) } else { Ok(()) }
    }
}

/// Reads a key, unescaped, without a copy where it holds no escape.
pub(crate) struct KeySeed;

impl<'t> DeserializeSeed<'t> for KeySeed {
    type Value = Cow<'t, str>;

    fn deserialize<D: serde::Deserializer<'t>>(self, reader: D) -> Result<Cow<'t, str>, D::Error> {
        reader.deserialize_str(self)
    }
}

impl<'t> Visitor<'t> for KeySeed {
    type Value = Cow<'t, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E>(self, text: &'t str) -> Result<Cow<'t, str>, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Cow<'t, str>, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}
