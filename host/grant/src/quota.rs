//! How much a plugin may keep.

/// How much a plugin may keep for one tenant; what is not said is bounded by the state's own bounds alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    /// Bytes of keys and values.
    pub bytes: Option<usize>,
    /// Keys.
    pub keys: Option<usize>,
}

impl Quota {
    /// The smaller of both in everything.
    pub fn meet(self, other: Self) -> Self {
        Self { bytes: smaller(self.bytes, other.bytes), keys: smaller(self.keys, other.keys) }
    }
}

fn smaller(one: Option<usize>, other: Option<usize>) -> Option<usize> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_side_says_holds_and_of_two_the_smaller() {
        let one = Quota { bytes: Some(10), keys: None };
        let other = Quota { bytes: Some(7), keys: Some(3) };
        assert_eq!(one.meet(other), other);
        assert_eq!(one.meet(Quota::default()), one);
    }
}
