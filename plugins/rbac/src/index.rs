//! Which rules fit a text: found by the text, not by trying one rule after the other.

use std::collections::HashMap;

use cardea_sdk::Glob;

use crate::bits::Bits;

/// What rules say of one thing, the server's name for example: each has patterns for it, or does not mention it.
#[derive(Debug)]
pub(crate) struct Index {
    unsaid: Bits,
    exact: HashMap<String, Vec<usize>>,
    /// Patterns that begin with plain text.
    starts: Affixes,
    /// Patterns that end in plain text, and begin otherwise.
    ends: Affixes,
    /// All others: `*admin*` for example.
    others: Vec<(Glob, usize)>,
}

impl Index {
    /// An index of the rules 0, 1, 2 …
    pub(crate) fn new<'a>(rules: impl ExactSizeIterator<Item = Option<&'a [Glob]>>) -> Self {
        let mut index = Self {
            unsaid: Bits::none(rules.len()),
            exact: HashMap::new(),
            starts: Affixes::default(),
            ends: Affixes::default(),
            others: Vec::new(),
        };
        for (rule, patterns) in rules.enumerate() {
            match patterns {
                None => index.unsaid.insert(rule),
                Some(patterns) => patterns.iter().for_each(|pattern| index.add(pattern, rule)),
            }
        }
        index
    }

    fn add(&mut self, pattern: &Glob, rule: usize) {
        let (start, end) = (pattern.literal_start(), pattern.literal_end());
        if let Some(text) = pattern.as_literal() {
            self.exact.entry(text).or_default().push(rule);
        } else if !start.is_empty() {
            self.starts.add(start, pattern, rule);
        } else if !end.is_empty() {
            self.ends.add(end, pattern, rule);
        } else {
            self.others.push((pattern.clone(), rule));
        }
    }

    /// The rules that do not mention it.
    pub(crate) fn unsaid(&self) -> &Bits {
        &self.unsaid
    }

    /// The rules that fit a text: one of their patterns does, or they have none.
    pub(crate) fn fitting(&self, text: &str) -> Bits {
        self.fitting_any([text])
    }

    /// The rules that fit one of the texts.
    pub(crate) fn fitting_any<'a>(&self, texts: impl IntoIterator<Item = &'a str>) -> Bits {
        let mut fitting = self.unsaid.clone();
        for text in texts {
            self.exact.get(text).into_iter().flatten().for_each(|rule| fitting.insert(*rule));
            let starting = self.starts.lengths.iter().filter_map(|length| text.get(..*length));
            let ending = self.ends.lengths.iter().filter_map(|length| text.get(text.len().checked_sub(*length)?..));
            let found = starting.filter_map(|start| self.starts.patterns.get(start));
            let found = found.chain(ending.filter_map(|end| self.ends.patterns.get(end))).flatten();
            for (pattern, rule) in found.chain(&self.others) {
                if !fitting.contains(*rule) && pattern.matches(text) {
                    fitting.insert(*rule);
                }
            }
        }
        fitting
    }
}

/// Patterns by the plain text at one end of them, and how long such texts are.
#[derive(Debug, Default)]
struct Affixes {
    patterns: HashMap<String, Vec<(Glob, usize)>>,
    lengths: Vec<usize>,
}

impl Affixes {
    fn add(&mut self, affix: String, pattern: &Glob, rule: usize) {
        if !self.lengths.contains(&affix.len()) {
            self.lengths.push(affix.len());
        }
        self.patterns.entry(affix).or_default().push((pattern.clone(), rule));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn finds_what_trying_every_pattern_finds(
            rules in prop::collection::vec(prop::option::of(prop::collection::vec("[abä*?]{1,4}", 1..3)), 0..90),
            texts in prop::collection::vec("[abä]{0,5}", 1..3),
        ) {
            let globs = |patterns: &Vec<String>| patterns.iter().map(|text| Glob::new(text).unwrap()).collect::<Vec<_>>();
            let rules: Vec<_> = rules.iter().map(|patterns| patterns.as_ref().map(globs)).collect();
            let index = Index::new(rules.iter().map(Option::as_deref));
            let fits = |patterns: &Option<Vec<Glob>>| {
                patterns.as_ref().is_none_or(|all| all.iter().any(|one| texts.iter().any(|text| one.matches(text))))
            };
            let plainly = (0..rules.len()).filter(|rule| fits(&rules[*rule]));
            let found = index.fitting_any(texts.iter().map(String::as_str));
            prop_assert!(found.numbers().eq(plainly));
        }
    }
}
