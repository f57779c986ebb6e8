//! Which of the two protocols a message belongs to. Two things say it: the version header, and the version in `_meta`.

use cardea_message::{Era, Version};

/// Where a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Path {
    /// 2026-07-28 and later, or a version nobody knows: whoever speaks no legacy version is told in the modern way.
    Modern,
    /// A version with sessions.
    Legacy,
    /// The body claims a modern version and the header does not: neither protocol can take it.
    Mismatch,
}

/// Decides by the value of `MCP-Protocol-Version` and by what `_meta` of the body claims.
///
/// The header alone makes a message modern, even `initialize` and even without `_meta`, so that a modern client which errs
/// is told so instead of being taken for an old one. A claim in the body alone makes it no message at all: whoever routed
/// it by its headers took it for something else.
pub(crate) fn path(header: Option<&[u8]>, claimed: Option<&str>) -> Path {
    let header_is_legacy = header.is_none_or(|value| std::str::from_utf8(value).is_ok_and(is_legacy));
    let claims_modern = claimed.is_some_and(|version| !is_legacy(version));
    match (header_is_legacy, claims_modern) {
        (false, _) => Path::Modern,
        (true, true) => Path::Mismatch,
        (true, false) => Path::Legacy,
    }
}

fn is_legacy(version: &str) -> bool {
    Version::parse(version.trim_matches([' ', '\t'])).is_some_and(|version| version.era() == Era::Legacy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_and_claim_decide_together() {
        for (header, claimed, expected) in [
            (None, None, Path::Legacy),
            (None, Some("2025-11-25"), Path::Legacy),
            (None, Some("2026-07-28"), Path::Mismatch),
            (None, Some("v999.0.0"), Path::Mismatch),
            (Some("2025-03-26"), None, Path::Legacy),
            (Some("2025-11-25"), Some("2025-11-25"), Path::Legacy),
            (Some("2025-11-25"), Some("2026-07-28"), Path::Mismatch),
            (Some("2026-07-28"), None, Path::Modern),
            (Some("2026-07-28"), Some("2026-07-28"), Path::Modern),
            (Some("2026-07-28"), Some("2025-11-25"), Path::Modern),
            (Some(" 2026-07-28 "), Some("2026-07-28"), Path::Modern),
            (Some("v999.0.0"), Some("v999.0.0"), Path::Modern),
            (Some("v999.0.0"), None, Path::Modern),
            (Some(""), None, Path::Modern),
        ] {
            assert_eq!(path(header.map(str::as_bytes), claimed), expected, "{header:?} {claimed:?}");
        }
    }
}
