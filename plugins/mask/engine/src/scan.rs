//! The one pass over a text.

use std::ops::Range;

use crate::kind::{Kind, Kinds};
use crate::number::{Number, is_word};
use crate::pattern::Patterns;
use crate::view::View;
use crate::{address, iban, national, token};

/// A value that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where it is, in bytes.
    pub range: Range<usize>,
    /// What it is.
    pub kind: Kind,
}

/// Everything of the wanted kinds in a text, in order and without overlaps: of two that overlap, one remains that covers both.
pub fn find(text: &str, wanted: Kinds, patterns: &Patterns) -> Vec<Finding> {
    let mut found = Vec::new();
    scan(text, wanted, &mut found);
    patterns.find(text, wanted, &mut found);
    if let Some(view) = View::of(text) {
        let mut seen = Vec::new();
        scan(view.as_str(), wanted, &mut seen);
        patterns.find(view.as_str(), wanted, &mut seen);
        found.extend(seen.into_iter().map(|Finding { range, kind }| Finding { range: view.back(&range), kind }));
    }
    merged(found)
}

/// Looks at the beginning of every word, and at what stands between words.
fn scan(text: &str, wanted: Kinds, found: &mut Vec<Finding>) {
    let bytes = text.as_bytes();
    let (mut at, mut done) = (0, 0);
    while at < bytes.len() {
        let byte = bytes[at];
        let hit = if !is_word(byte) {
            let hit = between_words(text, at, wanted);
            at += 1;
            hit
        } else {
            let word = at;
            while at < bytes.len() && is_word(bytes[at]) {
                at += 1;
            }
            if word < done { None } else { at_word(text, word..at, wanted) }
        };
        if let Some((range, kind)) = hit {
            // What an address takes to its left may have been passed already.
            done = done.max(range.end);
            at = at.max(range.end);
            found.push(Finding { range, kind });
        }
    }
}

fn between_words(text: &str, at: usize, wanted: Kinds) -> Option<(Range<usize>, Kind)> {
    match text.as_bytes()[at] {
        b'@' if wanted.has(Kind::Email) => address::email(text, at).map(|range| (range, Kind::Email)),
        b'-' if wanted.has(Kind::PrivateKey) && text.as_bytes()[at..].starts_with(b"-----BEGIN ") => {
            token::private_key(text, at).map(|range| (range, Kind::PrivateKey))
        }
        b':' if wanted.has(Kind::Ipv6) && text.as_bytes()[at..].starts_with(b"::") && !follows_word(text, at) => {
            address::ipv6(text, at).map(|range| (range, Kind::Ipv6))
        }
        _ => None,
    }
}

fn at_word(text: &str, word: Range<usize>, wanted: Kinds) -> Option<(Range<usize>, Kind)> {
    let bytes = text.as_bytes();
    let first = bytes[word.start];
    let is_hex_group = word.len() <= 4 && bytes.get(word.end) == Some(&b':') && first.is_ascii_hexdigit();
    if is_hex_group
        && wanted.has(Kind::Ipv6)
        && let Some(range) = address::ipv6(text, word.start)
    {
        return Some((range, Kind::Ipv6));
    }
    if first.is_ascii_digit() {
        if let Some(hit) = Number::at(bytes, word.start).find(wanted) {
            return Some(hit);
        }
    } else if token::may_begin(first)
        && let Some(hit) = token::known(text, word.start, wanted)
    {
        return Some(hit);
    }
    if word.len() >= 4
        && bytes[word.start + 2].is_ascii_digit()
        && wanted.has(Kind::Iban)
        && let Some(range) = iban::at(bytes, word.start)
    {
        return Some((range, Kind::Iban));
    }
    if matches!(word.len(), 9 | 16 | 18)
        && wanted.has(Kind::NationalId)
        && national::of_word(&bytes[word.clone()]).is_some()
    {
        return Some((word, Kind::NationalId));
    }
    if wanted.has(Kind::Entropy) { random(bytes, word).map(|range| (range, Kind::Entropy)) } else { None }
}

/// The run of base64 characters that a word begins, if it looks random.
fn random(bytes: &[u8], word: Range<usize>) -> Option<Range<usize>> {
    let joins = |byte: u8| matches!(byte, b'+' | b'/' | b'-');
    if word.start > 0 && joins(bytes[word.start - 1]) && word.start > 1 && is_word(bytes[word.start - 2]) {
        return None;
    }
    let rest = &bytes[word.start..];
    let length = rest.iter().position(|byte| !is_word(*byte) && !joins(*byte)).unwrap_or(rest.len());
    token::looks_random(&rest[..length]).then(|| word.start..word.start + length)
}

fn follows_word(text: &str, at: usize) -> bool {
    at > 0 && is_word(text.as_bytes()[at - 1])
}

fn merged(mut found: Vec<Finding>) -> Vec<Finding> {
    found.sort_by_key(|finding| (finding.range.start, std::cmp::Reverse(finding.range.end)));
    let mut merged: Vec<Finding> = Vec::with_capacity(found.len());
    for finding in found {
        match merged.last_mut() {
            Some(last) if finding.range.start < last.range.end => {
                last.range.end = last.range.end.max(finding.range.end);
            }
            _ => merged.push(finding),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(&str, Kind)> {
        let all = Kind::ALL.iter().fold(Kinds::default(), |kinds, kind| kinds.with(*kind));
        find(text, all, &Patterns::default()).into_iter().map(|found| (&text[found.range], found.kind)).collect()
    }

    #[test]
    fn all_kinds_are_found_side_by_side() {
        let text = "ada@example.org,+44 20 7946 0958;4111111111111111|GB82 WEST 1234 5698 7654 32 at 10.1.2.3 and 2001:db8::1:2";
        let kinds: Vec<_> = found(text).into_iter().map(|(_, kind)| kind).collect();
        assert_eq!(kinds, [Kind::Email, Kind::Phone, Kind::Card, Kind::Iban, Kind::Ipv4, Kind::Ipv6]);
    }

    #[test]
    fn an_escaped_newline_parts_words() {
        assert_eq!(found(r#"{"k":"x\nAKIAIOSFODNN7EXAMPLE"}"#), [("AKIAIOSFODNN7EXAMPLE", Kind::AwsKey)]);
        assert_eq!(found(r"ada\u0040example.org"), [(r"ada\u0040example.org", Kind::Email)]);
    }

    #[test]
    fn only_what_is_wanted_is_found() {
        let wanted = Kinds::default().with(Kind::Card);
        assert_eq!(find("ada@example.org", wanted, &Patterns::default()), []);
    }

    #[test]
    fn overlapping_findings_become_one() {
        let finding = |range, kind| Finding { range, kind };
        let all = vec![finding(4..9, Kind::Email), finding(0..5, Kind::Card), finding(9..10, Kind::Iban)];
        assert_eq!(merged(all), [finding(0..9, Kind::Card), finding(9..10, Kind::Iban)]);
    }
}
