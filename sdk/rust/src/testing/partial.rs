//! Expectations that name some fields of a value, and how they are compared.

use std::collections::BTreeMap;
use std::fmt::{Debug, Write as _};

use serde::Deserialize;
use serde_json::Value;

use super::case::Json;
use super::observed::Observed;
use crate::journal::{Document, Treatment};
use crate::limiter::{Bucket, Period, Rate, Rule, Window};
use crate::{Choice, Refusal, RefusalForm, RefusalKind, Subject};

/// What was found to differ.
#[derive(Default)]
pub(super) struct Differences(String);

impl Differences {
    pub(super) fn unlike(&mut self, what: &str, expected: &dyn Debug, got: &dyn Debug) {
        let _ = writeln!(self.0, "{what}: expected {expected:?}\n{:>width$} got {got:?}", "", width = what.len() + 5);
    }

    pub(super) fn equal<T: PartialEq + Debug>(&mut self, what: &str, expected: Option<&T>, got: &T) {
        if let Some(expected) = expected.filter(|expected| *expected != got) {
            self.unlike(what, expected, got);
        }
    }

    pub(super) fn contains(&mut self, what: &str, expected: Option<&String>, got: &str) {
        if let Some(expected) = expected.filter(|expected| !got.contains(*expected)) {
            self.unlike(what, &format!("…{expected}…"), &got);
        }
    }

    pub(super) fn json(&mut self, what: &str, expected: &Json, got: &str) {
        match serde_json::from_str::<Value>(got) {
            Ok(value) => self.equal(what, Some(&expected.value()), &value),
            Err(_) => self.unlike(what, &expected.0, &got),
        }
    }

    pub(super) fn result(&mut self, what: &str, error: Option<&str>, got: &Result<(), String>) {
        match (error, got) {
            (None, Ok(())) => {}
            (Some(expected), Err(text)) if text.contains(expected) => {}
            (None, Err(_)) => self.unlike(what, &"ok", got),
            (Some(expected), _) => self.unlike(what, &format!("an error with `{expected}` in it"), got),
        }
    }

    pub(super) fn into_result(self) -> Result<(), String> {
        if self.0.is_empty() { Ok(()) } else { Err(self.0) }
    }
}

/// An expected refusal.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectedRefusal {
    /// Its kind, as in `wit/types.wit`.
    #[serde(deserialize_with = "kind")]
    pub kind: RefusalKind,
    /// Part of the message.
    pub message: Option<String>,
    /// Part of the reason.
    pub reason: Option<String>,
    /// All scopes.
    pub scopes: Option<Vec<String>>,
    /// Some members of the data.
    pub data: Option<BTreeMap<String, Value>>,
    /// Some headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// When to come back.
    pub retry_after_ms: Option<u64>,
    /// `error` or `tool-result`.
    pub form: Option<Form>,
}

/// How a refusal is worded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// A JSON-RPC error.
    Error,
    /// A tool result.
    ToolResult,
}

impl ExpectedRefusal {
    pub(super) fn compare(&self, got: &Refusal, differences: &mut Differences) {
        differences.equal("refusal kind", Some(&self.kind), &got.kind);
        differences.contains("refusal message", self.message.as_ref(), &got.message);
        differences.contains("refusal reason", self.reason.as_ref(), &got.reason);
        differences.equal("refusal scopes", self.scopes.as_ref(), &got.scopes);
        if let Some(expected) = self.retry_after_ms {
            differences.equal("refusal retry-after-ms", Some(&Some(expected)), &got.retry_after_ms);
        }
        let form = if got.form == RefusalForm::ToolResult { Form::ToolResult } else { Form::Error };
        differences.equal("refusal form", self.form.as_ref(), &form);
        for (name, value) in &self.headers {
            let found = got.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value);
            differences.equal(&format!("refusal header {name}"), Some(&Some(value)), &found);
        }
        let data: Value = got.data_json.as_deref().and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
        for (name, value) in self.data.iter().flatten() {
            differences.equal(&format!("refusal data {name}"), Some(&Some(value)), &data.get(name));
        }
    }
}

fn kind<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<RefusalKind, D::Error> {
    Ok(match String::deserialize(deserializer)?.as_str() {
        "unauthenticated" => RefusalKind::Unauthenticated,
        "forbidden" => RefusalKind::Forbidden,
        "insufficient-scope" => RefusalKind::InsufficientScope,
        "unknown" => RefusalKind::Unknown,
        "limited" => RefusalKind::Limited,
        "invalid" => RefusalKind::Invalid,
        "unavailable" => RefusalKind::Unavailable,
        other => return Err(serde::de::Error::custom(format!("`{other}` is no kind of refusal"))),
    })
}

/// An expected subject.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the names are those of wit/types.wit")]
pub struct ExpectedSubject {
    pub issuer: Option<String>,
    pub id: Option<String>,
    pub kind: Option<String>,
    pub tenant: Option<String>,
    pub client: Option<String>,
    pub credential_id: Option<String>,
    pub roles: Option<Vec<String>>,
    pub groups: Option<Vec<String>>,
    pub scopes: Option<Vec<String>>,
    pub claims: Option<Json>,
    pub expires_ms: Option<u64>,
}

