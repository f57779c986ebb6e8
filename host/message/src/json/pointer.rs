//! RFC 6901 pointers.

use std::{borrow::Cow, fmt, str::FromStr};

/// A JSON pointer: empty for the whole text, else `/`-separated tokens with `~0` for `~` and `~1` for `/`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pointer(String);

/// Why a text is not a pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PointerFault {
    /// It is neither empty nor does it begin with `/`.
    #[error("a JSON pointer is empty or begins with `/`")]
    NoSlash,
    /// A `~` is followed by something else than `0` or `1`.
    #[error("in a JSON pointer `~` is written `~0` and `/` inside a key is written `~1`")]
    Tilde,
}

impl Pointer {
    /// The pointer to the whole text.
    pub const fn root() -> Self {
        Self(String::new())
    }

    /// Reads a pointer.
    pub fn parse(text: &str) -> Result<Self, PointerFault> {
        if !text.is_empty() && !text.starts_with('/') {
            return Err(PointerFault::NoSlash);
        }
        if text.split('~').skip(1).any(|rest| !rest.starts_with(['0', '1'])) {
            return Err(PointerFault::Tilde);
        }
        Ok(Self(text.to_owned()))
    }

    /// The pointer as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The keys and indexes on the way from the root, unescaped.
    pub fn tokens(&self) -> impl Iterator<Item = Cow<'_, str>> {
        self.0.split('/').skip(1).map(unescape)
    }

    /// True if `other` is this pointer or one above it.
    pub fn starts_with(&self, other: &Pointer) -> bool {
        self.0.strip_prefix(other.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// The pointer to a member or element of the value this one points to.
    pub fn child(&self, token: &str) -> Self {
        let mut text = self.0.clone();
        push_token(&mut text, token);
        Self(text)
    }

    /// The pointer one level up and the last token; none at the root.
    pub fn split_last(&self) -> Option<(Pointer, Cow<'_, str>)> {
        let (parent, token) = self.0.rsplit_once('/')?;
        Some((Self(parent.to_owned()), unescape(token)))
    }
}

impl FromStr for Pointer {
    type Err = PointerFault;

    fn from_str(text: &str) -> Result<Self, PointerFault> {
        Self::parse(text)
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Splits the first token, unescaped, from the text of a pointer that is not empty.
pub(super) fn first_token(pointer: &str) -> (Cow<'_, str>, &str) {
    let tail = pointer.strip_prefix('/').unwrap_or(pointer);
    let end = tail.find('/').unwrap_or(tail.len());
    (unescape(&tail[..end]), &tail[end..])
}

/// Appends a token to the text of a pointer, escaped.
pub(super) fn push_token(pointer: &mut String, token: &str) {
    pointer.push('/');
    for character in token.chars() {
        match character {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            other => pointer.push(other),
        }
    }
}

/// The number a token names in an array: digits, no sign, no leading zero.
pub(super) fn array_index(token: &str) -> Option<usize> {
    let canonical = token == "0" || !token.starts_with(['0', '+']);
    canonical.then(|| token.parse().ok()).flatten()
}

fn unescape(token: &str) -> Cow<'_, str> {
    if token.contains('~') { Cow::Owned(token.replace("~1", "/").replace("~0", "~")) } else { Cow::Borrowed(token) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn tokens_are_unescaped_once() {
        let pointer = Pointer::parse("/a~1b/~01//0").unwrap();
        assert_eq!(pointer.tokens().collect::<Vec<_>>(), ["a/b", "~1", "", "0"]);
        assert_eq!(Pointer::root().tokens().count(), 0);
    }

    #[test]
    fn what_is_no_pointer_is_refused() {
        assert_eq!(Pointer::parse("a"), Err(PointerFault::NoSlash));
        assert_eq!(Pointer::parse("/a~"), Err(PointerFault::Tilde));
        assert_eq!(Pointer::parse("/~2"), Err(PointerFault::Tilde));
    }

    #[test]
    fn a_prefix_ends_at_a_token() {
        let starts = |a: &str, b: &str| Pointer::parse(a).unwrap().starts_with(&Pointer::parse(b).unwrap());
        assert!(starts("/a/b", "/a") && starts("/a", "/a") && starts("/a", ""));
        assert!(!starts("/ab", "/a") && !starts("/a", "/a/b"));
    }

    #[test]
    fn child_and_split_last_are_inverse() {
        let child = Pointer::parse("/a").unwrap().child("x/~y");
        assert_eq!(child.as_str(), "/a/x~1~0y");
        let (parent, token) = child.split_last().unwrap();
        assert_eq!((parent.as_str(), token.as_ref()), ("/a", "x/~y"));
    }

    #[test]
    fn indexes_are_canonical() {
        assert_eq!(array_index("0"), Some(0));
        assert_eq!(array_index("10"), Some(10));
        for bad in ["", "01", "+1", "-1", "-", "1 ", "99999999999999999999999"] {
            assert_eq!(array_index(bad), None, "{bad}");
        }
    }
}
