//! Durations and sizes as people write them.

use std::fmt;
use std::time::Duration;

/// A number of bytes, shown in the largest unit that divides it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(pub usize);

const SIZES: [(&str, usize); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];
const DURATIONS: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

impl Size {
    /// The number of bytes.
    pub fn bytes(self) -> usize {
        self.0
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fitting = SIZES.iter().find(|(_, unit)| self.0 > 0 && self.0.is_multiple_of(*unit));
        let (name, unit) = fitting.unwrap_or(&("B", 1));
        write!(f, "{}{name}", self.0 / unit)
    }
}

/// Reads `4MiB`; says what is wrong in the words that follow the name of a key.
pub(crate) fn size(text: &str) -> Result<Size, &'static str> {
    let (number, unit) = split(text).ok_or("is not a size")?;
    let (_, unit) = SIZES.iter().find(|(name, _)| *name == unit).ok_or("has no unit of size")?;
    let number: usize = number.parse().map_err(|_| "is out of range")?;
    number.checked_mul(*unit).map(Size).ok_or("is out of range")
}

/// Reads `30s`; says what is wrong in the words that follow the name of a key.
pub(crate) fn duration(text: &str) -> Result<Duration, &'static str> {
    let (number, unit) = split(text).ok_or("is not a duration")?;
    let (_, unit) = DURATIONS.iter().find(|(name, _)| *name == unit).ok_or("has no unit of time")?;
    let number: u64 = number.parse().map_err(|_| "is out of range")?;
    number.checked_mul(*unit).map(Duration::from_millis).ok_or("is out of range")
}

fn split(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        assert_eq!(size("4MiB"), Ok(Size(4 << 20)));
        assert_eq!(size("17B"), Ok(Size(17)));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("2h"), Ok(Duration::from_secs(7200)));
    }

    #[test]
    fn refuses_what_could_mean_two_things() {
        for text in ["", "4", "4MB", "4 MiB", "MiB", "-1B", "1.5MiB", "99999999999999999999B", "99999999999GiB"] {
            assert!(size(text).is_err(), "{text}");
        }
        for text in ["", "30", "30sec", "1.5s", "-1s", "1m30s", "99999999999999999999s", "9999999999999999999d"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_size_is_shown_in_its_largest_whole_unit() {
        assert_eq!(Size(4 << 20).to_string(), "4MiB");
        assert_eq!(Size((4 << 20) + 1).to_string(), "4194305B");
        assert_eq!(Size(0).to_string(), "0B");
    }
}
