//! Numbers as people write them: digits with separators between, and what they may be.

use std::ops::Range;

use crate::kind::{Kind, Kinds};
use crate::national;

/// More digits than any number that is looked for.
const MOST: usize = 24;

/// Digits in a row, separators between them left out, from one place of a text on.
pub(crate) struct Number<'t> {
    text: &'t [u8],
    start: usize,
    digits: [u8; MOST],
    /// Where each digit ends in the text.
    ends: [usize; MOST],
    count: usize,
}

impl<'t> Number<'t> {
    /// Reads the number whose first digit stands at `start`.
    pub(crate) fn at(text: &'t [u8], start: usize) -> Self {
        let mut number = Self { text, start, digits: [0; MOST], ends: [0; MOST], count: 0 };
        let mut at = start;
        while number.count < MOST {
            let Some(digit) = text.get(at).filter(|byte| byte.is_ascii_digit()) else { break };
            number.digits[number.count] = digit - b'0';
            number.ends[number.count] = at + 1;
            number.count += 1;
            at = next_digit(text, at + 1);
        }
        number
    }

    /// What the number is, as far as it is of a wanted kind: the range in the text, and the kind.
    pub(crate) fn find(&self, wanted: Kinds) -> Option<(Range<usize>, Kind)> {
        let found = |kind: Kind, is: fn(&Self) -> Option<Range<usize>>| {
            let range = if wanted.has(kind) { is(self) } else { None };
            range.map(|range| (range, kind))
        };
        found(Kind::Ipv4, Self::ipv4)
            .or_else(|| found(Kind::Card, Self::card))
            .or_else(|| found(Kind::NationalId, Self::national_id))
            .or_else(|| found(Kind::Phone, Self::phone))
    }

    fn ipv4(&self) -> Option<Range<usize>> {
        let parts = self.group_ends(4)?;
        let dotted = (0..3).all(|part| {
            self.text.get(parts[part]) == Some(&b'.') && self.text.get(parts[part] + 1).is_some_and(u8::is_ascii_digit)
        });
        let (end, longest) = (parts[3], 15);
        if !dotted || end - self.start > longest || self.goes_on(end, b".") {
            return None;
        }
        let text = std::str::from_utf8(self.text.get(self.start..end)?).ok()?;
        let address: std::net::Ipv4Addr = text.parse().ok()?;
        let says_nothing = address.is_loopback() || address.is_unspecified() || address.is_broadcast();
        (!says_nothing).then_some(self.start..end)
    }

    fn card(&self) -> Option<Range<usize>> {
        let known = match self.digits[..2] {
            [4, _] | [5, 0..=8] | [2, 2..=7] | [6, _] | [3, 0 | 4..=8] => self.count >= 13,
            _ => false,
        };
        if !known {
            return None;
        }
        (13..=self.count.min(19)).rev().find_map(|count| {
            let end = self.ends[count - 1];
            let apart = self.separated(count, |separator| matches!(separator, b" " | b"-" | b""));
            let digits = &self.digits[..count];
            let varied = digits[4..].iter().any(|digit| *digit != digits[4])
                || digits[..4].iter().any(|digit| *digit != digits[0]);
            (apart && varied && !self.goes_on(end, b"") && luhn(digits)).then_some(self.start..end)
        })
    }

    fn national_id(&self) -> Option<Range<usize>> {
        let count = national::of_digits(&self.digits[..self.count], |count| {
            let end = self.ends[count - 1];
            if self.goes_on(end, b"") { None } else { self.text.get(self.start..end) }
        })?;
        let end = self.ends[count - 1];
        // The last character of a Chinese number may be a letter.
        Some(self.start..end)
    }

    /// International with `+` or `00`, or North American in groups of three, three and four.
    fn phone(&self) -> Option<Range<usize>> {
        let plus = self.start > 0 && self.text[self.start - 1] == b'+';
        if plus && self.digits[0] != 0 {
            return (8..=self.count.min(15)).rev().find_map(|count| self.phone_of(count, self.start - 1));
        }
        if self.digits[..2] == [0, 0] && self.digits[2] != 0 && self.grouped(self.count.min(15)) {
            return (11..=self.count.min(17)).rev().find_map(|count| self.phone_of(count, self.start));
        }
        self.north_american()
    }

    fn phone_of(&self, count: usize, from: usize) -> Option<Range<usize>> {
        let end = self.ends[count - 1];
        let apart = self.separated(count, |separator| separator.len() <= 2 && !separator.contains(&b':'));
        (apart && !self.goes_on(end, b"")).then_some(from..end)
    }

