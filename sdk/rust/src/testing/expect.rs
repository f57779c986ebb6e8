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
use crate::{Admission, CallVerdict, Decision, Finding, MessageVerdict, ReplyVerdict};

/// What must come of a case. What is not said is not compared, but for edits.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Expect {
    /// `on-call`, `on-message`, `on-reply`: `"pass"`, `"drop"`, `{ answer = … }`, `{ refuse = { … } }`.
    pub verdict: Option<Verdict>,
    /// `on-authenticate`: `"none"`, `{ subject = { … } }`, `{ refuse = { … } }`.
    pub finding: Option<ExpectedFinding>,
    /// `on-catalog`: one a definition.
    pub admissions: Option<Vec<ExpectedAdmission>>,
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
    /// Every condition the call passes under, in order.
    pub obligations: Option<Vec<ExpectedDuty>>,
    /// Ids of the conditions that the hook fulfils, in order.
    pub fulfilled: Option<Vec<u32>>,
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
    /// Do not deliver.
    Drop,
    /// This result; compared as a JSON value.
    Answer(Json),
    /// A refusal.
    Refuse(Box<ExpectedRefusal>),
}

/// An expected admission.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectedAdmission {
    /// `keep`, `hold` or `drop`.
    pub decision: String,
    /// Part of the reason.
    #[serde(default)]
    pub reason: Option<String>,
    /// Every edit: pointer, and the new value or none. Not compared if not given.
    #[serde(default)]
    pub edits: Option<Vec<(String, Option<Json>)>>,
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

/// A condition, in the words the plugin sets it in.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedDuty {
    /// What must be done.
    pub kind: String,
    /// Its parameters; compared as a JSON value.
    pub json: Json,
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
        Outcome::Admissions(got) => {
            let expected = expect.admissions.as_deref().unwrap_or_default();
            differences.equal("admissions", Some(&expected.len()), &got.len());
            expected.iter().zip(got).for_each(|(expected, got)| admission(expected, got, differences));
        }
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
        Outcome::Message(verdict) => match (&expect.verdict, verdict) {
            (None, _) | (Some(Verdict::Pass), MessageVerdict::Pass) | (Some(Verdict::Drop), MessageVerdict::Drop) => {}
            (Some(Verdict::Answer(expected)), MessageVerdict::Answer(got)) => differences.json("answer", expected, got),
            (Some(Verdict::Refuse(expected)), MessageVerdict::Refuse(got)) => expected.compare(got, differences),
            (Some(expected), got) => differences.unlike("verdict", expected, got),
        },
        Outcome::Reply(verdict) => match (&expect.verdict, verdict) {
            (None, _) | (Some(Verdict::Pass), ReplyVerdict::Pass) => {}
            (Some(Verdict::Refuse(expected)), ReplyVerdict::Refuse(got)) => expected.compare(got, differences),
            (Some(expected), got) => differences.unlike("verdict", expected, got),
        },
    }
}

