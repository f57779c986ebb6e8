//! Masks: which parts of a call a stage may read or edit.
//!
//! A pattern names a part and everything below it: `/params/arguments/path`, `/result/content/*`, `header:user-agent`. `*` is
//! any one member or element. Tokens are compared as they are written: an RFC 6901 pointer has one spelling only.

use std::fmt;
use std::str::FromStr;

/// Which parts of a call a stage may read or edit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mask {
    call: Vec<Path>,
    reply: Vec<Path>,
    headers: Vec<Header>,
}

/// One line of a mask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(Part);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Call(Path),
    Reply(Path),
    Header(Header),
}

/// The way to a value and to all below it; empty for the whole document.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Path(Vec<Token>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Any,
    Named(Box<str>),
}

/// A header's name in lower case, or how it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Header {
    text: Box<str>,
    begins: bool,
}

impl Mask {
    /// True if a pointer into the call's `params` lies within the mask.
    pub fn covers_call(&self, pointer: &str) -> bool {
        self.call.iter().any(|path| path.covers(pointer))
    }

    /// True if a pointer into the reply's `result` or `error` lies within the mask.
    pub fn covers_reply(&self, pointer: &str) -> bool {
        self.reply.iter().any(|path| path.covers(pointer))
    }

    /// True if a header, in lower case, lies within the mask.
    pub fn covers_header(&self, name: &str) -> bool {
        self.headers.iter().any(|header| header.covers(name))
    }

    /// What lies within both masks.
    pub fn meet(&self, other: &Self) -> Self {
        Self {
            call: pairs(&self.call, &other.call, Path::meet),
            reply: pairs(&self.reply, &other.reply, Path::meet),
            headers: pairs(&self.headers, &other.headers, Header::meet),
        }
    }

    /// The lines of this mask that do not lie within another.
    pub fn beyond(&self, other: &Self) -> Vec<Pattern> {
        let within = |line: &Pattern| match &line.0 {
            Part::Call(path) => other.call.iter().any(|wider| wider.holds(path)),
            Part::Reply(path) => other.reply.iter().any(|wider| wider.holds(path)),
            Part::Header(header) => other.headers.iter().any(|wider| wider.holds(header)),
        };
        self.lines().filter(|line| !within(line)).collect()
    }

    /// Its lines.
    pub fn lines(&self) -> impl Iterator<Item = Pattern> {
        let call = self.call.iter().cloned().map(Part::Call);
        let reply = self.reply.iter().cloned().map(Part::Reply);
        call.chain(reply).chain(self.headers.iter().cloned().map(Part::Header)).map(Pattern)
    }
}

impl FromIterator<Pattern> for Mask {
    fn from_iter<I: IntoIterator<Item = Pattern>>(patterns: I) -> Self {
        let mut mask = Self::default();
        for Pattern(part) in patterns {
            match part {
                Part::Call(path) => mask.call.push(path),
                Part::Reply(path) => mask.reply.push(path),
                Part::Header(header) => mask.headers.push(header),
            }
        }
        mask
    }
}

impl fmt::Display for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.lines().map(|line| line.to_string()).collect();
        if lines.is_empty() { f.write_str("nothing") } else { f.write_str(&lines.join(" ")) }
    }
}

impl FromStr for Pattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(name) = text.strip_prefix("header:") {
            return Header::parse(name).map(|header| Self(Part::Header(header)));
        }
        for (start, part) in [("/params", Part::Call as fn(Path) -> Part), ("/result", Part::Reply)] {
            if let Some(pointer) = text.strip_prefix(start).filter(|rest| rest.is_empty() || rest.starts_with('/')) {
                return Path::parse(pointer).map(|path| Self(part(path)));
            }
        }
        Err("begins with none of `/params`, `/result` and `header:`".to_owned())
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Part::Call(path) => write!(f, "/params{path}"),
            Part::Reply(path) => write!(f, "/result{path}"),
            Part::Header(Header { text, begins }) => write!(f, "header:{text}{}", if *begins { "*" } else { "" }),
        }
    }
}

