//! Own patterns: regular expressions of an engine whose time is linear in the text.

use regex::{Regex, RegexBuilder};

use crate::kind::{Kind, Kinds};
use crate::scan::Finding;

/// Bytes one compiled pattern may take.
const COMPILED: usize = 1 << 20;

/// The own patterns of a configuration, in its order.
#[derive(Clone, Debug, Default)]
pub struct Patterns {
    all: Vec<(String, Regex)>,
}

impl Patterns {
    /// Adds one; what is wrong with it, if it cannot be one.
    pub fn add(&mut self, name: &str, pattern: &str) -> Result<Kind, String> {
        let place = u8::try_from(self.all.len()).ok().filter(|place| usize::from(*place) < Kinds::MOST_OWN);
        let place = place.ok_or_else(|| format!("there are more than {} patterns", Kinds::MOST_OWN))?;
        let regex = RegexBuilder::new(pattern)
            .size_limit(COMPILED)
            .dfa_size_limit(COMPILED)
            .build()
            .map_err(|error| error.to_string())?;
        if regex.is_match("") {
            return Err(format!("`{pattern}` fits the empty text, so it would be found everywhere"));
        }
        self.all.push((name.to_owned(), regex));
        Ok(Kind::Own(place))
    }

    /// The name of a kind, own patterns by their own.
    pub fn name(&self, kind: Kind) -> &str {
        match kind {
            Kind::Own(place) => self.all.get(usize::from(place)).map_or(kind.as_str(), |(name, _)| name),
            built_in => built_in.as_str(),
        }
    }

    /// The kinds that a word names: a built-in one, a group, or an own pattern.
    pub fn named(&self, word: &str) -> Option<Kinds> {
        let own = self.all.iter().position(|(name, _)| name == word).and_then(|place| u8::try_from(place).ok());
        own.map(|place| Kinds::default().with(Kind::Own(place))).or_else(|| Kinds::named(word))
    }

    pub(crate) fn find(&self, text: &str, wanted: Kinds, found: &mut Vec<Finding>) {
        for (kind, (_, regex)) in (0..).map(Kind::Own).zip(&self.all).filter(|(kind, _)| wanted.has(*kind)) {
            let matches = regex.find_iter(text).filter(|found| !found.is_empty());
            found.extend(matches.map(|found| Finding { range: found.range(), kind }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_that_fits_nothing_or_too_much_is_refused() {
        let mut patterns = Patterns::default();
        assert!(patterns.add("x", "(").is_err());
        assert!(patterns.add("x", "a*").unwrap_err().contains("empty text"));
        assert!(patterns.add("x", r"(?:\w{500}){500}").is_err());
        assert_eq!(patterns.add("ticket", "TICKET-[0-9]+"), Ok(Kind::Own(0)));
        assert_eq!(patterns.name(Kind::Own(0)), "ticket");
        assert!(patterns.named("ticket").is_some_and(|kinds| kinds.has(Kind::Own(0))));
    }

    #[test]
    fn a_hostile_text_costs_time_in_its_length_only() {
        let mut patterns = Patterns::default();
        let own = patterns.add("evil", "(a+)+$b").unwrap();
        let mut found = Vec::new();
        patterns.find(&"a".repeat(1 << 20), Kinds::default().with(own), &mut found);
        assert!(found.is_empty());
    }
}
