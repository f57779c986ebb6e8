//! Replaced spans over bytes that stay where they are.

use std::ops::Range;

use bytes::Bytes;

/// A text with some spans replaced. Nothing is copied before [`into_bytes`](Splice::into_bytes), and with
/// [`into_pieces`](Splice::into_pieces) nothing is copied at all.
#[derive(Clone, Debug)]
pub struct Splice {
    text: Bytes,
    /// In the order of the text; those that begin at one place in the order they were given.
    edits: Vec<(Range<usize>, Bytes)>,
}

impl Splice {
    /// The text as it is.
    pub fn new(text: Bytes) -> Self {
        Self { text, edits: Vec::new() }
    }

    /// Puts bytes in the place of a span; an empty span inserts. Spans count in the original text, in any order. One that
    /// reaches beyond the text ends with it, and one that overlaps another begins where the earlier one in the text ends.
    #[must_use]
    pub fn replace(mut self, span: Range<usize>, with: impl Into<Bytes>) -> Self {
        let start = span.start.min(self.text.len());
        let end = span.end.clamp(start, self.text.len());
        let at = self.edits.partition_point(|(earlier, _)| earlier.start <= start);
        self.edits.insert(at, (start..end, with.into()));
        self
    }

    /// The pieces of the changed text, in order; kept spans share the original's memory. None is empty.
    pub fn into_pieces(self) -> Vec<Bytes> {
        let mut pieces = Vec::with_capacity(self.edits.len() * 2 + 1);
        let mut kept_from = 0;
        for (span, with) in self.edits {
            let start = span.start.max(kept_from);
            pieces.push(self.text.slice(kept_from..start));
            pieces.push(with);
            kept_from = span.end.max(start);
        }
        pieces.push(self.text.slice(kept_from..));
        pieces.retain(|piece| !piece.is_empty());
        pieces
    }

    /// The changed text in one buffer.
    pub fn into_bytes(self) -> Bytes {
        if self.edits.is_empty() {
            return self.text;
        }
        Bytes::from(self.into_pieces().concat())
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::Splice;

    fn text() -> Bytes {
        Bytes::from_static(b"0123456789")
    }

    #[test]
    fn spans_are_replaced_in_any_order_and_the_rest_is_shared() {
        let original = text();
        let splice = Splice::new(original.clone()).replace(7..9, "B").replace(1..3, "AAA");
        let pieces = splice.clone().into_pieces();
        assert_eq!(pieces.iter().map(|piece| &piece[..]).collect::<Vec<_>>(), [&b"0"[..], b"AAA", b"3456", b"B", b"9"]);
        assert_eq!(pieces[2].as_ptr(), original[3..].as_ptr());
        assert_eq!(splice.into_bytes(), "0AAA3456B9");
    }

    #[test]
    fn an_empty_span_inserts_and_no_edit_copies_nothing() {
        let original = text();
        assert_eq!(Splice::new(original.clone()).replace(0..0, "<").replace(10..10, ">").into_bytes(), "<0123456789>");
        assert_eq!(Splice::new(original.clone()).replace(2..2, "a").replace(2..2, "b").into_bytes(), "01ab23456789");
        assert_eq!(Splice::new(original.clone()).into_bytes().as_ptr(), original.as_ptr());
    }

    #[test]
    #[allow(clippy::reversed_empty_ranges, reason = "a wrong span must not panic")]
    fn wrong_spans_never_panic() {
        assert_eq!(Splice::new(text()).replace(8..99, "x").replace(50..60, "y").into_bytes(), "01234567xy");
        assert_eq!(Splice::new(text()).replace(1..5, "x").replace(3..7, "y").into_bytes(), "0xy789");
        assert_eq!(Splice::new(text()).replace(5..2, "x").into_bytes(), "01234x56789");
    }
}
