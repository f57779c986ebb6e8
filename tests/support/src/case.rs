//! A case as a file: what it says, step by step. `tests/cases/README.md` describes the format.

mod compose;
mod section;

use std::path::Path;

pub(crate) use compose::{legacy, members, modern, modern_params, overridden};
use section::{Section, headers, sections};

/// A case that was read.
#[derive(Debug)]
pub struct Case {
    pub(crate) steps: Vec<Step>,
}

/// One section of a case.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) line: usize,
    pub(crate) action: Action,
}

/// What a section asks for. Texts are as they were written: names in them are filled in when the step is taken.
#[derive(Debug)]
pub(crate) enum Action {
    /// Nothing: it is for the page of features.
    Proves,
    Environment(Vec<(String, String)>),
    File {
        name: String,
        content: Content,
    },
    FakeServer {
        name: String,
        arguments: Vec<String>,
    },
    Manifest(String),
    Cardea(Vec<String>),
    Exit(i32),
    Output {
        stream: Stream,
        lines: Vec<String>,
    },
    Send(Message),
    Begin(Message),
    End,
    HangUp,
    Session {
        target: String,
        version: String,
        headers: Vec<(String, String)>,
    },
    Expect(Expected),
    AwaitFile {
        name: String,
        lines: Vec<String>,
    },
    Stop,
    Journal(String),
    Log(Vec<String>),
    Nowhere(Vec<String>),
}

/// What a file holds.
#[derive(Debug)]
pub(crate) enum Content {
    Text(String),
    Bytes(Vec<u8>),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Stream {
    Out,
    Err,
}

/// A message to send.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) form: Form,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

/// Who writes out what a message leaves unsaid.
#[derive(Debug)]
pub(crate) enum Form {
    /// Nobody: it is HTTP as it stands.
    Raw {
        method: String,
        target: String,
    },
    Modern {
        method: String,
        target: String,
    },
    Legacy {
        method: String,
        target: String,
    },
    Admin {
        method: String,
        target: String,
    },
}

/// What the last reply must be.
#[derive(Debug)]
pub(crate) struct Expected {
    pub(crate) what: What,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

#[derive(Debug)]
pub(crate) enum What {
    Reply { status: u16 },
    Bytes { status: u16 },
    Result,
    Error { status: u16, code: i64 },
    Events,
}

/// Why a file is no case.
#[derive(Debug)]
pub struct Mistake {
    /// Line, from 1.
    pub line: usize,
    /// What is wrong.
    pub what: String,
}

impl Mistake {
    pub(crate) fn new(line: usize, what: impl Into<String>) -> Self {
        Self { line, what: what.into() }
    }
}

impl Case {
    /// Reads a case from its file.
    pub fn read(file: &Path) -> Result<Self, Mistake> {
        let text =
            std::fs::read_to_string(file).map_err(|error| Mistake::new(1, format!("cannot be read: {error}")))?;
        Self::parse(&text)
    }

