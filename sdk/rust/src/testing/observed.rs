//! What happened when a case ran, however it was run.

use std::collections::BTreeMap;

use crate::journal::{Document, Treatment};
use crate::limiter::Bucket;
use crate::{Admission, CallVerdict, Choice, Finding, MessageVerdict, ReplyVerdict};

/// What came of one case.
#[derive(Debug, Clone)]
pub struct Observed {
    /// The answer.
    pub outcome: Outcome,
    /// The call's `params` after the hook, if edits of the hook were committed.
    pub params: Option<String>,
    /// The reply's result or error after the hook, if edits of the hook were committed.
    pub reply: Option<String>,
    /// Every condition that `obligation.add` set, kind and JSON, in order, if the hook passed the call.
    pub conditions: Vec<(String, String)>,
    /// Ids of the conditions that the hook fulfilled, in order.
    pub fulfilled: Vec<u32>,
    /// Every bucket that `limiter.take` was asked for, in order.
    pub taken: Vec<Bucket>,
    /// Every `limiter.settle`, in order.
    pub settled: Vec<(Bucket, i64)>,
    /// Every `journal.include`, in order.
    pub includes: Vec<(Document, String, Treatment)>,
    /// Every `journal.note`: key, JSON.
    pub notes: BTreeMap<String, String>,
    /// Content of `kv` afterwards; a number as its decimal text.
    pub kv: BTreeMap<String, Vec<u8>>,
    /// What the hook left in `scratch` under the plugin's own name, if it was committed.
    pub scratch: BTreeMap<String, Vec<u8>>,
    /// Log lines: `level message key=value …`.
    pub logs: Vec<String>,
    /// Metrics by name: sum of what was counted or observed.
    pub metrics: BTreeMap<String, f64>,
    /// `subject.key` of this host for the case's subject; stands for `{subject}` in expected bucket keys.
    pub subject_key: String,
}

/// A hook's answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// `lifecycle.init`. Any case ends here if it fails.
    Init(Result<(), String>),
    /// `lifecycle.selftest`.
    Selftest(Result<(), String>),
    /// `on-authenticate`.
    Finding(Finding),
    /// `on-catalog`.
    Admissions(Vec<Admission>),
    /// `on-list`.
    Keep(Vec<bool>),
    /// `on-call`.
    Call(CallVerdict),
    /// `on-route`.
    Choice(Choice),
    /// `on-message`.
    Message(MessageVerdict),
    /// `on-reply`.
    Reply(ReplyVerdict),
    /// `on-record`.
    Delivered(Result<(), String>),
    /// The hook did not return; whatever is known of why.
    Trap(String),
}

impl Outcome {
    /// True if the hook's edits of the document count.
    pub fn commits_edits(&self) -> bool {
        matches!(
            self,
            Self::Call(CallVerdict::Pass) | Self::Message(MessageVerdict::Pass) | Self::Reply(ReplyVerdict::Pass)
        )
    }

    /// True if the hook returned, so that its scratch counts.
    pub fn returned(&self) -> bool {
        !matches!(self, Self::Trap(_))
    }
}
