//! Protocol versions and the two protocols they belong to.

use std::fmt;

/// A released version of MCP. Later versions are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// `2024-11-05`
    V2024_11_05,
    /// `2025-03-26`
    V2025_03_26,
    /// `2025-06-18`
    V2025_06_18,
    /// `2025-11-25`
    V2025_11_25,
    /// `2026-07-28`
    V2026_07_28,
}

/// Which of the two protocols a version speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Era {
    /// Sessions, opened by `initialize`: 2025-11-25 and earlier.
    Legacy,
    /// No session; every request carries its own version and capabilities: 2026-07-28 and later.
    Modern,
}

impl Version {
    /// The newest version.
    pub const LATEST: Self = Self::V2026_07_28;
    /// The newest version that begins with `initialize`.
    pub const LATEST_LEGACY: Self = Self::V2025_11_25;
    /// Every version, oldest first.
    pub const ALL: [Self; 5] =
        [Self::V2024_11_05, Self::V2025_03_26, Self::V2025_06_18, Self::V2025_11_25, Self::V2026_07_28];
    /// Every version that begins with `initialize`, oldest first.
    pub const ALL_LEGACY: [Self; 4] = [Self::V2024_11_05, Self::V2025_03_26, Self::V2025_06_18, Self::V2025_11_25];

    /// The version of that name; none for one that was never released, such as `2024-10-07`.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|version| version.as_str() == text)
    }

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V2024_11_05 => "2024-11-05",
            Self::V2025_03_26 => "2025-03-26",
            Self::V2025_06_18 => "2025-06-18",
            Self::V2025_11_25 => "2025-11-25",
            Self::V2026_07_28 => "2026-07-28",
        }
    }

    /// The protocol it belongs to.
    pub const fn era(self) -> Era {
        match self {
            Self::V2026_07_28 => Era::Modern,
            _ => Era::Legacy,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::{Era, Version};

    #[test]
    fn every_version_is_read_back_and_ordered_by_date() {
        for version in Version::ALL {
            assert_eq!(Version::parse(version.as_str()), Some(version));
        }
        assert!(Version::ALL.is_sorted());
        assert!(Version::ALL_LEGACY.iter().all(|version| version.era() == Era::Legacy));
        assert_eq!(Version::LATEST.era(), Era::Modern);
    }

    #[test]
    fn what_was_never_released_is_unknown() {
        for text in ["2024-10-07", "draft", "", "2026-07-28 ", "v999.0.0"] {
            assert_eq!(Version::parse(text), None, "{text}");
        }
    }
}
