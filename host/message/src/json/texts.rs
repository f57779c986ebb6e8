//! The string values of a text, a page at a time.

use std::{borrow::Cow, fmt};

use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};

use super::{KeySeed, pointer::push_token};

/// The string values of a text with their pointers, in document order, from the `from`-th on, until pointers and strings
/// together would exceed `limit_bytes` (a page holds at least one). The second value continues after the page; none at the
/// end. Keys are no values. A page costs one reading of the text up to its end, so take large pages of large texts.
pub fn texts(text: &[u8], from: u32, limit_bytes: usize) -> (Vec<(String, String)>, Option<u32>) {
    let mut page = Page { from, limit: limit_bytes, ..Page::default() };
    let Ok(text) = std::str::from_utf8(text) else {
        return (Vec::new(), None);
    };
    let read = Collect(&mut page).deserialize(&mut serde_json::Deserializer::from_str(text));
    match (read, page.next) {
        (Err(_), None) => (Vec::new(), None),
        (_, next) => (page.found, next),
    }
}

#[derive(Default)]
struct Page {
    from: u32,
    limit: usize,
    /// Where the walk stands, as a pointer.
    path: String,
    /// How many strings have been met.
    met: u32,
    used: usize,
    found: Vec<(String, String)>,
    next: Option<u32>,
}

impl Page {
    /// Takes the next string in; false once the page is full.
    fn offer(&mut self, string: Cow<'_, str>) -> bool {
        let index = self.met;
        self.met = self.met.saturating_add(1);
        if index < self.from {
            return true;
        }
        let size = self.path.len() + string.len();
        if !self.found.is_empty() && self.used.saturating_add(size) > self.limit {
            self.next = Some(index);
            return false;
        }
        self.used = self.used.saturating_add(size);
        self.found.push((self.path.clone(), string.into_owned()));
        true
    }
}

struct Collect<'p>(&'p mut Page);

impl<'t> DeserializeSeed<'t> for Collect<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'t>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'t> Visitor<'t> for Collect<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'t>>(self, mut map: A) -> Result<(), A::Error> {
        let outside = self.0.path.len();
        while let Some(key) = map.next_key_seed(KeySeed)? {
            push_token(&mut self.0.path, &key);
            map.next_value_seed(Collect(self.0))?;
            self.0.path.truncate(outside);
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'t>>(self, mut array: A) -> Result<(), A::Error> {
        let outside = self.0.path.len();
        for index in 0_usize.. {
            push_token(&mut self.0.path, &index.to_string());
            let more = array.next_element_seed(Collect(self.0))?.is_some();
            self.0.path.truncate(outside);
            if !more {
                break;
            }
        }
        Ok(())
    }

    fn visit_str<E: serde::de::Error>(self, string: &str) -> Result<(), E> {
        // The error only ends the reading early; `Page::next` tells it from a true one.
        if self.0.offer(Cow::Borrowed(string)) { Ok(()) } else { Err(E::custom("the page is full")) }
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

#[cfg(test)]
mod tests {
    use super::texts;

    const TEXT: &[u8] = br#"{"a":"one","b":[1,"t\u0077o",{"c/~":"three"}],"d":null}"#;

    fn page(from: u32, limit: usize) -> (Vec<(String, String)>, Option<u32>) {
        texts(TEXT, from, limit)
    }

    #[test]
    fn strings_come_in_document_order_with_escaped_pointers() {
        let (found, next) = page(0, usize::MAX);
        let found: Vec<_> = found.iter().map(|(pointer, text)| (pointer.as_str(), text.as_str())).collect();
        assert_eq!(found, [("/a", "one"), ("/b/1", "two"), ("/b/2/c~1~0", "three")]);
        assert_eq!(next, None);
    }

    #[test]
    fn pages_join_without_gap_or_overlap_at_every_limit() {
        let whole = page(0, usize::MAX).0;
        for limit in 0..40 {
            let (mut all, mut next) = page(0, limit);
            while let Some(from) = next {
                let (more, after) = page(from, limit);
                assert!(!more.is_empty(), "a page always moves on");
                all.extend(more);
                next = after;
            }
            assert_eq!(all, whole, "limit {limit}");
        }
        assert_eq!(page(3, 100), (Vec::new(), None));
    }

    #[test]
    fn a_text_that_is_not_json_holds_nothing() {
        assert_eq!(texts(br#"["a","b""#, 0, 100), (Vec::new(), None));
        assert_eq!(texts(br#""alone""#, 0, 100), (vec![(String::new(), "alone".to_owned())], None));
    }
}
