//! Addresses that are not numbers alone: e-mail and IPv6.

use std::net::Ipv6Addr;
use std::ops::Range;

use crate::number::is_word;

/// Longest part of an address on either side of the `@` (RFC 5321 section 4.5.3.1).
const LOCAL: usize = 64;
const DOMAIN: usize = 255;

/// The e-mail address around the `@` at this place: a plain local part, and a domain with a top-level name of letters.
pub(crate) fn email(text: &str, at: usize) -> Option<Range<usize>> {
    let start = local_part(&text[..at])?;
    let domain = &text[at + 1..];
    let end = domain
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-') || is_letter(c)))
        .unwrap_or(domain.len());
    let domain = domain[..end].trim_end_matches(['.', '-']);
    let (rest, top) = domain.rsplit_once('.')?;
    let labels = rest.split('.').all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'));
    let top_is_name = top.len() >= 2 && (top.starts_with("xn--") || top.chars().all(char::is_alphabetic));
    (labels && top_is_name && domain.len() <= DOMAIN).then_some(start..at + 1 + domain.len())
}

/// Where the local part begins that ends here.
fn local_part(before: &str) -> Option<usize> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._%+-'&=~!#$*?^{|}".contains(c) || is_letter(c);
    let start = before.char_indices().rev().take(LOCAL + 1).take_while(|(_, c)| fits(*c)).last()?.0;
    let local = before[start..].trim_start_matches(|c: char| !c.is_alphanumeric() && c != '_');
    let sound = !local.is_empty() && !local.ends_with('.') && !local.contains("..");
    sound.then_some(before.len() - local.len())
}

/// A letter of the scripts that write words apart: in others, an address has no visible beginning.
fn is_letter(c: char) -> bool {
    !c.is_ascii() && c < '\u{590}' && c.is_alphabetic()
}

/// The IPv6 address that begins at this place.
pub(crate) fn ipv6(text: &str, start: usize) -> Option<Range<usize>> {
    let rest = &text.as_bytes()[start..];
    let length =
        rest.iter().position(|byte| !byte.is_ascii_hexdigit() && !matches!(byte, b':' | b'.')).unwrap_or(rest.len());
    let mut length = length.min(45);
    while length > 0 && matches!(rest[length - 1], b'.' | b':') && !rest[..length].ends_with(b"::") {
        length -= 1;
    }
    let written = std::str::from_utf8(&rest[..length]).ok()?;
    // Four groups at least are written, so that no time of day and no path of a program is one.
    let groups = written.split(':').filter(|group| !group.is_empty()).count();
    let known = groups >= 4 || (written.contains("::") && groups >= 2);
    let address: Ipv6Addr = written.parse().ok().filter(|_| known)?;
    let ends = rest.get(length).is_none_or(|byte| !is_word(*byte) && *byte != b':');
    (ends && !address.is_loopback() && !address.is_unspecified()).then_some(start..start + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(text: &str) -> Option<&str> {
        email(text, text.find('@')?).map(|range| &text[range])
    }

    #[test]
    fn addresses_end_where_they_end() {
        assert_eq!(mail("<ada.l+x@mail.example.org>."), Some("ada.l+x@mail.example.org"));
        assert_eq!(mail("Write to müller@example.org."), Some("müller@example.org"));
        assert_eq!(mail("'o'brien@example.ie'"), Some("o'brien@example.ie"));
        for other in
            ["@example.org", "a@b", "a@1.2.3", "ada@", "a..b@example.org", "@Override", "user@localhost", "pkg@1.2.3"]
        {
            assert_eq!(mail(other), None, "{other}");
        }
    }

    #[test]
    fn ipv6_is_told_from_times_and_paths() {
        let found = |text: &'static str| ipv6(text, 0).map(|range| &text[range]);
        assert_eq!(found("2001:db8::8a2e:370:7334."), Some("2001:db8::8a2e:370:7334"));
        assert_eq!(found("fe80:0:0:0:1:2:3:4"), Some("fe80:0:0:0:1:2:3:4"));
        for other in ["12:30:45", "::1", "::", "abcd::ef:gh", "a::b::c", "dead:beef"] {
            assert_eq!(found(other), None, "{other}");
        }
    }
}
