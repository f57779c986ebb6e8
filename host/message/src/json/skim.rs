//! Passing over JSON text that is known to be JSON, from value to value, without reading what is in them.
//!
//! Every text that comes from outside is read by serde_json first ([`check`](super::check), or the top level of a server's
//! reply), which decides whether it is JSON. After that a call is looked into a dozen times, for its name, its `_meta`, a
//! stage's pointer; a parser that builds keys and validates escapes each time costs five times what finding the end of a
//! value costs. Here a string ends at the next quote no backslash stands before, an object at the bracket that closes it.
//! Of text that is no JSON the answers are as good as the text, and spans still lie inside of it.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memchr2;
use serde::de::DeserializeSeed;

use super::KeySeed;

/// One member of an object, by spans.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Where the quoted key stands.
    pub(crate) key: Range<usize>,
    /// Where the value stands.
    pub(crate) value: Range<usize>,
}

/// The members of an object in order. Ends early where the text is no object.
pub(crate) struct Entries<'t> {
    cursor: Cursor<'t>,
    first: bool,
}

/// The elements of an array in order. Ends early where the text is no array.
pub(crate) struct Elements<'t> {
    cursor: Cursor<'t>,
    first: bool,
}

/// The span of the one value of a text, without the blanks around it.
pub(crate) fn whole(text: &[u8]) -> Option<Range<usize>> {
    let mut cursor = Cursor { text, at: 0 };
    let span = cursor.value()?;
    cursor.blanks();
    (cursor.at == text.len()).then_some(span)
}

/// The members of the object that begins the text; none if no object does.
pub(crate) fn entries(text: &[u8]) -> Option<Entries<'_>> {
    let mut cursor = Cursor { text, at: 0 };
    cursor.token(b'{').then_some(Entries { cursor, first: true })
}

/// The elements of the array that begins the text; none if no array does.
pub(crate) fn elements(text: &[u8]) -> Option<Elements<'_>> {
    let mut cursor = Cursor { text, at: 0 };
    cursor.token(b'[').then_some(Elements { cursor, first: true })
}

/// Whether a quoted key, as it stands in a text, is this one.
pub(crate) fn is_key(quoted: &[u8], key: &str) -> bool {
    match quoted {
        [b'"', plain @ .., b'"'] if plain == key.as_bytes() => !plain.contains(&b'\\'),
        [b'"', escaped @ .., b'"'] if escaped.contains(&b'\\') => {
            std::str::from_utf8(quoted).ok().and_then(unquoted).is_some_and(|unescaped| unescaped == key)
        }
        _ => false,
    }
}

/// The text of a JSON string, unescaped; none if it is another value.
pub(crate) fn unquoted(raw: &str) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    if !inner.contains('\\') {
        return Some(Cow::Borrowed(inner));
    }
    KeySeed.deserialize(&mut serde_json::Deserializer::from_str(raw)).ok()
}

impl Iterator for Entries<'_> {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        if !std::mem::take(&mut self.first) && !self.cursor.token(b',') {
            return None;
        }
        self.cursor.blanks();
        let key = self.cursor.string()?;
        if !self.cursor.token(b':') {
            return None;
        }
        Some(Entry { key, value: self.cursor.value()? })
    }
}

impl Iterator for Elements<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        if !std::mem::take(&mut self.first) && !self.cursor.token(b',') {
            return None;
        }
        self.cursor.value()
    }
}

struct Cursor<'t> {
    text: &'t [u8],
    at: usize,
}

impl Cursor<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Passes over one byte of punctuation and the blanks before it; false if another stands there.
    fn token(&mut self, token: u8) -> bool {
        self.blanks();
        let found = self.peek() == Some(token);
        self.at += usize::from(found);
        found
    }

    fn value(&mut self) -> Option<Range<usize>> {
        self.blanks();
        match self.peek()? {
            b'"' => self.string(),
            b'{' | b'[' => self.nested(),
            _ => self.scalar(),
        }
    }

    fn string(&mut self) -> Option<Range<usize>> {
        let start = self.at;
        if self.peek()? != b'"' {
            return None;
        }
        self.at += 1;
        loop {
            self.at += memchr2(b'"', b'\\', self.text.get(self.at..)?)?;
            if self.text[self.at] == b'"' {
                self.at += 1;
                return Some(start..self.at);
            }
            // The byte behind a backslash never ends the string.
            self.at += 2;
        }
    }

    /// An object or an array: up to the bracket that closes as many as were opened.
    fn nested(&mut self) -> Option<Range<usize>> {
        let start = self.at;
        let mut open = 0_usize;
        loop {
            match self.peek()? {
                b'"' => {
                    self.string()?;
                    continue;
                }
                b'{' | b'[' => open += 1,
                b'}' | b']' => open -= 1,
                _ => {}
            }
            self.at += 1;
            if open == 0 {
                return Some(start..self.at);
            }
        }
    }

    /// A number, `true`, `false` or `null`.
    fn scalar(&mut self) -> Option<Range<usize>> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'+' | b'.')) {
            self.at += 1;
        }
        (self.at > start).then_some(start..self.at)
    }
}
