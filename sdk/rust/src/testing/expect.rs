//! The part of a case that says what must come of it, and the comparison with what did.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::case::{Case, Json};
use super::document::Document;
use super::observed::{Observed, Outcome};
use super::partial::{
    Differences, ExpectedBucket, ExpectedChoice, ExpectedJournal, ExpectedRefusal, ExpectedSettle, ExpectedSubject,
};
use crate::{CallVerdict, Finding, ReplyVerdict};

/// What must come of a case. What is not said is not compared, but for edits.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Expect {
    /// `on-call`, `on-reply`: `"pass"`, `{ answer = … }`, `{ refuse = { … } }`.
    pub verdict: Option<Verdict>,
    /// `on-authenticate`: `"none"`, `{ subject = { … } }`, `{ refuse = { … } }`.
    pub finding: Option<ExpectedFinding>,
    /// `on-list`.
    pub keep: Option<Vec<bool>>,
    /// `on-route`.
    pub choice: Option<ExpectedChoice>,
    /// The hook does not return.
    pub trap: bool,
    /// `selftest` and `on-record` fail, and the text contains this.
    pub error: Option<String>,
    /// Edits of the document the hook may edit.
    pub edits: Option<Edits>,
    /// Every bucket asked of the limiter, in order.
    pub taken: Option<Vec<ExpectedBucket>>,
    /// Every settlement with the limiter, in order.
    pub settled: Option<Vec<ExpectedSettle>>,
    /// What the journal was told.
    pub journal: Option<ExpectedJournal>,
    /// The whole content of `kv` afterwards: key, text.
    pub kv_after: Option<BTreeMap<String, String>>,
    /// What the hook left in its own scratch: key, text.
    pub scratch: Option<BTreeMap<String, String>>,
    /// Each is part of a log line, which reads `level message key=value …`.
    pub logs: Vec<String>,
    /// Metrics: sums by name.
    pub metrics: Option<BTreeMap<String, f64>>,
}

/// An expected verdict.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Go on.
    Pass,
    /// This result; compared as a JSON value.
    Answer(Json),
    /// A refusal.
    Refuse(Box<ExpectedRefusal>),
}

/// An expected finding.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExpectedFinding {
    /// Not mine.
    None,
    /// A subject.
    Subject(Box<ExpectedSubject>),
    /// A refusal.
    Refuse(Box<ExpectedRefusal>),
}

/// What has become of a document. Checked on the document afterwards, not on the single edits.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Edits {
    /// Values by pointer; a TOML string is the JSON string.
    pub set: BTreeMap<String, Value>,
    /// Pointers where nothing is any more.
    pub remove: Vec<String>,
}

/// Compares; the error says, line by line, what was expected and what came instead.
pub fn compare(case: &Case, observed: &Observed) -> Result<(), String> {
    let mut differences = Differences::default();
    outcome(case, &observed.outcome, &mut differences);
    if !matches!(observed.outcome, Outcome::Init(Err(_)) | Outcome::Trap(_)) {
        effects(&case.expect, observed, &mut differences);
    }
    differences.into_result()
}

