//! Keys and tokens: those whose shape their makers have told, signed tokens, private keys, and what only looks random.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::kind::{Kind, Kinds};
use crate::number::is_word;

/// Characters that follow a prefix.
#[derive(Clone, Copy)]
enum Body {
    /// `A`-`Z`, `0`-`9`.
    Upper,
    /// `a`-`f`, `0`-`9`.
    Hex,
    /// Letters and digits.
    Alnum,
    /// Letters, digits, `_`, `-`, `.`.
    Token,
}

/// How the keys of one maker begin, what follows, and at least how much of it. Those with one first letter stand together.
const SHAPES: &[(&str, Body, usize, Kind)] = &[
    ("AKIA", Body::Upper, 16, Kind::AwsKey),
    ("ASIA", Body::Upper, 16, Kind::AwsKey),
    ("ABIA", Body::Upper, 16, Kind::AwsKey),
    ("ACCA", Body::Upper, 16, Kind::AwsKey),
    ("AIza", Body::Token, 35, Kind::ApiKey),
    ("AGE-SECRET-KEY-1", Body::Upper, 58, Kind::ApiKey),
    ("GOCSPX-", Body::Token, 24, Kind::ApiKey),
    ("SG.", Body::Token, 60, Kind::ApiKey),
    ("dop_v1_", Body::Hex, 64, Kind::ApiKey),
    ("ghp_", Body::Alnum, 36, Kind::GithubToken),
    ("gho_", Body::Alnum, 36, Kind::GithubToken),
    ("ghu_", Body::Alnum, 36, Kind::GithubToken),
    ("ghs_", Body::Alnum, 36, Kind::GithubToken),
    ("ghr_", Body::Alnum, 36, Kind::GithubToken),
    ("github_pat_", Body::Token, 40, Kind::GithubToken),
    ("glpat-", Body::Token, 20, Kind::ApiKey),
    ("glsa_", Body::Token, 32, Kind::ApiKey),
    ("hf_", Body::Alnum, 30, Kind::ApiKey),
    ("hvs.", Body::Token, 24, Kind::ApiKey),
    ("lin_api_", Body::Alnum, 32, Kind::ApiKey),
    ("npm_", Body::Alnum, 36, Kind::ApiKey),
    ("pypi-", Body::Token, 50, Kind::ApiKey),
    ("rk_live_", Body::Alnum, 24, Kind::ApiKey),
    ("sk-", Body::Token, 32, Kind::ApiKey),
    ("sk_live_", Body::Alnum, 24, Kind::ApiKey),
    ("sk_test_", Body::Alnum, 24, Kind::ApiKey),
    ("shpat_", Body::Hex, 32, Kind::ApiKey),
    ("whsec_", Body::Token, 24, Kind::ApiKey),
    ("xoxb-", Body::Token, 20, Kind::SlackToken),
    ("xoxp-", Body::Token, 20, Kind::SlackToken),
    ("xoxa-", Body::Token, 20, Kind::SlackToken),
    ("xoxr-", Body::Token, 20, Kind::SlackToken),
    ("xoxs-", Body::Token, 20, Kind::SlackToken),
    ("xapp-", Body::Token, 20, Kind::SlackToken),
    ("ya29.", Body::Token, 20, Kind::ApiKey),
];

/// Where the shapes of each first letter stand. Nearly every word is done with by one look at this.
static BY_FIRST: [(u8, u8); 256] = {
    let mut places = [(0, 0); 256];
    let mut at = 0;
    while at < SHAPES.len() {
        let first = SHAPES[at].0.as_bytes()[0] as usize;
        let (start, end) = places[first];
        places[first] = (if start == end { at as u8 } else { start }, at as u8 + 1);
        at += 1;
    }
    places
};

fn shapes_of(first: u8) -> &'static [(&'static str, Body, usize, Kind)] {
    let (start, end) = BY_FIRST[first as usize];
    &SHAPES[usize::from(start)..usize::from(end)]
}

/// Whether any key or token begins with this byte.
pub(crate) fn may_begin(byte: u8) -> bool {
    byte == b'e' || !shapes_of(byte).is_empty()
}

/// The key or token that begins at this place.
pub(crate) fn known(text: &str, start: usize, wanted: Kinds) -> Option<(Range<usize>, Kind)> {
    let rest = &text[start..];
    if rest.starts_with("eyJ") {
        return wanted.has(Kind::Jwt).then(|| jwt(rest)).flatten().map(|length| (start..start + length, Kind::Jwt));
    }
    let (prefix, body, least, kind) =
        shapes_of(*rest.as_bytes().first()?).iter().find(|(prefix, ..)| rest.starts_with(prefix))?;
    let tail = &rest.as_bytes()[prefix.len()..];
    let length = tail.iter().position(|byte| !body.has(*byte)).unwrap_or(tail.len());
    let ends = tail.get(length).is_none_or(|byte| !is_word(*byte));
    let length = length - tail[..length].iter().rev().take_while(|byte| **byte == b'.').count();
    let exact = !matches!(kind, Kind::AwsKey) || length == *least;
    (wanted.has(*kind) && ends && exact && length >= *least).then(|| (start..start + prefix.len() + length, *kind))
}

/// The length of the signed token that begins the text: three parts, and a header that is JSON with an `alg`.
fn jwt(text: &str) -> Option<usize> {
    let length = text.bytes().position(|byte| !Body::Token.has(byte)).unwrap_or(text.len());
    let mut parts = text[..length].splitn(4, '.');
    let (header, payload, signature) = (parts.next()?, parts.next()?, parts.next()?);
    let decoded = URL_SAFE_NO_PAD.decode(header).ok()?;
    let sound = decoded.starts_with(b"{") && decoded.windows(5).any(|part| part == b"\"alg\"");
    (sound && payload.len() >= 4).then_some(header.len() + payload.len() + signature.len() + 2)
}

