//! How facts are put one behind the other: each with its length before it.

/// Reads facts in the order in which they were written.
pub struct Fields<'a>(&'a [u8]);

/// What was sealed has other facts, or another number of them: it is of another version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it holds other facts than these")]
pub struct Malformed;

impl<'a> Fields<'a> {
    /// The facts, as one.
    pub fn join(facts: &[&[u8]]) -> Vec<u8> {
        let mut joined = Vec::new();
        for fact in facts {
            joined.extend_from_slice(&u32::try_from(fact.len()).unwrap_or(u32::MAX).to_be_bytes());
            joined.extend_from_slice(fact);
        }
        joined
    }

    /// The facts of what was joined.
    pub fn of(joined: &'a [u8]) -> Self {
        Self(joined)
    }

    /// The next fact.
    pub fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let (length, rest) = self.0.split_first_chunk::<4>().ok_or(Malformed)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| Malformed)?;
        let (fact, rest) = rest.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(fact)
    }

    /// The next fact, a text.
    pub fn text(&mut self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Malformed)
    }

    /// The next fact, a number.
    pub fn number(&mut self) -> Result<u64, Malformed> {
        self.bytes()?.try_into().map(u64::from_be_bytes).map_err(|_| Malformed)
    }

    /// Nothing may be left.
    pub fn end(self) -> Result<(), Malformed> {
        if self.0.is_empty() { Ok(()) } else { Err(Malformed) }
    }
}
