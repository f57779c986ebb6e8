//! Whatever the text, reading it ends in a plan or in a report whose every place lies in the text.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io;
use std::path::Path;

use cardea_config::{Source, World, read};
use proptest::prelude::*;

struct Nothing;

impl World for Nothing {
    fn env(&self, name: &str) -> Option<String> {
        (name == "SET").then(|| "value".into())
    }

    fn file(&self, _: &Path) -> io::Result<String> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn base(&self) -> &Path {
        Path::new("/")
    }
}

fn check(text: &str) -> Result<(), TestCaseError> {
    let source = Source::new("any.toml", text);
    let Err(report) = read(&source, &Nothing) else {
        return Ok(());
    };
    prop_assert!(!report.is_empty(), "refused without a reason");
    for problem in &report.problems {
        prop_assert!(text.get(problem.span.clone()).is_some(), "{problem:?} is not in the text");
        prop_assert!(!problem.message.is_empty() && !problem.label.is_empty());
    }
    prop_assert!(report.render(&source, false).contains("error: "));
    prop_assert!(report.render(&source, true).contains("error"));
    prop_assert_eq!(report.to_json(&source).as_array().map(Vec::len), Some(report.problems.len()));
    Ok(())
}

const HEADERS: &[&str] = &[
    "[listen]",
    "[listen.tls]",
    "[listen.limits]",
    "[admin]",
    "[log]",
    "[[server]]",
    "[server.env]",
    "[server.headers]",
    "[[server.endpoint]]",
    "[[stage]]",
    "[stage.match]",
    "[stage.grant]",
    "[stage.grant.secret]",
    "[stage.config]",
    "[stage]",
    "[ünknown]",
    "[",
    "",
];
const KEYS: &[&str] = &[
    "open",
    "address",
    "public-url",
    "allowed-hosts",
    "allowed-origins",
    "token",
    "level",
    "name",
    "command",
    "url",
    "cwd",
    "env",
    "headers",
    "call-timeout",
    "max-call-timeout",
    "max-children",
    "weight",
    "plugin",
    "config",
    "match",
    "servers",
    "endpoints",
    "memory",
    "cpu-budget",
    "wall-budget",
    "max-body-bytes",
    "grant.kv",
    "grant.http",
    "grant.secret.values",
    "grant.read",
    "private-addresses",
    "schlüssel",
    "\"\"",
];
const VALUES: &[&str] = &[
    "true",
    "0",
    "-1",
    "1e400",
    "nan",
    "99999999999999999999",
    "0xff",
    "1979-05-27",
    "[]",
    "{}",
    "\"\"",
    "\"größe\"",
    "\"${SET}\"",
    "\"${UNSET}\"",
    "\"a ${\"",
    "\"\\u0024{SET}\"",
    "\"file:x\"",
    "\"127.0.0.1:0\"",
    "\"off\"",
    "\"5m\"",
    "\"4MiB\"",
    "\"http://é\"",
    "\"https://example.com\"",
    "\"*\"",
    "[\"git\", 3]",
    "[[1], {a = \"${SET}\"}]",
    "{ é = 1 }",
    "{ \"Mcp-Ü\" = \"x\" }",
    "\"./ü.wasm\"",
    "\"api-key\"",
    "'''\n${\n'''",
    "\"",
];

fn line() -> impl Strategy<Value = String> {
    let pick = prop::sample::select;
    prop_oneof![
        1 => pick(HEADERS).prop_map(String::from),
        4 => (pick(KEYS), pick(VALUES)).prop_map(|(key, value)| format!("{key} = {value}")),
    ]
}

proptest! {
    #[test]
    fn any_text(text in any::<String>()) {
        check(&text)?;
    }

    #[test]
    fn text_like_a_manifest(lines in prop::collection::vec(line(), 0..24), crlf in any::<bool>()) {
        check(&lines.join(if crlf { "\r\n" } else { "\n" }))?;
    }

    #[test]
    fn a_manifest_with_a_hole(from in any::<prop::sample::Index>(), length in 0_usize..40, patch in "\\PC{0,6}") {
        let mut text: Vec<char> = include_str!("cases/full.toml").chars().collect();
        let start = from.index(text.len());
        let end = (start + length).min(text.len());
        text.splice(start..end, patch.chars());
        check(&text.into_iter().collect::<String>())?;
    }
}