/// The private key whose first line begins at this place. One that does not end is taken to the end of the text.
pub(crate) fn private_key(text: &str, start: usize) -> Option<Range<usize>> {
    let rest = text[start..].strip_prefix("-----BEGIN ")?;
    let label = &rest[..rest.find("-----")?];
    if !(label.ends_with("PRIVATE KEY") || label == "PGP PRIVATE KEY BLOCK") || label.len() > 40 {
        return None;
    }
    let end = format!("-----END {label}-----");
    let length = text[start..].find(&end).map_or(text.len() - start, |at| at + end.len());
    Some(start..start + length)
}

/// Shortest and longest text that randomness is looked for in.
const RANDOM: Range<usize> = 20..129;
/// Bits a character that English, names and paths stay below. Twenty random characters of base64 have 4 on average.
const BITS: f64 = 3.5;
/// Letters of one case in a row: words have more, one in twenty random texts does.
const RUN: usize = 7;

/// Whether a run of base64 characters looks random: letters of both cases and digits, mixed, no words in it. Hexadecimal
/// digests and UUIDs have no upper case, and are left alone.
pub(crate) fn looks_random(run: &[u8]) -> bool {
    if !RANDOM.contains(&run.len()) {
        return false;
    }
    let count = |is: fn(&u8) -> bool| run.iter().filter(|byte| is(byte)).count();
    let (digits, upper, lower) =
        (count(u8::is_ascii_digit), count(u8::is_ascii_uppercase), count(u8::is_ascii_lowercase));
    let others = run.len() - digits - upper - lower;
    let mixed = digits >= 2 && upper >= 2 && lower >= 2 && others * 6 <= run.len();
    mixed && longest_run(run) <= RUN && bits_each(run) >= BITS
}

fn longest_run(run: &[u8]) -> usize {
    let class = |byte: &u8| match byte {
        b'a'..=b'z' => 1,
        b'A'..=b'Z' => 2,
        b'0'..=b'9' => 3,
        _ => 4,
    };
    run.chunk_by(|one, next| class(one) == class(next)).map(<[u8]>::len).max().unwrap_or(0)
}

/// Shannon's entropy of the characters of a text.
fn bits_each(run: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    run.iter().for_each(|byte| counts[usize::from(*byte)] += 1);
    let whole = run.len() as f64;
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| f64::from(*count) / whole)
        .map(|share| -share * share.log2())
        .sum()
}

impl Body {
    fn has(self, byte: u8) -> bool {
        match self {
            Self::Upper => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Self::Hex => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
            Self::Alnum => byte.is_ascii_alphanumeric(),
            Self::Token => is_word(byte) || matches!(byte, b'-' | b'.'),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Kinds {
        Kind::ALL.iter().fold(Kinds::default(), |kinds, kind| kinds.with(*kind))
    }

    #[test]
    fn the_first_look_lets_every_shape_through() {
        let is_found = |prefix: &str| shapes_of(prefix.as_bytes()[0]).iter().any(|(other, ..)| *other == prefix);
        assert!(SHAPES.iter().all(|(prefix, ..)| is_found(prefix)), "those of one first letter stand together");
        assert!(
            SHAPES.iter().all(|(prefix, ..)| may_begin(prefix.as_bytes()[0])) && may_begin(b'e') && !may_begin(b'q')
        );
    }

    #[test]
    fn shapes_are_taken_whole_and_not_in_part() {
        let found = |text: &'static str| known(text, 0, all()).map(|(range, kind)| (&text[range], kind));
        assert_eq!(found("AKIAIOSFODNN7EXAMPLE."), Some(("AKIAIOSFODNN7EXAMPLE", Kind::AwsKey)));
        assert_eq!(found("AKIAIOSFODNN7EXAMPLES"), None);
        assert_eq!(found("sk-learn"), None);
        let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2ln";
        assert_eq!(found(jwt), Some((jwt, Kind::Jwt)));
        assert_eq!(found("eyJzdWIiOiJhZGEifQ.x.y"), None, "no header of a token");
    }

    #[test]
    fn private_keys_end_with_their_last_line_or_the_text() {
        let text = "x -----BEGIN EC PRIVATE KEY-----\nabc\n-----END EC PRIVATE KEY----- y";
        assert_eq!(private_key(text, 2), Some(2..text.len() - 2));
        let cut = "-----BEGIN PRIVATE KEY-----\nabc";
        assert_eq!(private_key(cut, 0), Some(0..cut.len()));
        assert_eq!(private_key("-----BEGIN CERTIFICATE-----\nabc", 0), None);
    }

    #[test]
    fn random_texts_are_told_from_names_and_digests() {
        for random in ["wJalrXUtnFEMI7K7MDENGbPxRfiCYzK4Tq0PbLw2", "q8Zx3LmP0vT7yWb2KdR9sJf5"] {
            assert!(looks_random(random.as_bytes()), "{random}");
        }
        for other in [
            "da39a3ee5e6b4b0d3255bfef95601890afd80709",
            "f47ac10b-58cc-4372-a567-0e02b2c3d479",
            "getUserAccountByIdentifierV2",
            "internationalization",
            "usr/local/lib/python3/dist-packages",
        ] {
            assert!(!looks_random(other.as_bytes()), "{other}");
        }
    }
}
