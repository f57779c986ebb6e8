//! A text as its reader will see it: escapes of JSON and of URLs undone, invisible characters left out, full-width forms made
//! plain. Places in it lead back to the text as it was.

use std::borrow::Cow;
use std::ops::Range;

/// A text as it is read, with the way back.
pub(crate) struct View<'t> {
    pub(crate) text: Cow<'t, str>,
    /// Where the view and the text run apart: from this byte of the view on, this byte of the text.
    steps: Vec<(usize, usize)>,
}

impl<'t> View<'t> {
    /// The view of a text; none if it shows nothing that the text does not.
    pub(crate) fn of(text: &'t str) -> Option<Self> {
        let plain = text.bytes().all(|byte| byte.is_ascii() && byte != b'\\' && byte != b'%');
        if plain {
            return None;
        }
        let mut view = Self { text: Cow::Owned(String::with_capacity(text.len())), steps: Vec::new() };
        let mut at = 0;
        while let Some(first) = text[at..].chars().next() {
            let (shown, length) = read(&text[at..], first);
            if shown != Some(first) || length != first.len_utf8() {
                view.note(at);
                shown.into_iter().for_each(|shown| view.text.to_mut().push(shown));
                at += length;
                view.note(at);
            } else {
                view.text.to_mut().push(first);
                at += length;
            }
        }
        (!view.steps.is_empty()).then_some(view)
    }

    /// The range of the text that a range of the view shows.
    pub(crate) fn back(&self, range: &Range<usize>) -> Range<usize> {
        self.place(range.start, false)..self.place(range.end, true)
    }

    /// The same for the view itself as a text to look at.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    fn note(&mut self, at: usize) {
        let here = self.text.len();
        if self.steps.last() != Some(&(here, at)) {
            self.steps.push((here, at));
        }
    }

    /// Of several places of the text that one place of the view stands for, an end takes the first and a beginning the last.
    fn place(&self, at: usize, end: bool) -> usize {
        let upto = self.steps.partition_point(|(view, _)| if end { *view < at } else { *view <= at });
        let exact = self.steps.get(upto).filter(|(view, _)| end && *view == at);
        match (exact, upto.checked_sub(1).map(|step| self.steps[step])) {
            (Some((_, text)), _) => *text,
            (None, Some((view, text))) => text + (at - view),
            (None, None) => at,
        }
    }
}

/// What the next characters show, if anything, and how many bytes they are.
fn read(text: &str, first: char) -> (Option<char>, usize) {
    match first {
        '\\' => escape(text).unwrap_or((Some(first), 1)),
        '%' => percent(text).unwrap_or((Some(first), 1)),
        _ if is_invisible(first) => (None, first.len_utf8()),
        '\u{ff01}'..='\u{ff5e}' => (char::from_u32(first as u32 - 0xfee0), first.len_utf8()),
        _ => (Some(first), first.len_utf8()),
    }
}

/// An escape of JSON. Of escaped escapes, as in JSON within JSON within JSON, all backslashes but one are left out.
fn escape(text: &str) -> Option<(Option<char>, usize)> {
    let slashes = text.bytes().take_while(|byte| *byte == b'\\').count();
    let after = &text[slashes..];
    let shown = match after.chars().next()? {
        'n' | 'r' | 't' => (Some('\n'), slashes + 1),
        quoted @ ('"' | '/') => (Some(quoted), slashes + 1),
        'u' => {
            let code = u32::from_str_radix(
                after.get(1..5).filter(|code| code.bytes().all(|byte| byte.is_ascii_hexdigit()))?,
                16,
            )
            .ok()?;
            let shown = char::from_u32(code).filter(|shown| !is_invisible(*shown));
            (shown.or((0xd800..0xe000).contains(&code).then_some(char::REPLACEMENT_CHARACTER)), slashes + 5)
        }
        _ => return None,
    };
    Some(shown)
}

/// A percent-encoded ASCII character.
fn percent(text: &str) -> Option<(Option<char>, usize)> {
    let code = text.get(1..3).filter(|code| code.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    let byte = u8::from_str_radix(code, 16).ok().filter(u8::is_ascii)?;
    Some((Some(char::from(byte)), 3))
}

/// Characters that are not seen and part a text without parting its words.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Option<String> {
        View::of(text).map(|view| view.as_str().to_owned())
    }

    #[test]
    fn escapes_are_undone_and_what_is_plain_has_no_view() {
        assert_eq!(shown(r"a\u0040b\/c\\\nd"), Some("a@b/c\nd".to_owned()));
        assert_eq!(shown("ada%40example.org"), Some("ada@example.org".to_owned()));
        assert_eq!(shown("4\u{200b}1\u{ff11}"), Some("411".to_owned()));
        for plain in ["ada@example.org", "100%", "é", r"C:\dir", r"\u12"] {
            assert_eq!(shown(plain), None, "{plain}");
        }
    }

    #[test]
    fn places_lead_back() {
        let text = "x \u{200b}a\\u0040b\u{200b} y";
        let view = View::of(text).unwrap();
        assert_eq!(view.as_str(), "x a@b y");
        assert_eq!(&text[view.back(&(2..5))], "a\\u0040b");
        assert_eq!(&text[view.back(&(0..1))], "x");
        assert_eq!(&text[view.back(&(6..7))], "y");
    }
}
