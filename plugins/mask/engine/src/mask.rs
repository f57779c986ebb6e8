//! Puts something else in the place of what is found, in the encoding it was found in.

use std::ops::Range;

use base64::Engine as _;
use base64::alphabet::{Alphabet, STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::kind::{Kind, Kinds};
use crate::number::is_word;
use crate::pattern::Patterns;
use crate::scan::{Finding, find};

/// Shortest run of base64 that is looked into: eight bytes of text.
const SHORTEST_RUN: usize = 12;
/// How often what was decoded is decoded again.
const DEPTH: u32 = 2;
/// How far to either side of a seam a value is sought that lies across it.
const SEAM: usize = 512;

/// The text with every value of the wanted kinds replaced; none if there is none. `replace` gets the kind and the value as it
/// stands, and what it fails with ends the work.
pub fn mask<E>(
    text: &str,
    wanted: Kinds,
    patterns: &Patterns,
    replace: &mut dyn FnMut(Kind, &str) -> Result<String, E>,
) -> Result<Option<String>, E> {
    mask_to_depth(text, wanted, patterns, replace, DEPTH)
}

/// Texts that are shown one after the other, each as `mask` leaves it, and the values that lie across their seams replaced too:
/// what stands in the first of them stays as the replacement, the rest goes. Changed texts only, by their places.
pub fn mask_joined<E>(
    texts: &[&str],
    wanted: Kinds,
    patterns: &Patterns,
    replace: &mut dyn FnMut(Kind, &str) -> Result<String, E>,
) -> Result<Vec<(usize, String)>, E> {
    let joined = texts.concat();
    let mut starts = Vec::with_capacity(texts.len() + 1);
    starts.push(0);
    texts.iter().for_each(|text| starts.push(starts[starts.len() - 1] + text.len()));
    let across = across_seams(&joined, &starts, wanted, patterns);
    let mut changed = Vec::new();
    for (place, own) in starts.windows(2).map(|ends| ends[0]..ends[1]).enumerate() {
        let mut new = String::new();
        let mut kept = own.start;
        for finding in across.iter().filter(|finding| finding.range.start < own.end && finding.range.end > own.start) {
            let part = finding.range.start.max(own.start)..finding.range.end.min(own.end);
            let before = &joined[kept.min(part.start)..part.start];
            new += &mask(before, wanted, patterns, replace)?.unwrap_or_else(|| before.to_owned());
            if finding.range.start >= own.start {
                new += &replace(finding.kind, &joined[finding.range.clone()])?;
            }
            kept = part.end;
        }
        let rest = &joined[kept..own.end];
        match mask(rest, wanted, patterns, replace)? {
            Some(masked) => changed.push((place, new + &masked)),
            None if kept == own.start => {}
            None => changed.push((place, new + rest)),
        }
    }
    Ok(changed)
}

/// Findings that begin in one text and end in another.
fn across_seams(joined: &str, starts: &[usize], wanted: Kinds, patterns: &Patterns) -> Vec<Finding> {
    let mut across: Vec<Finding> = Vec::new();
    let inner = starts.get(1..starts.len().saturating_sub(1)).unwrap_or_default();
    for seam in inner {
        let from = floor(joined, seam.saturating_sub(SEAM));
        let window = &joined[from..floor(joined, seam.saturating_add(SEAM).min(joined.len()))];
        for Finding { range, kind } in find(window, wanted, patterns) {
            let range = from + range.start..from + range.end;
            let new = across.last().is_none_or(|last| last.range.end <= range.start);
            if range.start < *seam && range.end > *seam && new {
                across.push(Finding { range, kind });
            }
        }
    }
    across
}

fn mask_to_depth<E>(
    text: &str,
    wanted: Kinds,
    patterns: &Patterns,
    replace: &mut dyn FnMut(Kind, &str) -> Result<String, E>,
    depth: u32,
) -> Result<Option<String>, E> {
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    for Finding { range, kind } in find(text, wanted, patterns) {
        let new = replace(kind, &text[range.clone()])?;
        edits.push((range, new));
    }
    if depth > 0 {
        for run in runs(text) {
            if edits.iter().any(|(range, _)| range.start < run.end && run.start < range.end) {
                continue;
            }
            let Some((decoded, engine)) = decoded(&text[run.clone()]) else { continue };
            if let Some(masked) = mask_to_depth(&decoded, wanted, patterns, replace, depth - 1)? {
                edits.push((run, engine.encode(masked)));
            }
        }
    }
    if edits.is_empty() {
        return Ok(None);
    }
    edits.sort_by_key(|(range, _)| range.start);
    let (mut new, mut kept) = (String::with_capacity(text.len()), 0);
    for (range, put) in edits {
        new += &text[kept..range.start];
        new += &put;
        kept = range.end;
    }
    Ok(Some(new + &text[kept..]))
}

/// Runs of base64 characters that are long enough to hold a text.
fn runs(text: &str) -> impl Iterator<Item = Range<usize>> {
    let is_base64 = |byte: u8| is_word(byte) || matches!(byte, b'+' | b'/' | b'-' | b'=');
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < bytes.len() {
            let start = at;
            while at < bytes.len() && is_base64(bytes[at]) {
                at += 1;
            }
            let run = start..at;
            at += 1;
            if run.len() >= SHORTEST_RUN {
                return Some(run);
            }
        }
        None
    })
}

