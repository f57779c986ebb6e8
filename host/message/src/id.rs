//! JSON-RPC ids.

use std::fmt;

use bytes::Bytes;
use serde::de::IgnoredAny;

use crate::json;

/// A JSON-RPC id as JSON text: an integer or a string. Two ids are equal if their values are: `1` is not `"1"`, and
/// `"\u0061"` is `"a"`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Id(Bytes);

/// Why a JSON value is no id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdFault {
    /// It is null.
    #[error("`id` must not be null")]
    Null,
    /// It is a number with a fraction or an exponent, or beyond 64 bits.
    #[error("a numeric `id` must be an integer of at most 64 bits")]
    NotInteger,
    /// It is neither a number nor a string, or not JSON at all.
    #[error("`id` must be a string or an integer")]
    WrongType,
    /// It is longer than [`Id::MAX_BYTES`].
    #[error("`id` is too long")]
    TooLong,
}

impl Id {
    /// The longest id, as JSON text. Ids are echoed, logged and kept as keys, so they are not the place for payload.
    pub const MAX_BYTES: usize = 1024;

    /// A number.
    pub fn number(value: u64) -> Self {
        Self(value.to_string().into())
    }

    /// Reads the JSON text of an id. The bytes are copied, so that a kept id does not keep its whole message in memory.
    pub fn parse(json: &[u8]) -> Result<Self, IdFault> {
        let text = std::str::from_utf8(json).map_err(|_| IdFault::WrongType)?;
        if text.len() > Self::MAX_BYTES {
            return Err(IdFault::TooLong);
        }
        match text.as_bytes().first() {
            Some(b'"') => string(text),
            Some(b'-' | b'0'..=b'9') => integer(text),
            Some(_) if text == "null" => Err(IdFault::Null),
            _ => Err(IdFault::WrongType),
        }
    }

    /// The id as JSON text.
    pub fn as_json(&self) -> &str {
        // Every constructor takes its bytes from a `str`.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The number, if the id is one that is not negative.
    pub fn as_number(&self) -> Option<u64> {
        self.as_json().parse().ok()
    }

    /// The JSON text, sharing memory.
    pub fn to_bytes(&self) -> Bytes {
        self.0.clone()
    }
}

fn integer(text: &str) -> Result<Id, IdFault> {
    // serde_json refuses what is no JSON number (`01`), `str::parse` what is no integer (`1e3`, `1.0`).
    let json = serde_json::from_str::<IgnoredAny>(text).is_ok();
    let fits = text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok();
    // `-0` is a float to some parsers and 0 to others.
    if json && fits && text != "-0" {
        Ok(Id(Bytes::copy_from_slice(text.as_bytes())))
    } else {
        Err(IdFault::NotInteger)
    }
}

fn string(text: &str) -> Result<Id, IdFault> {
    if !text.contains('\\') {
        serde_json::from_str::<IgnoredAny>(text).map_err(|_| IdFault::WrongType)?;
        return Ok(Id(Bytes::copy_from_slice(text.as_bytes())));
    }
    // One spelling per value, so that equal ids are equal bytes.
    let value = json::unquoted(text).ok_or(IdFault::WrongType)?;
    Ok(Id(serde_json::Value::from(value).to_string().into()))
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_json())
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id({})", self.as_json())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn integers_and_strings_are_ids() {
        for text in ["0", "7", "-1", "18446744073709551615", "-9223372036854775808", r#""""#, r#""a b""#, r#""é""#] {
            assert_eq!(Id::parse(text.as_bytes()).unwrap().as_json(), text);
        }
        assert_eq!(Id::number(7), Id::parse(b"7").unwrap());
        assert_eq!(Id::parse(b"7").unwrap().as_number(), Some(7));
        assert_eq!(Id::parse(br#""7""#).unwrap().as_number(), None);
    }

    #[test]
    fn equal_values_are_equal_ids() {
        let id = |text: &str| Id::parse(text.as_bytes()).unwrap();
        assert_eq!(id(r#""\u0061\/""#), id(r#""a/""#));
        assert_ne!(id("1"), id(r#""1""#));
    }

    #[test]
    fn everything_else_is_refused() {
        for (text, fault) in [
            ("null", IdFault::Null),
            ("1.0", IdFault::NotInteger),
            ("1e3", IdFault::NotInteger),
            ("-0", IdFault::NotInteger),
            ("01", IdFault::NotInteger),
            ("18446744073709551616", IdFault::NotInteger),
            ("true", IdFault::WrongType),
            ("{}", IdFault::WrongType),
            ("[1]", IdFault::WrongType),
            ("", IdFault::WrongType),
            ("+1", IdFault::WrongType),
            (r#""a"#, IdFault::WrongType),
            (r#""a"b""#, IdFault::WrongType),
            (r#""\ud800""#, IdFault::WrongType),
        ] {
            assert_eq!(Id::parse(text.as_bytes()), Err(fault), "{text}");
        }
        assert_eq!(Id::parse(format!("\"{}\"", "x".repeat(Id::MAX_BYTES)).as_bytes()), Err(IdFault::TooLong));
        assert_eq!(Id::parse(b"\"\xff\""), Err(IdFault::WrongType));
    }
}
