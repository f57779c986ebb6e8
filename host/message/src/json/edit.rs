//! Changing one value and not one byte beside it.

use std::{borrow::Cow, ops::Range};

use super::{JsonFault, MAX_DEPTH, Pointer, check::depth, elements, find, pointer::array_index, seek::string, skim};

/// Why a text was not changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditFault {
    /// The text to change is not JSON.
    #[error("the text to change is not JSON")]
    Text,
    /// The new value is not good JSON.
    #[error("the new value is not good JSON: {0}")]
    Value(#[source] JsonFault),
    /// The new value would nest too deep where the pointer puts it.
    #[error("the new value would nest too deep where it is put")]
    TooDeep,
    /// Nothing stands where the pointer's last token is to be added.
    #[error("there is nothing at the pointer without its last token")]
    NoParent,
    /// A string, number, boolean or null stands where the pointer's last token is to be added.
    #[error("the value at the pointer without its last token is neither an object nor an array")]
    NoContainer,
    /// The array is shorter than the pointer's last token says; `-` appends.
    #[error("the pointer's last token is no index of the array, nor its length, nor `-`")]
    NoSuchIndex,
    /// There is nothing at the pointer to remove.
    #[error("there is nothing at the pointer to remove")]
    Absent,
    /// The pointer is the root, and the whole text cannot be removed.
    #[error("the whole text cannot be removed")]
    Root,
}

/// Puts `value` in the place of the value at a pointer. If there is none, adds it as the last member of the object, or as
/// the last element of the array (`-` or the index after the last), that the pointer without its last token names.
pub fn set(text: &[u8], pointer: &Pointer, value: &[u8]) -> Result<Vec<u8>, EditFault> {
    let value_depth = depth(value).map_err(EditFault::Value)?;
    if value_depth + pointer.tokens().count() > MAX_DEPTH {
        return Err(EditFault::TooDeep);
    }
    put(text, pointer, value)
}

/// Removes the member or element at a pointer, and one comma with the blanks that set it apart.
pub fn remove(text: &[u8], pointer: &Pointer) -> Result<Vec<u8>, EditFault> {
    let (parent, last) = pointer.split_last().ok_or(EditFault::Root)?;
    let outer = find(text, &parent).ok_or(EditFault::Absent)?;
    let container = Container::read(&text[outer.clone()]).ok_or(EditFault::Absent)?;
    let at = container.position(&last).ok_or(EditFault::Absent)?;
    let cut = container.cut(at);
    Ok(spliced(text, outer.start + cut.start..outer.start + cut.end, &[]))
}

/// As [`set`], for a value that is known to be good.
pub(crate) fn put(text: &[u8], pointer: &Pointer, value: &[u8]) -> Result<Vec<u8>, EditFault> {
    if let Some(span) = find(text, pointer) {
        return Ok(spliced(text, span, &[value]));
    }
    let (parent, last) = pointer.split_last().ok_or(EditFault::Text)?;
    let outer = find(text, &parent).ok_or(EditFault::NoParent)?;
    add(text, outer, &last, value)
}

fn add(text: &[u8], outer: Range<usize>, last: &str, value: &[u8]) -> Result<Vec<u8>, EditFault> {
    let container = Container::read(&text[outer.clone()]).ok_or(EditFault::NoContainer)?;
    let prefix = container.prefix(last).ok_or(EditFault::NoSuchIndex)?;
    let (comma, at) = match container.items.last() {
        Some(item) => (",", outer.start + item.end),
        None => ("", outer.start + 1),
    };
    Ok(spliced(text, at..at, &[comma.as_bytes(), prefix.as_bytes(), value]))
}

fn spliced(text: &[u8], span: Range<usize>, pieces: &[&[u8]]) -> Vec<u8> {
    let added: usize = pieces.iter().map(|piece| piece.len()).sum();
    let mut out = Vec::with_capacity(text.len() + added);
    out.extend_from_slice(&text[..span.start]);
    pieces.iter().for_each(|piece| out.extend_from_slice(piece));
    out.extend_from_slice(&text[span.end..]);
    out
}

/// An object or array as the spans of its items; an object's item reaches from its key to its value.
struct Container<'t> {
    keys: Option<Vec<Cow<'t, str>>>,
    items: Vec<Range<usize>>,
}

impl<'t> Container<'t> {
    fn read(text: &'t [u8]) -> Option<Self> {
        if let Some(items) = elements(text) {
            return Some(Self { keys: None, items });
        }
        let (mut keys, mut items) = (Vec::new(), Vec::new());
        for entry in skim::entries(text)? {
            keys.push(string(&text[entry.key.clone()])?);
            items.push(entry.key.start..entry.value.end);
        }
        Some(Self { keys: Some(keys), items })
    }