    fn parse(text: &str) -> Result<Self, Mistake> {
        let mut steps = Vec::new();
        for section in sections(text)? {
            let action = action(&section).map_err(|what| Mistake::new(section.line, what))?;
            steps.push(Step { line: section.line, action });
        }
        judged(&steps)?;
        Ok(Self { steps })
    }
}

/// A request nobody expects anything of, and a case that expects nothing at all, prove nothing.
fn judged(steps: &[Step]) -> Result<(), Mistake> {
    for (index, step) in steps.iter().enumerate() {
        let next = steps.get(index + 1).map(|next| &next.action);
        let (must, what) = match step.action {
            Action::Send(_) | Action::End => (matches!(next, Some(Action::Expect(_))), "a reply"),
            Action::Cardea(_) => (matches!(next, Some(Action::Exit(_))), "an exit code"),
            _ => continue,
        };
        if !must {
            return Err(Mistake::new(step.line, format!("{what} must be expected in the next section")));
        }
    }
    let proves = |step: &Step| {
        matches!(step.action, Action::Expect(_) | Action::Exit(_) | Action::Journal(_) | Action::Nowhere(_))
    };
    if steps.iter().any(proves) { Ok(()) } else { Err(Mistake::new(1, "this case expects nothing")) }
}

fn action(section: &Section<'_>) -> Result<Action, String> {
    let words: Vec<&str> = section.title.split_whitespace().collect();
    let body = || section.body.clone();
    Ok(match words.as_slice() {
        ["proves"] => Action::Proves,
        ["env"] => Action::Environment(variables(&section.body)?),
        ["file", name] => Action::File { name: (*name).to_owned(), content: Content::Text(body()) },
        ["file", name, "hex"] => {
            Action::File { name: (*name).to_owned(), content: Content::Bytes(hex(&section.body)?) }
        }
        ["server", name, arguments @ ..] => {
            Action::FakeServer { name: (*name).to_owned(), arguments: owned(arguments) }
        }
        ["manifest"] => Action::Manifest(body()),
        ["cardea", arguments @ ..] => Action::Cardea(owned(arguments)),
        ["exit", code] => Action::Exit(number(code)?),
        ["stdout"] => Action::Output { stream: Stream::Out, lines: lines(&section.body)? },
        ["stderr"] => Action::Output { stream: Stream::Err, lines: lines(&section.body)? },
        ["begin", form @ ..] => Action::Begin(message(form, &section.body)?),
        ["end"] => Action::End,
        ["hang", "up"] => Action::HangUp,
        ["session", rest @ ..] => {
            let (place, version) = match rest {
                [] => (None, "2025-11-25"),
                [place] => (Some(*place), "2025-11-25"),
                [place, version] => (Some(*place), *version),
                _ => return Err("written `--- session [SERVER [VERSION]]`".to_owned()),
            };
            Action::Session { target: target(place), version: version.to_owned(), headers: headers(&section.body).0 }
        }
        ["reply", status] => expected(What::Reply { status: number(status)? }, &section.body),
        ["reply", status, "bytes"] => expected(What::Bytes { status: number(status)? }, &section.body),
        ["result"] => expected(What::Result, &section.body),
        ["error", status, code] => {
            expected(What::Error { status: number(status)?, code: number(code)? }, &section.body)
        }
        ["events"] => expected(What::Events, &section.body),
        ["await", "file", name] => Action::AwaitFile { name: (*name).to_owned(), lines: lines(&section.body)? },
        ["stop"] => Action::Stop,
        ["journal"] => Action::Journal(body()),
        ["log"] => Action::Log(lines(&section.body)?),
        ["nowhere"] => Action::Nowhere(lines(&section.body)?),
        form => Action::Send(message(form, &section.body)?),
    })
}

fn message(words: &[&str], body: &str) -> Result<Message, String> {
    let (form, body) = match words {
        ["request"] => {
            let (first, rest) = body.split_once('\n').unwrap_or((body, ""));
            let (method, target) = first.split_once(' ').ok_or("a request begins with a line such as `POST /mcp`")?;
            (Form::Raw { method: method.to_owned(), target: target.trim().to_owned() }, rest)
        }
        ["modern", method, place @ ..] if place.len() < 2 => {
            (Form::Modern { method: (*method).to_owned(), target: target(place.first().copied()) }, body)
        }
        ["legacy", method, place @ ..] if place.len() < 2 => {
            (Form::Legacy { method: (*method).to_owned(), target: target(place.first().copied()) }, body)
        }
        ["admin", method, target] => (Form::Admin { method: (*method).to_owned(), target: (*target).to_owned() }, body),
        _ => return Err(format!("no section is called `{}`; see tests/cases/README.md", words.join(" "))),
    };
    let (headers, body) = headers(body);
    Ok(Message { form, headers, body })
}

fn expected(what: What, body: &str) -> Action {
    let (headers, body) = headers(body);
    Action::Expect(Expected { what, headers, body })
}

/// A path, or the endpoint of a server, or that of all.
fn target(place: Option<&str>) -> String {
    match place {
        None => "/mcp".to_owned(),
        Some(path) if path.starts_with('/') => path.to_owned(),
        Some(server) => format!("/servers/{server}/mcp"),
    }
}

fn lines(body: &str) -> Result<Vec<String>, String> {
    let lines: Vec<String> = body.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect();
    if lines.is_empty() { Err("at least one line must stand here".to_owned()) } else { Ok(lines) }
}

fn variables(body: &str) -> Result<Vec<(String, String)>, String> {
    let variable = |line: &str| {
        let (name, value) = line.split_once('=').ok_or_else(|| format!("`{line}` is not written NAME=value"))?;
        Ok((name.to_owned(), value.to_owned()))
    };
    body.lines().map(variable).collect()
}

fn hex(body: &str) -> Result<Vec<u8>, String> {
    body.split_whitespace()
        .map(|byte| u8::from_str_radix(byte, 16).map_err(|error| format!("`{byte}`: {error}")))
        .collect()
}

fn number<T: std::str::FromStr>(word: &str) -> Result<T, String> {
    word.parse().map_err(|_| format!("`{word}` is not a number that may stand here"))
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_case_is_read_into_its_steps() {
        let text = "About.\n--- manifest\nopen = \"x\"\n--- modern tools/call notes\nX-A: 1\n{\"name\": \"echo\"}\n--- result\n{}\n";
        let case = Case::parse(text).unwrap();
        assert_eq!(case.steps.len(), 3);
        let Action::Send(message) = &case.steps[1].action else { panic!("{:?}", case.steps[1]) };
        assert!(matches!(&message.form, Form::Modern { target, .. } if target == "/servers/notes/mcp"));
        assert_eq!(message.headers, [("X-A".to_owned(), "1".to_owned())]);
        assert_eq!(message.body, "{\"name\": \"echo\"}");
    }

    #[test]
    fn what_proves_nothing_is_no_case() {
        for (text, what) in [
            ("About.\n--- manifest\n", "expects nothing"),
            ("About.\n--- modern tools/list\n--- stop\n--- exit 0\n", "must be expected"),
            ("About.\n--- cardea check\n", "must be expected"),
            ("About.\n--- nonsense\n--- exit 0\n", "no section"),
            ("About.\n--- exit x\n", "not a number"),
            ("--- exit 0\n", "begins with a sentence"),
        ] {
            let mistake = Case::parse(text).unwrap_err();
            assert!(mistake.what.contains(what), "{text}: {}", mistake.what);
        }
    }
}
