//! What one hook came to, and how two of them compare. Values of payloads are compared and never shown.

use bytes::Bytes;
use cardea_chain::{CallVerdict, Choice, Done, Finding, HookResult, Refusal, ReplyVerdict};
use cardea_message::{Pointer, json};

/// What one hook came to.
pub(crate) struct Outcome {
    said: Result<Said, &'static str>,
    params: Option<Bytes>,
    reply: Option<Bytes>,
    edited: Vec<String>,
}

/// A verdict of any hook.
#[derive(Clone, PartialEq)]
pub(crate) enum Said {
    Finding(Finding),
    Keep(Vec<bool>),
    Call(CallVerdict),
    Choice(Choice),
    Reply(ReplyVerdict),
}

/// What a hook said, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// The verdict, or what stopped the hook.
    pub verdict: String,
    /// Why, if it refused.
    pub reason: Option<String>,
    /// What it edited, as pointers.
    pub edits: Vec<String>,
}

impl Outcome {
    pub(crate) fn of<T: Clone + Into<Said>>(done: &HookResult<T>) -> Self {
        match done {
            Ok(Done { verdict, effects }) => {
                let (params, reply) = (effects.params.clone(), effects.reply.clone());
                let mut edited = effects.edited.clone();
                edited.sort_unstable();
                edited.dedup();
                Self { said: Ok(verdict.clone().into()), params, reply, edited }
            }
            Err(fault) => Self { said: Err(fault.kind.as_str()), params: None, reply: None, edited: Vec::new() },
        }
    }

    pub(crate) fn failed(&self) -> bool {
        self.said.is_err()
    }

    /// Whether both said and did the same.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.said == other.said
            && (&self.params, &self.reply, &self.edited) == (&other.params, &other.reply, &other.edited)
    }

    /// Where both have edited, and put in something different.
    pub(crate) fn other_values(&self, other: &Self) -> Vec<String> {
        let differs = |pointer: &&String| {
            let value = |document: &Option<Bytes>| {
                let document = document.as_ref()?;
                let span = json::find(document, &Pointer::parse(pointer).ok()?)?;
                Some(document.slice(span))
            };
            value(&self.params) != value(&other.params) || value(&self.reply) != value(&other.reply)
        };
        self.edited.iter().filter(|pointer| other.edited.contains(pointer)).filter(differs).cloned().collect()
    }

    pub(crate) fn word(&self) -> Word {
        let (verdict, reason) = match &self.said {
            Ok(said) => said.word(),
            Err(kind) => ((*kind).to_owned(), None),
        };
        Word { verdict, reason, edits: self.edited.clone() }
    }
}

impl Said {
    fn word(&self) -> (String, Option<String>) {
        let plain = |word: &str| (word.to_owned(), None);
        let refused = |refusal: &Refusal| (format!("refuse: {}", refusal.kind.as_str()), Some(refusal.reason.clone()));
        match self {
            Self::Finding(Finding::None) => plain("none"),
            Self::Finding(Finding::Subject(_)) => plain("subject"),
            Self::Call(CallVerdict::Pass) | Self::Reply(ReplyVerdict::Pass) => plain("pass"),
            Self::Call(CallVerdict::Answer(_)) => plain("answer"),
            Self::Finding(Finding::Refuse(refusal))
            | Self::Call(CallVerdict::Refuse(refusal))
            | Self::Reply(ReplyVerdict::Refuse(refusal)) => refused(refusal),
            Self::Keep(kept) => (format!("keep {} of {}", kept.iter().filter(|kept| **kept).count(), kept.len()), None),
            Self::Choice(choice) => (format!("choose {}", choice.order.join(", ")), None),
        }
    }
}

macro_rules! said {
    ($($verdict:ty: $case:ident,)*) => {
        $(impl From<$verdict> for Said {
            fn from(verdict: $verdict) -> Self {
                Self::$case(verdict)
            }
        })*
    };
}

said! {
    Finding: Finding,
    Vec<bool>: Keep,
    CallVerdict: Call,
    Choice: Choice,
    ReplyVerdict: Reply,
}