    fn position(&self, token: &str) -> Option<usize> {
        match &self.keys {
            Some(keys) => keys.iter().rposition(|key| key == token),
            None => array_index(token).filter(|&index| index < self.items.len()),
        }
    }

    /// What stands before a new last item but for the comma: `"key":` in an object, nothing in an array.
    fn prefix(&self, token: &str) -> Option<String> {
        match &self.keys {
            Some(_) => Some(format!("{}:", serde_json::Value::from(token))),
            None => (token == "-" || array_index(token) == Some(self.items.len())).then(String::new),
        }
    }

    /// The span to cut so that the item at `at` and one comma are gone.
    fn cut(&self, at: usize) -> Range<usize> {
        let item = &self.items[at];
        match (self.items.get(at + 1), at.checked_sub(1)) {
            (Some(next), _) => item.start..next.start,
            (None, Some(before)) => self.items[before].end..item.end,
            (None, None) => item.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn edited(text: &str, pointer: &str, value: &str) -> Result<String, EditFault> {
        let pointer = Pointer::parse(pointer).unwrap();
        set(text.as_bytes(), &pointer, value.as_bytes()).map(|out| String::from_utf8(out).unwrap())
    }

    fn removed(text: &str, pointer: &str) -> Result<String, EditFault> {
        remove(text.as_bytes(), &Pointer::parse(pointer).unwrap()).map(|out| String::from_utf8(out).unwrap())
    }

    #[test]
    fn set_replaces_the_value_and_keeps_every_blank() {
        assert_eq!(edited(" { \"a\" : 1.0 } ", "/a", "2").unwrap(), " { \"a\" : 2 } ");
        assert_eq!(edited(" 1 ", "", "[]").unwrap(), " [] ");
        assert_eq!(edited(r#"{"\u0061":[0, 1e1]}"#, "/a/1", "null").unwrap(), r#"{"\u0061":[0, null]}"#);
    }

    #[test]
    fn set_adds_the_last_member_or_element() {
        assert_eq!(edited("{ }", "/a", "1").unwrap(), r#"{"a":1 }"#);
        assert_eq!(edited(r#"{"a": 1 }"#, "/b~1\"", "2").unwrap(), r#"{"a": 1,"b/\"":2 }"#);
        assert_eq!(edited("[ ]", "/-", "1").unwrap(), "[1 ]");
        assert_eq!(edited("[1 ]", "/1", "2").unwrap(), "[1,2 ]");
    }

    #[test]
    fn set_refuses_what_has_no_place() {
        assert_eq!(edited("{}", "/a/b", "1"), Err(EditFault::NoParent));
        assert_eq!(edited(r#"{"a":"x"}"#, "/a/b", "1"), Err(EditFault::NoContainer));
        assert_eq!(edited("[]", "/1", "1"), Err(EditFault::NoSuchIndex));
        assert_eq!(edited("[]", "/00", "1"), Err(EditFault::NoSuchIndex));
        assert_eq!(edited("{", "", "1"), Err(EditFault::Text));
        assert!(matches!(edited("{}", "/a", "1}, \"b\": {2"), Err(EditFault::Value(_))));
        assert!(matches!(edited("{}", "/a", r#"{"x":1,"x":2}"#), Err(EditFault::Value(_))));
    }

    #[test]
    fn set_never_makes_a_text_that_check_refuses() {
        let deep = |n: usize| "[".repeat(n) + &"]".repeat(n);
        assert!(
            edited(r#"{"a":1}"#, "/a", &deep(MAX_DEPTH - 1))
                .is_ok_and(|text| super::super::check(text.as_bytes()).is_ok())
        );
        assert_eq!(edited(r#"{"a":1}"#, "/a", &deep(MAX_DEPTH)), Err(EditFault::TooDeep));
    }

    #[test]
    fn remove_takes_one_comma_along() {
        assert_eq!(removed("{ \"a\": 1, \"b\": 2 }", "/a").unwrap(), "{ \"b\": 2 }");
        assert_eq!(removed("{ \"a\": 1 , \"b\": 2 }", "/b").unwrap(), "{ \"a\": 1 }");
        assert_eq!(removed("[ 1 ]", "/0").unwrap(), "[  ]");
        assert_eq!(removed("[]", "/0"), Err(EditFault::Absent));
        assert_eq!(removed("[]", "/-"), Err(EditFault::Absent));
        assert_eq!(removed("{}", ""), Err(EditFault::Root));
    }
}
