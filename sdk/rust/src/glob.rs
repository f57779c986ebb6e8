//! Patterns for names in configurations: `*` and `?`, nothing more.

use serde::{Deserialize, Deserializer, de::Error as _};

/// A pattern for a whole name: `*` stands for any run of characters, none and `/` included, `?` for exactly one, `\`
/// takes the next character as it is. Upper and lower case differ. Matching takes at most pattern times text steps,
/// whatever is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob {
    text: String,
    tokens: Vec<Token>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Run,
    One,
    Exactly(char),
}

impl Glob {
    /// Reads a pattern; the error says what is wrong with it.
    pub fn new(pattern: &str) -> Result<Self, String> {
        if pattern.is_empty() {
            return Err("an empty pattern matches nothing: write `*` to match everything".to_owned());
        }
        let mut tokens = Vec::new();
        let mut characters = pattern.chars();
        while let Some(character) = characters.next() {
            match character {
                '*' if tokens.last() == Some(&Token::Run) => {}
                '*' => tokens.push(Token::Run),
                '?' => tokens.push(Token::One),
                '\\' => match characters.next() {
                    Some(escaped) => tokens.push(Token::Exactly(escaped)),
                    None => {
                        return Err(format!(
                            "the pattern `{pattern}` ends in `\\`, which must have a character after it"
                        ));
                    }
                },
                other => tokens.push(Token::Exactly(other)),
            }
        }
        Ok(Self { text: pattern.to_owned(), tokens })
    }

    /// The pattern that stands for `name` alone.
    pub fn literal(name: &str) -> Self {
        let special = |character: char| matches!(character, '*' | '?' | '\\').then_some('\\');
        let text = name.chars().flat_map(|character| special(character).into_iter().chain([character])).collect();
        Self { text, tokens: name.chars().map(Token::Exactly).collect() }
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The one name this pattern stands for, if it is one alone.
    pub fn as_literal(&self) -> Option<String> {
        self.tokens.iter().map(|token| token.character()).collect()
    }

    /// The text that every name it stands for begins with.
    pub fn literal_start(&self) -> String {
        self.tokens.iter().map_while(|token| token.character()).collect()
    }

    /// The text that every name it stands for ends in.
    pub fn literal_end(&self) -> String {
        let plain = self.tokens.iter().rev().take_while(|token| token.character().is_some()).count();
        self.tokens[self.tokens.len() - plain..].iter().filter_map(|token| token.character()).collect()
    }

    /// True if the pattern stands for the whole of `name`.
    pub fn matches(&self, name: &str) -> bool {
        self.consumes(name.chars().map(Token::Exactly))
    }

    /// True only if every name that `other` stands for is one that this pattern stands for.
    pub fn covers(&self, other: &Self) -> bool {
        self.consumes(other.tokens.iter().copied())
    }

    /// True if there is a name that both patterns stand for.
    pub fn overlaps(&self, other: &Self) -> bool {
        // open[j]: what is left of `self` and other.tokens[j..] have a name in common. From the back, one row at a
        // time.
        let mut open: Vec<bool> = vec![false; other.tokens.len() + 1];
        for at in (0..=self.tokens.len()).rev() {
            let behind = open.clone();
            let mine = self.tokens.get(at);
            for other_at in (0..=other.tokens.len()).rev() {
                let skip_mine = mine == Some(&Token::Run) && behind[other_at];
                open[other_at] = match (mine, other.tokens.get(other_at)) {
                    (None, None) => true,
                    (_, Some(Token::Run)) if open[other_at + 1] => true,
                    (Some(Token::Run), Some(_)) => skip_mine || open[other_at + 1],
                    (Some(_), Some(Token::Run)) => behind[other_at],
                    (Some(mine), Some(theirs)) => mine.meets(*theirs) && behind[other_at + 1],
                    _ => skip_mine,
                };
            }
        }
        open[0]
    }

    /// True if the tokens of this pattern can take all of `rest`, a token that is not exact only by one at least as
    /// wide.
    fn consumes(&self, mut rest: impl Iterator<Item = Token> + Clone) -> bool {
        let mut at = 0;
        // Where to go on if the present attempt fails: behind the last `*`, with one more character given to it.
        let mut retry = None;
        loop {
            match self.tokens.get(at) {
                Some(Token::Run) => {
                    at += 1;
                    retry = Some((at, rest.clone()));
                    continue;
                }
                None if rest.clone().next().is_none() => return true,
                Some(token) if rest.clone().next().is_some_and(|next| token.accepts(next)) => {
                    rest.next();
                    at += 1;
                    continue;
                }
                _ => {}
            }
            let Some((behind, given)) = retry.as_mut() else { return false };
            if given.next().is_none() {
                return false;
            }
            at = *behind;
            rest = given.clone();
        }
    }
}

impl Token {
    fn character(self) -> Option<char> {
        match self {
            Self::Exactly(character) => Some(character),
            Self::Run | Self::One => None,
        }
    }

