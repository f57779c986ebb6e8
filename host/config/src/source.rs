//! The text of a manifest, and the way from a byte in it to a line a person can find.

use std::ops::Range;

/// A manifest as it was written.
#[derive(Clone, Debug)]
pub struct Source {
    /// The name shown in reports, as the user gave it.
    pub name: String,
    /// The text.
    pub text: String,
}

impl Source {
    /// A source of a name and a text.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: text.into() }
    }

    /// Line and column of a byte, both counted from 1, the column in characters.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let before = &self.text[..self.text.floor_char_boundary(offset)];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = before.matches('\n').count() + 1;
        (line, before[line_start..].chars().count() + 1)
    }

    /// The nearest span that lies within the text, on character boundaries.
    pub(crate) fn clamp(&self, span: &Range<usize>) -> Range<usize> {
        let start = self.text.floor_char_boundary(span.start);
        let end = self.text.ceil_char_boundary(span.end).min(self.text.len());
        start..end.max(start)
    }

    /// The place of `needle` inside `span`; the whole of `span` if it is written in another way, with escapes say.
    pub(crate) fn find(&self, span: &Range<usize>, needle: &str) -> Range<usize> {
        let span = self.clamp(span);
        match self.text[span.clone()].find(needle) {
            Some(at) => span.start + at..span.start + at + needle.len(),
            None => span,
        }
    }
}
