//! Where things were written, kept beside what they mean.

use std::collections::BTreeMap;
use std::ops::Range;

/// The places of a table and of its keys. All spans are equal to each other, so that a table that only moved counts as unchanged.
#[derive(Clone, Default)]
pub struct Spans {
    whole: Range<usize>,
    keys: BTreeMap<String, Range<usize>>,
}

impl Spans {
    pub(crate) fn new(whole: Range<usize>) -> Self {
        Self { whole, keys: BTreeMap::new() }
    }

    pub(crate) fn note(&mut self, key: impl Into<String>, span: Range<usize>) {
        self.keys.insert(key.into(), span);
    }

    /// The place of the whole: the header of a table, or an inline table with its braces.
    pub fn whole(&self) -> Range<usize> {
        self.whole.clone()
    }

    /// The place of a key's value; of the whole if the key was not written.
    pub fn of(&self, key: &str) -> Range<usize> {
        self.keys.get(key).unwrap_or(&self.whole).clone()
    }

    /// Whether the key was written, rightly or wrongly.
    pub fn written(&self, key: &str) -> bool {
        self.keys.contains_key(key)
    }
}

impl PartialEq for Spans {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Spans {}

impl std::fmt::Debug for Spans {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.whole)
    }
}