fn admission(expected: &ExpectedAdmission, got: &Admission, differences: &mut Differences) {
    let word = match got.decision {
        Decision::Keep => "keep",
        Decision::Hold => "hold",
        Decision::Drop => "drop",
    };
    differences.equal("decision", Some(&expected.decision), &word.to_owned());
    differences.contains("reason", expected.reason.as_ref(), &got.reason);
    if let Some(edits) = &expected.edits {
        let text = |json: &Option<Json>| json.as_ref().map(|json| json.0.clone());
        let wanted: Vec<_> = edits.iter().map(|(pointer, json)| (pointer.clone(), text(json))).collect();
        let made: Vec<_> = got.edits.iter().map(|edit| (edit.pointer.clone(), edit.json.clone())).collect();
        differences.equal("edits", Some(&wanted), &made);
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
    duties(expect, observed, differences);
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

fn duties(expect: &Expect, observed: &Observed, differences: &mut Differences) {
    let value = |(kind, json): &(String, String)| (kind.clone(), Json(json.clone()).value());
    let set: Vec<_> = observed.conditions.iter().map(value).collect();
    let expected = expect.obligations.iter().flatten().map(|duty| (duty.kind.clone(), duty.json.value())).collect();
    // A condition that nobody expects changes what the client gets, as an edit does.
    differences.equal("obligations", Some(&expected), &set);
    differences.equal("fulfilled", expect.fulfilled.as_ref(), &observed.fulfilled);
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::super::case::parse;
    use super::*;
    use crate::Refusal;
    use crate::limiter::{Bucket, Rate, Rule};

    fn observed(outcome: Outcome) -> Observed {
        Observed {
            outcome,
            params: None,
            reply: None,
            conditions: Vec::new(),
            fulfilled: Vec::new(),
            taken: Vec::new(),
            settled: Vec::new(),
            includes: Vec::new(),
            notes: BTreeMap::new(),
            kv: BTreeMap::new(),
            scratch: BTreeMap::new(),
            logs: Vec::new(),
            metrics: BTreeMap::new(),
            subject_key: "KEY".to_owned(),
        }
    }

    fn on_call(expect: &str) -> Case {
        let text = format!("[[case]]\nname = \"x\"\nhook = \"on-call\"\n[case.expect]\n{expect}\n");
        parse(&text).unwrap().remove(0)
    }

    fn passed() -> Observed {
        observed(Outcome::Call(CallVerdict::Pass))
    }

    #[test]
    fn verdicts_are_told_apart() {
        let refused = observed(Outcome::Call(Refusal::forbidden("No, thank you.").reason("rule 1").into()));
        let trapped = observed(Outcome::Trap("unreachable".to_owned()));
        let pass = on_call(r#"verdict = "pass""#);
        assert!(compare(&pass, &passed()).is_ok());
        assert!(compare(&pass, &refused).is_err());
        assert!(compare(&pass, &trapped).is_err());
        assert!(compare(&on_call("trap = true"), &trapped).is_ok());
        assert!(compare(&on_call("trap = true"), &passed()).is_err());
        let refuse = on_call(r#"verdict = { refuse = { kind = "forbidden", message = "thank", reason = "rule" } }"#);
        assert!(compare(&refuse, &refused).is_ok());
        assert!(compare(&refuse, &passed()).is_err());
    }

    #[test]
    fn a_difference_says_what_was_expected_and_what_came() {
        let refused = observed(Outcome::Call(Refusal::forbidden("No.").into()));
        let expected = on_call(r#"verdict = { refuse = { kind = "limited", headers = { retry-after = "1" } } }"#);
        let text = compare(&expected, &refused).unwrap_err();
        assert!(text.contains("refusal kind: expected RefusalKind::Limited"), "{text}");
        assert!(text.contains("got RefusalKind::Forbidden"), "{text}");
        assert!(text.contains("refusal header retry-after: expected Some(\"1\")"), "{text}");
    }

    #[test]
    fn an_edit_that_nobody_expects_is_a_difference() {
        let edited = Observed { params: Some(r#"{"arguments":{"x":1}}"#.to_owned()), ..passed() };
        assert!(compare(&on_call(r#"verdict = "pass""#), &edited).unwrap_err().contains("edits: expected \"none\""));
        let expects = |edits: &str| on_call(&format!("verdict = \"pass\"\nedits.{edits}"));
        assert!(compare(&expects(r#"set = { "/arguments/x" = 1 }"#), &edited).is_ok());
        assert!(compare(&expects(r#"set = { "/arguments/x" = 2 }"#), &edited).is_err());
        assert!(compare(&expects(r#"remove = ["/arguments/x"]"#), &edited).is_err());
        assert!(compare(&expects(r#"remove = ["/arguments/y"]"#), &edited).is_ok());
        assert!(compare(&expects(r#"remove = ["/arguments/y"]"#), &passed()).is_err());
    }

    #[test]
    fn a_condition_that_nobody_expects_is_a_difference() {
        let conditions = vec![("mask".to_owned(), r#"{ "reply": ["/a"] }"#.to_owned())];
        let masked = Observed { conditions, ..passed() };
        assert!(compare(&on_call(r#"verdict = "pass""#), &masked).unwrap_err().contains("obligations"));
        let expects = |json: &str| {
            on_call(&format!(
                "verdict = \"pass\"\nobligations = [{{ kind = \"mask\", json = {{ reply = [\"{json}\"] }} }}]"
            ))
        };
        assert!(compare(&expects("/a"), &masked).is_ok());
        assert!(compare(&expects("/b"), &masked).is_err() && compare(&expects("/a"), &passed()).is_err());
    }

    #[test]
    fn effects_are_compared_whole() {
        let rule = Rule::Rate(Rate { capacity: 1, refill_per_second: 1.0 });
        let taken = Observed { taken: vec![Bucket { key: "s=KEY".to_owned(), rule, cost: 1 }], ..passed() };
        let expects = |taken: &str| on_call(&format!("verdict = \"pass\"\ntaken = {taken}"));
        let bucket = r#"{ key = "s={subject}", rule = { rate = { capacity = 1, refill-per-second = 1.0 } } }"#;
        assert!(compare(&expects(&format!("[{bucket}]")), &taken).is_ok());
        assert!(compare(&expects("[]"), &taken).is_err());
        assert!(compare(&expects(&format!("[{bucket}, {bucket}]")), &taken).is_err());
        let logged = Observed { logs: vec!["warn careful k=v".to_owned()], ..passed() };
        assert!(compare(&on_call("verdict = \"pass\"\nlogs = [\"careful\"]"), &logged).is_ok());
        assert!(compare(&on_call("verdict = \"pass\"\nlogs = [\"careless\"]"), &logged).is_err());
    }

    #[test]
    fn a_failed_init_is_expected_or_a_difference() {
        let failed = observed(Outcome::Init(Err("keys: is empty".to_owned())));
        let expects = parse("[[case]]\nname = \"x\"\ninit-error = \"empty\"\n").unwrap().remove(0);
        assert!(compare(&expects, &failed).is_ok());
        assert!(compare(&expects, &observed(Outcome::Init(Ok(())))).is_err());
        assert!(compare(&on_call(r#"verdict = "pass""#), &failed).is_err());
    }
}
