//! A file of questions and what must come of each.

use std::path::Path;

use serde::Deserialize;

use super::{Judgement, Judges, Question};
use crate::Failure;
use crate::rights::question::{Asked, Asker};

/// What a row may expect.
const VERDICTS: [&str; 7] =
    ["allowed", "unauthenticated", "forbidden", "insufficient-scope", "unknown", "limited", "invalid"];

/// The rows of a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    row: Vec<Row>,
}

/// One row.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    /// What it shows.
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    subject: Asker,
    #[serde(default)]
    call: Asked,
    /// `allowed`, or the kind of refusal.
    expect: String,
    /// The rule that decides.
    #[serde(default)]
    rule: Option<String>,
    /// Whether what is called is in lists.
    #[serde(default)]
    shown: Option<bool>,
}

/// Reads a file; a mistake is told with its line.
pub(super) fn read(file: &Path) -> Result<Table, Failure> {
    let at = |error: &dyn std::fmt::Display| Failure::usage(format!("{}: {error}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| at(&error))?;
    let table: Table = toml::from_str(&text).map_err(|error| at(&error))?;
    if table.row.is_empty() {
        return Err(at(&"holds no `[[row]]`, so it shows nothing"));
    }
    match table.row.iter().find(|row| !VERDICTS.contains(&row.expect.as_str())) {
        Some(row) => Err(at(&format!("`expect = \"{}\"` is none of {}", row.expect, VERDICTS.join(", ")))),
        None => Ok(table),
    }
}

/// Asks every row; the text tells of those that come out otherwise, and how many they are.
pub(super) async fn compare(table: &Table, judges: &Judges) -> Result<(String, usize), Failure> {
    let (mut text, mut wrong) = (String::new(), 0);
    for (at, row) in table.row.iter().enumerate() {
        let question = Question { subject: row.subject.clone(), call: row.call.clone() };
        let differences = row.differences(&judges.judge(&question).await?);
        if !differences.is_empty() {
            wrong += 1;
            let name = row.name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
            text.push_str(&format!("row {}{name}: {question}\n{differences}", at + 1));
        }
    }
    let rows = table.row.len();
    text.push_str(&format!("{rows} rows, {} hold\n", rows - wrong));
    Ok((text, wrong))
}

impl Row {
    fn differences(&self, found: &Judgement) -> String {
        let mut text = String::new();
        let rule = found.opinions.last().and_then(|last| last.rule.as_deref());
        if self.expect != found.verdict || self.rule.as_deref().is_some_and(|wanted| rule != Some(wanted)) {
            let by = self.rule.as_ref().map(|rule| format!(" by {rule}")).unwrap_or_default();
            text.push_str(&format!("  expected {}{by}\n", self.expect));
            found.opinions.iter().for_each(|opinion| text.push_str(&format!("  got {}\n", opinion.words())));
        }
        if let Some(wanted) = self.shown.filter(|wanted| found.shown != Some(*wanted)) {
            let words = |shown| match shown {
                Some(true) => "shown in lists",
                Some(false) => "hidden from lists",
                None => "in no list",
            };
            text.push_str(&format!("  expected it {}, it is {}\n", words(Some(wanted)), words(found.shown)));
        }
        text
    }
}
