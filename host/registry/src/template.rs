//! URI templates (RFC 6570) read backwards: whether a URI is one that a template stands for.

use regex::{Regex, RegexBuilder, escape};

/// The largest template that is understood, as a text and as what is compiled from it.
const MAX_TEMPLATE: usize = 2048;
const MAX_COMPILED: usize = 1 << 20;

/// A template of one server.
#[derive(Debug)]
pub(crate) struct Template {
    pattern: Regex,
    /// How much of it is literal: of two templates that fit, the one that says more is meant.
    literal: usize,
}

impl Template {
    /// Reads a template; none if it is no good one.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_TEMPLATE {
            return None;
        }
        let (mut pattern, mut literal) = ("^".to_owned(), 0);
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (expression, behind) = after.split_once('}')?;
            literal += before.len();
            pattern.push_str(&escape(before));
            pattern.push_str(fitting(expression)?);
            rest = behind;
        }
        literal += rest.len();
        pattern.push_str(&escape(rest));
        pattern.push('$');
        let pattern = RegexBuilder::new(&pattern).size_limit(MAX_COMPILED).build().ok()?;
        Some(Self { pattern, literal })
    }

    /// How well a URI fits; none if it does not.
    pub(crate) fn fit(&self, uri: &str) -> Option<usize> {
        self.pattern.is_match(uri).then_some(self.literal)
    }
}

/// What the values of an expression can look like.
fn fitting(expression: &str) -> Option<&'static str> {
    let several = expression.contains([',', '*']);
    Some(match expression.chars().next()? {
        '+' => ".+",
        '#' => "(?:#.*)?",
        '.' => r"(?:\.[^/?#]*)?",
        '/' if several => "(?:/[^?#]*)?",
        '/' => "(?:/[^/?#]*)?",
        ';' => "(?:;[^/?#]*)?",
        '?' => r"(?:\?[^#]*)?",
        '&' => "(?:&[^#]*)?",
        _ => "[^/?#]+",
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_uri_fits_the_template_it_was_made_from() {
        for (template, uri, fits) in [
            ("fake://note/{number}", "fake://note/1", true),
            ("fake://note/{number}", "fake://note/", false),
            ("fake://note/{number}", "fake://note/1/2", false),
            ("test://template/{id}/data", "test://template/a%20b/data", true),
            ("test://template/{id}/data", "test://template/a/other", false),
            ("file:///{+path}", "file:///a/b/c", true),
            ("file://{/path*}", "file:///a/b", true),
            ("db://{table}{?limit,offset}", "db://rows?limit=1&offset=2", true),
            ("db://{table}{?limit,offset}", "db://rows", true),
            ("a.b://{x}", "aXb://1", false),
            ("plain://uri", "plain://uri", true),
        ] {
            assert_eq!(Template::parse(template).unwrap().fit(uri).is_some(), fits, "{template} {uri}");
        }
    }

    #[test]
    fn what_says_more_fits_better_and_what_is_broken_fits_nothing() {
        let fit = |template| Template::parse(template).unwrap().fit("a://b/c").unwrap();
        assert!(fit("a://b/{x}") > fit("a://{y}/{x}"));
        assert!(fit("a://{y}/{x}") > fit("{+all}"));
        assert!(Template::parse("a://{b").is_none() && Template::parse("a://{}").is_none());
        assert!(Template::parse(&"x".repeat(MAX_TEMPLATE + 1)).is_none());
    }
}