    /// True if whatever `other` stands for is one character that this token stands for. Runs are taken by runs alone.
    fn accepts(self, other: Self) -> bool {
        match (self, other) {
            (Self::One, Self::One | Self::Exactly(_)) => true,
            (Self::Exactly(wanted), Self::Exactly(character)) => wanted == character,
            _ => false,
        }
    }

    /// True if two tokens for one character can stand for the same.
    fn meets(self, other: Self) -> bool {
        match (self, other) {
            (Self::Exactly(one), Self::Exactly(another)) => one == another,
            _ => true,
        }
    }
}

impl<'de> Deserialize<'de> for Glob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, name: &str) -> bool {
        Glob::new(pattern).unwrap().matches(name)
    }

    #[test]
    fn patterns_stand_for_whole_names() {
        assert!(matches("tools/*", "tools/call"));
        assert!(matches("*", ""));
        assert!(matches("a*b*c", "a--b--b--c"));
        assert!(matches("file:///notes/*.md", "file:///notes/2026/may.md"));
        assert!(matches("v?", "vß"));
        assert!(matches(r"a\*", "a*"));
        assert!(matches(r"a\?b\\", r"a?b\"));
        assert!(!matches("tools", "tools/call"));
        assert!(!matches("tools/*", "mytools/call"));
        assert!(!matches("v?", "v"));
        assert!(!matches(r"a\*", "ab"));
        assert!(!matches("Read", "read"));
    }

    #[test]
    fn patterns_have_plain_ends() {
        let ends = |pattern: &str| {
            let glob = Glob::new(pattern).unwrap();
            (glob.as_literal(), glob.literal_start(), glob.literal_end())
        };
        let texts = |start: &str, end: &str| (None, start.to_owned(), end.to_owned());
        assert_eq!(ends(r"a\*"), (Some("a*".to_owned()), "a*".to_owned(), "a*".to_owned()));
        assert_eq!(ends("ab*c?d"), texts("ab", "d"));
        assert_eq!(ends("*"), texts("", ""));
    }

    #[test]
    fn bad_patterns_say_why() {
        assert!(Glob::new("").unwrap_err().contains("empty pattern"));
        assert!(Glob::new(r"a\").unwrap_err().contains("ends in"));
    }

    #[test]
    fn a_hostile_pattern_ends_in_time() {
        let pattern = "*a".repeat(200) + "b";
        assert!(!matches(&pattern, &"a".repeat(10_000)));
    }

    /// The definition of a match, exponential and plainly right.
    fn plainly(tokens: &[Token], name: &[char]) -> bool {
        match (tokens.split_first(), name.split_first()) {
            (None, None) => true,
            (Some((Token::Run, rest)), _) if plainly(rest, name) => true,
            (Some((Token::Run, _)), Some((_, after))) => plainly(tokens, after),
            (Some((Token::One, rest)), Some((_, after))) => plainly(rest, after),
            (Some((Token::Exactly(wanted), rest)), Some((first, after))) => wanted == first && plainly(rest, after),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(pattern in r"[ab*?ä]{1,8}", name in "[abä]{0,10}") {
            let glob = Glob::new(&pattern).unwrap();
            let characters: Vec<char> = name.chars().collect();
            prop_assert_eq!(glob.matches(&name), plainly(&glob.tokens, &characters));
        }

        #[test]
        fn an_escaped_name_matches_itself_only(name in ".{1,12}", other in ".{0,12}") {
            let escaped: String = name.chars().flat_map(|character| ['\\', character]).collect();
            let glob = Glob::new(&escaped).unwrap();
            prop_assert_eq!(&Glob::new(Glob::literal(&name).as_str()).unwrap(), &Glob::literal(&name));
            prop_assert!(glob.matches(&name));
            prop_assert_eq!(glob.matches(&other), other == name);
        }

        #[test]
        fn patterns_overlap_where_they_share_a_name(
            one in "[ab*?]{1,5}",
            other in "[ab*?]{1,5}",
            names in prop::collection::vec("[ab]{0,6}", 40),
        ) {
            let (one, other) = (Glob::new(&one).unwrap(), Glob::new(&other).unwrap());
            let shared = names.iter().any(|name| one.matches(name) && other.matches(name));
            prop_assert!(one.overlaps(&other) || !shared);
            prop_assert_eq!(one.overlaps(&other), other.overlaps(&one));
            if one.covers(&other) {
                prop_assert!(one.overlaps(&other));
                prop_assert!(names.iter().all(|name| one.matches(name) || !other.matches(name)));
            }
        }

        #[test]
        fn a_plain_name_overlaps_what_matches_it(pattern in "[ab*?]{1,6}", name in "[ab]{1,8}") {
            let (pattern, plain) = (Glob::new(&pattern).unwrap(), Glob::new(&name).unwrap());
            prop_assert_eq!(pattern.overlaps(&plain), pattern.matches(&name));
            prop_assert_eq!(pattern.covers(&plain), pattern.matches(&name));
        }

        #[test]
        fn any_text_is_a_pattern_or_an_error(pattern in ".{0,40}", name in ".{0,40}") {
            if let Ok(glob) = Glob::new(&pattern) {
                glob.matches(&name);
            }
        }
    }
}
