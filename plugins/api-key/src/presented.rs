//! What a request presents: at most one credential, whichever headers carry it.

use cardea_sdk::credential;

/// What was found in the configured headers.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Presented {
    /// No credential at all.
    Nothing,
    /// An `authorization` of another scheme.
    Foreign,
    /// Credentials that are not the same.
    Several,
    /// One key, perhaps in more than one place.
    Key(String),
}

/// Looks into the configured headers.
pub(crate) fn presented(headers: &[String]) -> Presented {
    one_of(headers.iter().flat_map(|header| {
        let values = credential::header(header);
        let read = if header == "authorization" { bearer } else { plain };
        values.into_iter().map(move |value| read(&value))
    }))
}

fn one_of(mut found: impl Iterator<Item = Presented>) -> Presented {
    let Some(first) = found.next() else { return Presented::Nothing };
    if found.all(|other| other == first) { first } else { Presented::Several }
}

fn plain(value: &str) -> Presented {
    Presented::Key(value.trim().to_owned())
}

/// The token of `Bearer TOKEN`; the scheme's case does not matter (RFC 9110 section 11.1).
fn bearer(value: &str) -> Presented {
    let (scheme, token) = value.trim().split_once(' ').unwrap_or((value.trim(), ""));
    if scheme.eq_ignore_ascii_case("bearer") { Presented::Key(token.trim().to_owned()) } else { Presented::Foreign }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(text: &str) -> Presented {
        Presented::Key(text.to_owned())
    }

    #[test]
    fn bearer_tokens() {
        assert_eq!(bearer("Bearer abc"), key("abc"));
        assert_eq!(bearer("bEARER   abc "), key("abc"));
        assert_eq!(bearer("Bearer"), key(""));
        assert_eq!(bearer("Bearerabc"), Presented::Foreign);
        assert_eq!(bearer("Basic abc"), Presented::Foreign);
        assert_eq!(bearer(""), Presented::Foreign);
    }

    #[test]
    fn the_same_key_twice_is_one() {
        assert_eq!(one_of([key("a"), key("a")].into_iter()), key("a"));
        assert_eq!(one_of([key("a"), key("b")].into_iter()), Presented::Several);
        assert_eq!(one_of([Presented::Foreign, key("a")].into_iter()), Presented::Several);
        assert_eq!(one_of(std::iter::empty()), Presented::Nothing);
    }

    proptest! {
        #[test]
        fn any_header_value_is_read(value in ".{0,40}") {
            bearer(&value);
        }

        #[test]
        fn a_token_comes_through_unchanged(token in "[!-~]{1,60}") {
            prop_assert_eq!(bearer(&format!("Bearer {token}")), key(&token));
        }
    }
}