impl ExpectedSubject {
    pub(super) fn compare(&self, got: &Subject, differences: &mut Differences) {
        differences.equal("subject issuer", self.issuer.as_ref(), &got.issuer);
        differences.equal("subject id", self.id.as_ref(), &got.id);
        differences.equal("subject kind", self.kind.as_ref(), &got.kind);
        differences.equal("subject tenant", self.tenant.as_ref(), &got.tenant);
        differences.equal("subject client", self.client.as_ref(), &got.client);
        differences.equal("subject credential-id", self.credential_id.as_ref(), &got.credential_id);
        differences.equal("subject roles", self.roles.as_ref(), &got.roles);
        differences.equal("subject groups", self.groups.as_ref(), &got.groups);
        differences.equal("subject scopes", self.scopes.as_ref(), &got.scopes);
        if let Some(claims) = &self.claims {
            differences.json("subject claims", claims, got.claims_json.as_deref().unwrap_or(""));
        }
        if let Some(expires) = self.expires_ms {
            differences.equal("subject expires-ms", Some(&Some(expires)), &got.expires_ms);
        }
    }
}

/// An expected choice.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the names are those of wit/on-route.wit")]
pub struct ExpectedChoice {
    pub order: Option<Vec<String>>,
    pub mirrors: Option<Vec<String>>,
    pub hedge_after_ms: Option<u64>,
    pub sticky: Option<String>,
}

impl ExpectedChoice {
    pub(super) fn compare(&self, got: &Choice, differences: &mut Differences) {
        differences.equal("choice order", self.order.as_ref(), &got.order);
        differences.equal("choice mirrors", self.mirrors.as_ref(), &got.mirrors);
        differences.equal("choice hedge-after-ms", self.hedge_after_ms.map(Some).as_ref(), &got.hedge_after_ms);
        differences.equal("choice sticky", self.sticky.clone().map(Some).as_ref(), &got.sticky);
    }
}

/// What the journal must have been told, all of it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExpectedJournal {
    /// `include`, in order.
    pub includes: Vec<ExpectedInclude>,
    /// `note`: key, value.
    pub notes: BTreeMap<String, Value>,
}

/// One expected `journal.include`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedInclude {
    /// `call` or `reply`.
    pub document: String,
    /// Pointer.
    pub pointer: String,
    /// `keep`, `hash` or `drop`.
    pub treatment: String,
}

impl ExpectedJournal {
    pub(super) fn compare(&self, observed: &Observed, differences: &mut Differences) {
        let expected: Vec<_> = self
            .includes
            .iter()
            .map(|include| (include.document.as_str(), include.pointer.as_str(), include.treatment.as_str()))
            .collect();
        let got: Vec<_> = observed
            .includes
            .iter()
            .map(|(document, pointer, treatment)| {
                (document_name(*document), pointer.as_str(), treatment_name(*treatment))
            })
            .collect();
        differences.equal("journal includes", Some(&expected), &got);
        let got = observed.notes.iter().map(|(key, json)| (key.clone(), Json(json.clone()).value())).collect();
        differences.equal("journal notes", Some(&self.notes), &got);
    }
}

fn document_name(document: Document) -> &'static str {
    match document {
        Document::Call => "call",
        Document::Reply => "reply",
    }
}

fn treatment_name(treatment: Treatment) -> &'static str {
    match treatment {
        Treatment::Keep => "keep",
        Treatment::Hash => "hash",
        Treatment::Drop => "drop",
    }
}

/// An expected bucket. `{subject}` in the key stands for `subject.key` of the host that ran the case.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedBucket {
    /// Its key.
    pub key: String,
    /// How it counts.
    pub rule: ExpectedRule,
    /// How much was asked.
    #[serde(default = "one")]
    pub cost: u32,
}

/// How an expected bucket counts.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
#[allow(missing_docs, reason = "the names are those of wit/limiter.wit")]
pub enum ExpectedRule {
    Rate { capacity: u32, refill_per_second: f64 },
    Window { limit: u64, per: ExpectedPeriod, utc_offset_minutes: i32 },
    Concurrent(u32),
}

/// A calendar period.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the names are those of wit/limiter.wit")]
pub enum ExpectedPeriod {
    Minute,
    Hour,
    Day,
    Month,
}

/// An expected settlement.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedSettle {
    /// Of which bucket.
    pub bucket: ExpectedBucket,
    /// By how much.
    pub delta: i64,
}

fn one() -> u32 {
    1
}

impl ExpectedBucket {
    pub(super) fn resolve(&self, subject_key: &str) -> Bucket {
        let rule = match self.rule {
            ExpectedRule::Rate { capacity, refill_per_second } => Rule::Rate(Rate { capacity, refill_per_second }),
            ExpectedRule::Window { limit, per, utc_offset_minutes } => {
                Rule::Window(Window { limit, per: per.into(), utc_offset_minutes })
            }
            ExpectedRule::Concurrent(most) => Rule::Concurrent(most),
        };
        Bucket { key: self.key.replace("{subject}", subject_key), rule, cost: self.cost }
    }
}

impl From<ExpectedPeriod> for Period {
    fn from(period: ExpectedPeriod) -> Self {
        match period {
            ExpectedPeriod::Minute => Self::Minute,
            ExpectedPeriod::Hour => Self::Hour,
            ExpectedPeriod::Day => Self::Day,
            ExpectedPeriod::Month => Self::Month,
        }
    }
}