fn outcome(case: &Case, outcome: &Outcome, differences: &mut Differences) {
    let expect = &case.expect;
    match outcome {
        Outcome::Init(result) => differences.result("init", case.init_error.as_deref(), result),
        _ if case.init_error.is_some() => differences.unlike("init", &case.init_error, &"no error"),
        Outcome::Trap(why) if !expect.trap => differences.unlike("outcome", &"no trap", why),
        Outcome::Trap(_) => {}
        other if expect.trap => differences.unlike("outcome", &"a trap", other),
        Outcome::Selftest(result) => differences.result("selftest", expect.error.as_deref(), result),
        Outcome::Delivered(result) => differences.result("on-record", expect.error.as_deref(), result),
        Outcome::Keep(keep) => differences.equal("keep", expect.keep.as_ref(), keep),
        Outcome::Finding(finding) => {
            if let Some(expected) = &expect.finding {
                self::finding(expected, finding, differences);
            }
        }
        Outcome::Choice(choice) => {
            if let Some(expected) = &expect.choice {
                expected.compare(choice, differences);
            }
        }
        Outcome::Call(verdict) => match (&expect.verdict, verdict) {
            (None, _) | (Some(Verdict::Pass), CallVerdict::Pass) => {}
            (Some(Verdict::Answer(expected)), CallVerdict::Answer(got)) => differences.json("answer", expected, got),
            (Some(Verdict::Refuse(expected)), CallVerdict::Refuse(got)) => expected.compare(got, differences),
            (Some(expected), got) => differences.unlike("verdict", expected, got),
        },
        Outcome::Reply(verdict) => match (&expect.verdict, verdict) {
            (None, _) | (Some(Verdict::Pass), ReplyVerdict::Pass) => {}
            (Some(Verdict::Refuse(expected)), ReplyVerdict::Refuse(got)) => expected.compare(got, differences),
            (Some(expected), got) => differences.unlike("verdict", expected, got),
        },
    }
}

fn finding(expected: &ExpectedFinding, got: &Finding, differences: &mut Differences) {
    match (expected, got) {
        (ExpectedFinding::None, Finding::None) => {}
        (ExpectedFinding::Subject(expected), Finding::Subject(got)) => expected.compare(got, differences),
        (ExpectedFinding::Refuse(expected), Finding::Refuse(got)) => expected.compare(got, differences),
        (expected, got) => differences.unlike("finding", expected, got),
    }
}

fn effects(expect: &Expect, observed: &Observed, differences: &mut Differences) {
    let document = observed.params.as_ref().or(observed.reply.as_ref());
    match (&expect.edits, document) {
        (None, None) => {}
        (None, Some(edited)) => differences.unlike("edits", &"none", edited),
        (Some(expected), None) => differences.unlike("edits", expected, &"none"),
        (Some(expected), Some(edited)) => edits(expected, edited, differences),
    }
    buckets(expect, observed, differences);
    if let Some(journal) = &expect.journal {
        journal.compare(observed, differences);
    }
    differences.equal("kv", expect.kv_after.as_ref(), &texts(&observed.kv));
    differences.equal("scratch", expect.scratch.as_ref(), &texts(&observed.scratch));
    differences.equal("metrics", expect.metrics.as_ref(), &observed.metrics);
    for expected in &expect.logs {
        if !observed.logs.iter().any(|line| line.contains(expected)) {
            differences.unlike("logs", expected, &observed.logs);
        }
    }
}

fn edits(expected: &Edits, edited: &str, differences: &mut Differences) {
    let document = match Document::parse(edited) {
        Ok(document) => document,
        Err(error) => return differences.unlike("edits", &"JSON", &error),
    };
    for (pointer, value) in &expected.set {
        let got = document.at(pointer).map(|at| Json(at.to_string()).value());
        differences.equal(pointer, Some(&Some(value.clone())), &got);
    }
    for pointer in &expected.remove {
        if let Some(got) = document.at(pointer) {
            differences.unlike(pointer, &"nothing", &got.to_string());
        }
    }
}

fn buckets(expect: &Expect, observed: &Observed, differences: &mut Differences) {
    if let Some(expected) = &expect.taken {
        let resolved: Vec<_> = expected.iter().map(|bucket| bucket.resolve(&observed.subject_key)).collect();
        differences.equal("taken", Some(&resolved), &observed.taken);
    }
    if let Some(expected) = &expect.settled {
        let resolved: Vec<_> =
            expected.iter().map(|settle| (settle.bucket.resolve(&observed.subject_key), settle.delta)).collect();
        differences.equal("settled", Some(&resolved), &observed.settled);
    }
}

fn texts(values: &BTreeMap<String, Vec<u8>>) -> BTreeMap<String, String> {
    values.iter().map(|(key, value)| (key.clone(), String::from_utf8_lossy(value).into_owned())).collect()
}