impl Path {
    fn parse(pointer: &str) -> Result<Self, String> {
        let token = |token: &str| {
            let escapes = token.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
            match token {
                "*" => Ok(Token::Any),
                token if !escapes => {
                    Err(format!("has `{token}`, where `~` is written `~0` and `/` inside a name `~1`"))
                }
                token if token.contains('*') => {
                    Err(format!("has `{token}`: `*` stands for a whole member, not for a part of its name"))
                }
                token => Ok(Token::Named(token.into())),
            }
        };
        pointer.split('/').skip(1).map(token).collect::<Result<_, _>>().map(Self)
    }

    /// One prefix check, byte by byte: it stands before every read.
    fn covers(&self, pointer: &str) -> bool {
        let mut rest = pointer.as_bytes();
        self.0.iter().all(|token| {
            let Some(after) = rest.strip_prefix(b"/") else { return false };
            let left = match token {
                Token::Any => {
                    after.iter().position(|byte| *byte == b'/').map_or(&after[after.len()..], |end| &after[end..])
                }
                Token::Named(name) => match after.strip_prefix(name.as_bytes()) {
                    Some(left) if matches!(left, [] | [b'/', ..]) => left,
                    _ => return false,
                },
            };
            rest = left;
            true
        })
    }

    /// True if everything that another path covers is covered by this one.
    fn holds(&self, other: &Self) -> bool {
        let fits = |(mine, theirs): (&Token, &Token)| *mine == Token::Any || mine == theirs;
        self.0.len() <= other.0.len() && self.0.iter().zip(&other.0).all(fits)
    }

    fn meet(&self, other: &Self) -> Option<Self> {
        let (long, short) = if self.0.len() >= other.0.len() { (self, other) } else { (other, self) };
        let mut tokens = long.0.clone();
        for (token, narrower) in tokens.iter_mut().zip(&short.0) {
            match (&*token, narrower) {
                (Token::Any, _) => *token = narrower.clone(),
                (_, Token::Any) => {}
                (one, other) if one == other => {}
                _ => return None,
            }
        }
        Some(Self(tokens))
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|token| match token {
            Token::Any => f.write_str("/*"),
            Token::Named(name) => write!(f, "/{name}"),
        })
    }
}

impl Header {
    fn parse(name: &str) -> Result<Self, String> {
        let (text, begins) = name.strip_suffix('*').map_or((name, false), |text| (text, true));
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'+-.^_`|~".contains(&byte);
        if !text.bytes().all(fits) || (text.is_empty() && !begins) {
            return Err(format!("has `{name}`, which is not the name of a header"));
        }
        Ok(Self { text: text.to_ascii_lowercase().into(), begins })
    }

    fn covers(&self, name: &str) -> bool {
        if self.begins { name.starts_with(&*self.text) } else { *self.text == *name }
    }

    fn holds(&self, other: &Self) -> bool {
        self.covers(&other.text) && (self.begins || !other.begins)
    }

    fn meet(&self, other: &Self) -> Option<Self> {
        match (self.holds(other), other.holds(self)) {
            (true, _) => Some(other.clone()),
            (_, true) => Some(self.clone()),
            _ => None,
        }
    }
}

