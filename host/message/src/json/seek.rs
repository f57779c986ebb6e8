//! Finding values and the spans they stand in.

use std::{borrow::Cow, ops::Range};

use serde_json::value::RawValue;

use super::{
    Pointer,
    pointer::{array_index, first_token},
    skim::{self, is_key, unquoted},
};

/// The span of the value at a pointer, without the blanks around it; none if there is no such value.
pub fn find(text: &[u8], pointer: &Pointer) -> Option<Range<usize>> {
    let mut rest = pointer.as_str();
    if rest.is_empty() {
        return skim::whole(text);
    }
    let mut span = text.len() - text.trim_ascii_start().len()..text.len();
    while !rest.is_empty() {
        let (token, after) = first_token(rest);
        let inner = step(&text[span.clone()], &token)?;
        span = span.start + inner.start..span.start + inner.end;
        rest = after;
    }
    Some(span)
}

/// The unescaped string at a pointer; none if there is no value or it is not a string.
pub fn find_str(text: &[u8], pointer: &Pointer) -> Option<String> {
    string(&text[find(text, pointer)?]).map(Cow::into_owned)
}

/// The span of the member of an object that has this key: [`find`] for the one step most need.
pub fn member(object: &[u8], key: &str) -> Option<Range<usize>> {
    skim::entries(object)?.find(|entry| is_key(&object[entry.key.clone()], key)).map(|entry| entry.value)
}

/// The unescaped string under a key of an object; none if there is no such member or it is not a string.
pub fn member_str<'t>(object: &'t [u8], key: &str) -> Option<Cow<'t, str>> {
    string(&object[member(object, key)?])
}

/// The text of a JSON string, unescaped; none if it is another value.
pub fn string(value: &[u8]) -> Option<Cow<'_, str>> {
    unquoted(std::str::from_utf8(value).ok()?)
}

/// The members of an object in order: unescaped key and span of the value. None if the text is not an object.
pub fn members(object: &[u8]) -> Option<Vec<(Cow<'_, str>, Range<usize>)>> {
    skim::entries(object)?.map(|entry| Some((string(&object[entry.key])?, entry.value))).collect()
}

/// The spans of an array's elements in order. None if the text is not an array.
pub fn elements(array: &[u8]) -> Option<Vec<Range<usize>>> {
    Some(skim::elements(array)?.collect())
}

/// True if the text is an object.
pub(crate) fn is_object(text: &[u8]) -> bool {
    skim::entries(text).is_some()
}

/// Where a raw value that was read out of `text` stands in it.
pub(crate) fn span_in(text: &[u8], raw: &RawValue) -> Range<usize> {
    let start = raw.get().as_ptr().addr() - text.as_ptr().addr();
    start..start + raw.get().len()
}

fn step(value: &[u8], token: &str) -> Option<Range<usize>> {
    match value.first()? {
        b'{' => member(value, token),
        b'[' => skim::elements(value)?.nth(array_index(token)?),
        _ => None,
    }
}