/// What a run says, if it is the base64 of a text, and how to write it again.
fn decoded(run: &str) -> Option<(String, GeneralPurpose)> {
    let alphabet: &Alphabet = if run.contains(['-', '_']) { &URL_SAFE } else { &STANDARD };
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true)
        .with_encode_padding(run.ends_with('=') || run.len().is_multiple_of(4));
    let engine = GeneralPurpose::new(alphabet, config);
    let text = String::from_utf8(engine.decode(run).ok()?).ok()?;
    let readable = !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'));
    readable.then_some((text, engine))
}

fn floor(text: &str, at: usize) -> usize {
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use base64::engine::general_purpose::STANDARD;

    use super::*;

    fn all() -> Kinds {
        Kind::ALL.iter().fold(Kinds::default(), |kinds, kind| kinds.with(*kind))
    }

    fn redact(kind: Kind, _: &str) -> Result<String, Infallible> {
        Ok(format!("[{}]", kind.as_str()))
    }

    fn masked(text: &str) -> Option<String> {
        let Ok(masked) = mask(text, all(), &Patterns::default(), &mut redact);
        masked
    }

    fn joined(texts: &[&str]) -> Vec<(usize, String)> {
        let Ok(changed) = mask_joined(texts, all(), &Patterns::default(), &mut redact);
        changed
    }

    #[test]
    fn values_are_replaced_and_the_rest_stays() {
        assert_eq!(masked("To: ada@example.org!").as_deref(), Some("To: [email]!"));
        assert_eq!(masked("nothing here"), None);
    }

    #[test]
    fn base64_is_looked_into_and_written_again() {
        let text = STANDARD.encode("please write to ada@example.org");
        let again = masked(&format!("x {text} y")).unwrap();
        let inner = again.trim_start_matches("x ").trim_end_matches(" y");
        assert_eq!(STANDARD.decode(inner).unwrap(), b"please write to [email]");
        let twice = STANDARD.encode(&text);
        assert!(masked(&twice).is_some());
    }

    #[test]
    fn what_lies_across_seams_is_replaced_once() {
        let parts = ["key: AKIAIOSF", "ODNN7", "EXAMPLE, ada@example.org"];
        let expected = [(0, "key: [aws-key]".to_owned()), (1, String::new()), (2, ", [email]".to_owned())];
        assert_eq!(joined(&parts), expected);
        assert_eq!(joined(&["one", "two"]), []);
        assert_eq!(joined(&[]), []);
        // An address may begin in the text before: rather too much goes than too little.
        assert_eq!(joined(&["by bob", "ada@example.org"]), [(0, "by [email]".to_owned()), (1, String::new())]);
    }
}