    fn north_american(&self) -> Option<Range<usize>> {
        let country = usize::from(self.digits[0] == 1);
        let count = country + 10;
        if self.count < count || self.digits[country] < 2 || self.digits[country + 3] < 2 {
            return None;
        }
        let separator = |after: usize| &self.text[self.ends[after - 1]..self.ends[after] - 1];
        let parted = !separator(country + 3).is_empty() && !separator(country + 6).is_empty();
        let whole = [1, 2, 4, 5, 7, 8, 9].iter().all(|within| separator(country + within).is_empty());
        let end = self.ends[count - 1];
        let bracket = usize::from(self.start > 0 && self.text[self.start - 1] == b'(');
        (parted && whole && !self.goes_on(end, b"-")).then_some(self.start - bracket..end)
    }

    /// Where the first groups of digits end, if there are so many.
    fn group_ends(&self, wanted: usize) -> Option<[usize; 4]> {
        let mut ends = [0; 4];
        let mut groups = 0;
        for at in 0..self.count {
            let last = at + 1 == self.count || self.ends[at + 1] != self.ends[at] + 1;
            if last {
                ends[groups] = self.ends[at];
                groups += 1;
                if groups == wanted {
                    return Some(ends);
                }
            }
        }
        None
    }

    /// Whether all separators between the first digits are of a sort.
    fn separated(&self, count: usize, fits: impl Fn(&[u8]) -> bool) -> bool {
        (1..count).all(|at| fits(&self.text[self.ends[at - 1]..self.ends[at] - 1]))
    }

    /// Whether there is any separator between the first digits.
    fn grouped(&self, count: usize) -> bool {
        self.ends[count.max(1) - 1] != self.start + count
    }

    /// Whether what ends here is only the beginning of something longer. `joints` go on if a digit follows them.
    fn goes_on(&self, end: usize, joints: &[u8]) -> bool {
        match self.text.get(end) {
            Some(byte) if is_word(*byte) => true,
            Some(byte) if joints.contains(byte) => self.text.get(end + 1).is_some_and(u8::is_ascii_digit),
            _ => false,
        }
    }
}

/// The Luhn check of ISO/IEC 7812-1.
pub(crate) fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, digit)| {
            let value = u32::from(*digit) << (at % 2);
            if value > 9 { value - 9 } else { value }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Whether a byte belongs to a word. Asked for every byte of a text.
pub(crate) fn is_word(byte: u8) -> bool {
    WORD[byte as usize]
}

static WORD: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = (byte as u8).is_ascii_alphanumeric() || byte as u8 == b'_';
        byte += 1;
    }
    table
};

/// Where the next digit may stand: behind at most one separator, or a bracket and a blank.
fn next_digit(text: &[u8], at: usize) -> usize {
    match text.get(at..) {
        Some([b')', b' ' | b'-', ..]) | Some([b' ', b'(', ..]) => at + 2,
        Some([b' ' | b'-' | b'.' | b')' | b'/', ..]) => at + 1,
        _ => at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Kinds {
        Kind::ALL.iter().fold(Kinds::default(), |kinds, kind| kinds.with(*kind))
    }

    fn found(text: &str) -> Option<(&str, Kind)> {
        let start = text.find(|c: char| c.is_ascii_digit())?;
        Number::at(text.as_bytes(), start).find(all()).map(|(range, kind)| (&text[range], kind))
    }

    #[test]
    fn cards_are_found_in_any_grouping_and_only_with_their_check_digit() {
        assert_eq!(found("4111 1111 1111 1111 123"), Some(("4111 1111 1111 1111", Kind::Card)));
        assert_eq!(found("378282246310005"), Some(("378282246310005", Kind::Card)));
        assert_eq!(found("5555-5555-5555-4444."), Some(("5555-5555-5555-4444", Kind::Card)));
        assert_eq!(found("4111 1111 1111 1112"), None);
        assert_eq!(found("41111111111111111111"), None, "longer than a card");
        assert_eq!(found("9111 1111 1111 1111"), None, "of no network");
    }

    #[test]
    fn phones_have_a_prefix_or_the_north_american_form() {
        assert_eq!(found("+49 30 901820,"), Some(("+49 30 901820", Kind::Phone)));
        assert_eq!(found("(212) 555-0142"), Some(("(212) 555-0142", Kind::Phone)));
        assert_eq!(found("1-415-555-2671"), Some(("1-415-555-2671", Kind::Phone)));
        assert_eq!(found("0044 20 7946 0958"), Some(("0044 20 7946 0958", Kind::Phone)));
        for other in ["2026-11-22", "212555014", "5550142", "100-200-3000", "3.14159265358979"] {
            assert_eq!(found(other), None, "{other}");
        }
    }

    #[test]
    fn addresses_are_four_numbers_and_not_five() {
        assert_eq!(found("192.168.10.7:80"), Some(("192.168.10.7", Kind::Ipv4)));
        assert_eq!(found("10.0.0.1."), Some(("10.0.0.1", Kind::Ipv4)));
        for other in ["1.2.3.4.5", "256.1.1.1", "127.0.0.1", "1.2.3", "1.2.3.4a"] {
            assert_eq!(found(other), None, "{other}");
        }
    }
}
