//! What is wrong with a manifest: problems with a place in the text, shown to people or given to programs.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde_json::{Value, json};

use crate::Source;

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Bytes of the source that are meant.
    pub span: Range<usize>,
    /// What is wrong, in one line.
    pub message: String,
    /// A few words beside the underlined text.
    pub label: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Problem {
    /// A problem without help.
    pub fn new(span: Range<usize>, message: impl Into<String>, label: impl Into<String>) -> Self {
        Self { span, message: message.into(), label: label.into(), help: None }
    }

    /// The same problem, saying what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// Every problem of one manifest, in the order of the text once it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The problems.
    pub problems: Vec<Problem>,
}

impl Report {
    /// Adds a problem.
    pub fn push(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// True if nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    /// The report for people: file, line and column, the text underlined, what to do. Ends in a line break.
    pub fn render(&self, source: &Source, color: bool) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let mut out = String::new();
        for problem in &self.problems {
            let snippet = Snippet::source(&*source.text)
                .path(&*source.name)
                .annotation(AnnotationKind::Primary.span(source.clamp(&problem.span)).label(&*problem.label));
            let group = Level::ERROR.primary_title(&*problem.message).element(snippet);
            let group = group.elements(problem.help.iter().map(|help| Level::HELP.message(&**help)));
            out.push_str(&renderer.render(&[group]));
            out.push_str("\n\n");
        }
        out.truncate(out.trim_end().len());
        out.push('\n');
        out
    }

    /// The report for programs: an array with file, line, column (both from 1), byte span, message, label and help.
    pub fn to_json(&self, source: &Source) -> Value {
        let entry = |problem: &Problem| {
            let span = source.clamp(&problem.span);
            let (line, column) = source.position(span.start);
            json!({
                "file": source.name,
                "line": line,
                "column": column,
                "span": [span.start, span.end],
                "message": problem.message,
                "label": problem.label,
                "help": problem.help,
            })
        };
        self.problems.iter().map(entry).collect()
    }

    /// Puts the problems in the order of the text, each once and within the text.
    pub(crate) fn settle(&mut self, source: &Source) {
        for problem in &mut self.problems {
            problem.span = source.clamp(&problem.span);
        }
        self.problems.sort_by_key(|problem| (problem.span.start, problem.span.end));
        self.problems.dedup();
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{}", problem.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for Report {}
