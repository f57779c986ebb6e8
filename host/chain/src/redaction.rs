//! What the house does for an obligation: takes values out of the arguments or the reply, or blackens them.

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;
use cardea_message::{Pointer, Splice, json};
use serde::Deserialize;

/// What stands where a string was.
const BLACK: &str = r#""***""#;
/// Pointers of one redaction.
const MOST_POINTERS: usize = 64;
/// Values that one redaction takes out; each is a copy of the document.
const MOST_REMOVED: usize = 256;

/// Which values go, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Redaction {
    manner: Manner,
    call: Vec<Pattern>,
    reply: Vec<Pattern>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// Every string at or below a pointer becomes `"***"`, every other scalar `null`. The shape stays.
    Mask,
    /// The value is gone.
    Remove,
}

/// A pointer in which the token `*` is any member or element.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern(Pointer);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    #[serde(default)]
    call: Vec<String>,
    #[serde(default)]
    reply: Vec<String>,
}

impl Redaction {
    /// Reads the parameters of `mask`.
    pub(crate) fn mask(json: &str) -> Result<Self, String> {
        Self::read(Manner::Mask, json)
    }

    /// Reads the parameters of `remove`.
    pub(crate) fn remove(json: &str) -> Result<Self, String> {
        Self::read(Manner::Remove, json)
    }

    fn read(manner: Manner, json: &str) -> Result<Self, String> {
        let wish: Wish = serde_json::from_str(json).map_err(|fault| {
            format!("`mask` and `remove` take {{\"call\": [pointer …], \"reply\": [pointer …]}}: {fault}")
        })?;
        if !(1..=MOST_POINTERS).contains(&(wish.call.len() + wish.reply.len())) {
            return Err(format!("between 1 and {MOST_POINTERS} pointers are named"));
        }
        let call = wish.call.into_iter().map(|text| Pattern::parse(&text, Pattern::is_of_arguments));
        let reply = wish.reply.into_iter().map(|text| Pattern::parse(&text, Pattern::is_of_reply));
        Ok(Self { manner, call: call.collect::<Result<_, _>>()?, reply: reply.collect::<Result<_, _>>()? })
    }

    /// Whether a reply has to be read for it.
    pub(crate) fn waits_for_reply(&self) -> bool {
        !self.reply.is_empty()
    }

    /// The call's `params` without the values, and their pointers; none if there are none of them.
    pub(crate) fn of_call(&self, params: &Bytes) -> Result<Option<(Bytes, Vec<String>)>, String> {
        self.applied(&self.call, params)
    }

    /// The same of the reply's `result` or `error`.
    pub(crate) fn of_reply(&self, document: &Bytes) -> Result<Option<(Bytes, Vec<String>)>, String> {
        self.applied(&self.reply, document)
    }

    fn applied(&self, patterns: &[Pattern], document: &Bytes) -> Result<Option<(Bytes, Vec<String>)>, String> {
        let mut found = Vec::new();
        for Pattern(pointer) in patterns {
            let tokens: Vec<_> = pointer.tokens().collect();
            find(document, 0..document.len(), &tokens, &Pointer::root(), &mut found);
        }
        if found.is_empty() {
            return Ok(None);
        }
        found.sort_by_key(|(span, _)| span.start);
        found.dedup();
        let redacted = match self.manner {
            Manner::Mask => masked(document, &found),
            Manner::Remove => removed(document, &found)?,
        };
        Ok(Some((redacted, found.into_iter().map(|(_, pointer)| pointer.as_str().to_owned()).collect())))
    }
}

impl Pattern {
    fn parse(text: &str, allowed: fn(&str) -> bool) -> Result<Self, String> {
        let pointer = Pointer::parse(text).map_err(|fault| format!("`{text}`: {fault}"))?;
        if allowed(text) { Ok(Self(pointer)) } else { Err(format!("`{text}` is not to be redacted")) }
    }

    /// Below the arguments; the rest of `params` says what the call is.
    fn is_of_arguments(text: &str) -> bool {
        text.starts_with("/arguments/")
    }

    /// A member of the result that is named, and not `_meta`.
    fn is_of_reply(text: &str) -> bool {
        let first = text.split('/').nth(1);
        first.is_some_and(|token| !matches!(token, "*" | "_meta"))
    }
}

/// Finds the values that a pattern names.
fn find(
    document: &[u8],
    span: Range<usize>,
    tokens: &[Cow<'_, str>],
    at: &Pointer,
    found: &mut Vec<(Range<usize>, Pointer)>,
) {
    let Some((token, rest)) = tokens.split_first() else {
        found.push((span, at.clone()));
        return;
    };
    for (name, value) in children(document, &span) {
        if *token == "*" || *token == name {
            find(document, value, rest, &at.child(&name), found);
        }
    }
}

/// The members or elements of a value, with their names or indexes.
fn children<'d>(document: &'d [u8], span: &Range<usize>) -> Vec<(Cow<'d, str>, Range<usize>)> {
    let text = &document[span.clone()];
    let shifted = |inner: Range<usize>| span.start + inner.start..span.start + inner.end;
    if let Some(members) = json::members(text) {
        return members.into_iter().map(|(name, value)| (name, shifted(value))).collect();
    }
    let elements = json::elements(text).unwrap_or_default().into_iter().enumerate();
    elements.map(|(index, value)| (Cow::from(index.to_string()), shifted(value))).collect()
}