fn pairs<T: PartialEq>(ones: &[T], others: &[T], meet: fn(&T, &T) -> Option<T>) -> Vec<T> {
    let mut found = Vec::new();
    for one in ones {
        for both in others.iter().filter_map(|other| meet(one, other)) {
            if !found.contains(&both) {
                found.push(both);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mask(lines: &[&str]) -> Mask {
        lines.iter().map(|line| line.parse::<Pattern>().unwrap()).collect()
    }

    #[test]
    fn a_pattern_covers_itself_and_what_is_below_and_nothing_beside() {
        let mask = mask(&["/params/arguments/a~1b", "/params/arguments/list/*/name", "header:X-Acme-*", "/result"]);
        for inside in ["/arguments/a~1b", "/arguments/a~1b/c", "/arguments/list/0/name", "/arguments/list/-/name/x"] {
            assert!(mask.covers_call(inside), "{inside}");
        }
        for outside in
            ["", "/arguments", "/arguments/a", "/arguments/a~1bc", "/arguments/list/0", "/arguments/list//nam"]
        {
            assert!(!mask.covers_call(outside), "{outside}");
        }
        assert!(mask.covers_reply("") && mask.covers_reply("/content/0"));
        assert!(mask.covers_header("x-acme-team") && !mask.covers_header("x-acm"));
    }

    #[test]
    fn what_is_no_pattern_is_said_to_be_none() {
        for (text, word) in [
            ("/arguments", "begins with none"),
            ("/paramsx", "begins with none"),
            ("/params/a~b", "`~0`"),
            ("/params/a*", "whole member"),
            ("header:", "not the name"),
            ("header:a b", "not the name"),
        ] {
            let fault = text.parse::<Pattern>().unwrap_err();
            assert!(fault.contains(word), "{text}: {fault}");
        }
    }

    #[test]
    fn what_lies_beyond_is_told_by_line() {
        let wide = mask(&["/params/arguments", "header:*"]);
        assert_eq!(mask(&["/params/arguments/*/x", "header:via"]).beyond(&wide), []);
        let beyond = mask(&["/params", "/result/content", "header:via"]).beyond(&wide);
        assert_eq!(beyond.iter().map(ToString::to_string).collect::<Vec<_>>(), ["/params", "/result/content"]);
    }

    fn token() -> impl Strategy<Value = &'static str> {
        prop::sample::select(vec!["a", "b", "*", "0", "~1", ""])
    }

    fn lines() -> impl Strategy<Value = Mask> {
        let path = prop::collection::vec(token(), 0..4);
        let line = (prop::bool::ANY, path).prop_map(|(reply, path)| {
            let start = if reply { "/result" } else { "/params" };
            let line = path.iter().fold(start.to_owned(), |line, token| format!("{line}/{token}"));
            line.parse::<Pattern>().unwrap()
        });
        let header = prop::sample::select(vec!["header:a", "header:ab", "header:a*", "header:*"]);
        let header = header.prop_map(|line| line.parse::<Pattern>().unwrap());
        prop::collection::vec(prop_oneof![line, header], 0..4).prop_map(|lines| lines.into_iter().collect())
    }

    fn pointer() -> impl Strategy<Value = String> {
        let token = prop::sample::select(vec!["a", "b", "c", "0", "~1", "", "-"]);
        prop::collection::vec(token, 0..5)
            .prop_map(|tokens| tokens.iter().fold(String::new(), |pointer, token| format!("{pointer}/{token}")))
    }

    proptest! {
        #[test]
        fn the_meet_covers_what_both_cover(one in lines(), other in lines(), pointer in pointer()) {
            let both = one.meet(&other);
            prop_assert_eq!(both.covers_call(&pointer), one.covers_call(&pointer) && other.covers_call(&pointer));
            prop_assert_eq!(both.covers_reply(&pointer), one.covers_reply(&pointer) && other.covers_reply(&pointer));
            for name in ["a", "ab", "abc", "b"] {
                prop_assert_eq!(both.covers_header(name), one.covers_header(name) && other.covers_header(name));
            }
        }

        #[test]
        fn what_is_not_beyond_is_covered(one in lines(), other in lines(), pointer in pointer()) {
            if one.beyond(&other).is_empty() && one.covers_call(&pointer) {
                prop_assert!(other.covers_call(&pointer));
            }
        }

        #[test]
        fn what_is_covered_is_covered_with_all_below(mask in lines(), pointer in pointer(), below in pointer()) {
            if mask.covers_call(&pointer) {
                let below = format!("{pointer}{below}");
                prop_assert!(mask.covers_call(&below));
            }
        }

        #[test]
        fn lines_are_read_as_they_are_shown(mask in lines()) {
            let again: Mask = mask.lines().map(|line| line.to_string().parse::<Pattern>().unwrap()).collect();
            prop_assert_eq!(again, mask);
        }

        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = text.parse::<Pattern>();
        }
    }
}
