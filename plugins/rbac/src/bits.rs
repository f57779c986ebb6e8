//! Sets of rules, by their numbers, as bits: a thousand rules are sixteen words.

const WORD: usize = u64::BITS as usize;

/// A set of numbers below a length that is fixed when it is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bits(Vec<u64>);

impl Bits {
    /// The empty set of numbers below `length`.
    pub(crate) fn none(length: usize) -> Self {
        Self(vec![0; length.div_ceil(WORD)])
    }

    /// Adds a number.
    pub(crate) fn insert(&mut self, number: usize) {
        self.0[number / WORD] |= 1 << (number % WORD);
    }

    /// True if the number is in it.
    pub(crate) fn contains(&self, number: usize) -> bool {
        self.0[number / WORD] & (1 << (number % WORD)) != 0
    }

    /// Adds all of another set.
    pub(crate) fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word |= other);
    }

    /// Keeps what is in the other set too.
    pub(crate) fn keep(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word &= other);
    }

    /// The numbers in it, the lowest first.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = usize> {
        self.0.iter().enumerate().flat_map(|(at, word)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                let lowest = rest.trailing_zeros() as usize;
                (rest != 0).then(|| {
                    rest &= rest - 1;
                    at * WORD + lowest
                })
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const LENGTH: usize = 200;

    fn bits(numbers: &BTreeSet<usize>) -> Bits {
        let mut bits = Bits::none(LENGTH);
        numbers.iter().for_each(|number| bits.insert(*number));
        bits
    }

    proptest! {
        #[test]
        fn are_sets(
            one in prop::collection::btree_set(0..LENGTH, 0..40),
            other in prop::collection::btree_set(0..LENGTH, 0..40),
        ) {
            let (mut both, mut either) = (bits(&one), bits(&one));
            both.keep(&bits(&other));
            either.add(&bits(&other));
            prop_assert!(both.numbers().eq(one.intersection(&other).copied()));
            prop_assert!(either.numbers().eq(one.union(&other).copied()));
            prop_assert!((0..LENGTH).all(|number| either.contains(number) == (one.contains(&number) || other.contains(&number))));
        }
    }
}