fn masked(document: &Bytes, found: &[(Range<usize>, Pointer)]) -> Bytes {
    let mut scalars = Vec::new();
    let mut end = 0;
    for (span, _) in found {
        // What lies within a value that was masked before is masked already.
        if span.start >= end {
            end = span.end;
            leaves(document, span.clone(), &mut scalars);
        }
    }
    let black = |splice: Splice, span: Range<usize>| {
        let replacement = if document.get(span.start) == Some(&b'"') { BLACK } else { "null" };
        splice.replace(span, replacement)
    };
    scalars.into_iter().fold(Splice::new(document.clone()), black).into_bytes()
}

fn leaves(document: &[u8], span: Range<usize>, scalars: &mut Vec<Range<usize>>) {
    if matches!(document.get(span.start), Some(b'{' | b'[')) {
        for (_, value) in children(document, &span) {
            leaves(document, value, scalars);
        }
    } else {
        scalars.push(span);
    }
}

fn removed(document: &Bytes, found: &[(Range<usize>, Pointer)]) -> Result<Bytes, String> {
    if found.len() > MOST_REMOVED {
        return Err(format!("{} values are to be removed; at most {MOST_REMOVED} are", found.len()));
    }
    let mut text = document.to_vec();
    // From the last to the first, so that no index moves before its turn; what lies within another goes before it.
    for (_, pointer) in found.iter().rev() {
        text = json::remove(&text, pointer).map_err(|fault| format!("`{pointer}` cannot be removed: {fault}"))?;
    }
    Ok(text.into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn of_reply(redaction: Redaction, document: &'static str) -> Option<(String, Vec<String>)> {
        let (bytes, pointers) = redaction.of_reply(&Bytes::from_static(document.as_bytes())).unwrap()?;
        Some((String::from_utf8(bytes.to_vec()).unwrap(), pointers))
    }

    #[test]
    fn masking_blackens_scalars_and_leaves_the_shape_and_every_other_byte() {
        let mask = Redaction::mask(r#"{"reply":["/content/*/text","/s"]}"#).unwrap();
        let document =
            r#"{ "content":[{"type":"text","text":"a"},{"text" : "b"}], "s":{"n":[1,true],"t":"c"},"x":1.0 }"#;
        let masked =
            r#"{ "content":[{"type":"text","text":"***"},{"text" : "***"}], "s":{"n":[null,null],"t":"***"},"x":1.0 }"#;
        let pointers = ["/content/0/text", "/content/1/text", "/s"].map(str::to_owned).to_vec();
        assert_eq!(of_reply(mask, document), Some((masked.to_owned(), pointers)));
    }

    #[test]
    fn overlapping_pointers_blacken_once() {
        let mask = Redaction::mask(r#"{"reply":["/a/b","/a","/a/*"]}"#).unwrap();
        assert_eq!(of_reply(mask, r#"{"a":{"b":"x"}}"#).unwrap().0, r#"{"a":{"b":"***"}}"#);
        let remove = Redaction::remove(r#"{"reply":["/a/*","/a/0","/b/c","/b"]}"#).unwrap();
        assert_eq!(of_reply(remove, r#"{"a":[1,2],"b":{"c":3},"d":4}"#).unwrap().0, r#"{"a":[],"d":4}"#);
    }

    #[test]
    fn what_is_not_there_needs_no_redaction() {
        for json in [r#"{"reply":["/a/b"]}"#, r#"{"reply":["/b"]}"#, r#"{"call":["/arguments/a"]}"#] {
            assert_eq!(of_reply(Redaction::remove(json).unwrap(), r#"{"a":"x"}"#), None, "{json}");
        }
    }

    #[test]
    fn an_escaped_name_is_found_by_its_pointer() {
        let remove = Redaction::remove(r#"{"reply":["/a~1b/~0"]}"#).unwrap();
        assert_eq!(
            of_reply(remove, r#"{"a/b":{"~":1}}"#).unwrap(),
            (r#"{"a/b":{}}"#.to_owned(), vec!["/a~1b/~0".to_owned()])
        );
    }

    #[test]
    fn what_says_what_a_message_is_cannot_be_redacted() {
        let refused = ["{}", r#"{"call":["/name"]}"#, r#"{"call":["/arguments"]}"#, r#"{"reply":[""]}"#];
        for json in refused.into_iter().chain([r#"{"reply":["/_meta/x"]}"#, r#"{"reply":["/*"]}"#, r#"{"all":[]}"#]) {
            assert!(Redaction::mask(json).is_err(), "{json}");
        }
    }

    #[test]
    fn more_than_can_be_removed_is_an_error() {
        let document = Bytes::from(format!(r#"{{"a":[{}1]}}"#, "1,".repeat(MOST_REMOVED)));
        assert!(Redaction::remove(r#"{"reply":["/a/*"]}"#).unwrap().of_reply(&document).is_err());
        assert!(Redaction::mask(r#"{"reply":["/a/*"]}"#).unwrap().of_reply(&document).is_ok());
    }
}
