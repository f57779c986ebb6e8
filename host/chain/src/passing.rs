//! What passes between a call and its end, as the stages that watch it see it.

use bytes::Bytes;

use crate::Refusal;

/// A message that is on its way, and waits for the verdict of the stages.
#[derive(Clone, Debug)]
pub struct Passing {
    /// What it is.
    pub kind: PassingKind,
    /// Its `params`, or an answer's result, raw JSON: what pointers of `on-message` start at.
    pub document: Bytes,
}

/// What is passing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PassingKind {
    /// A notification of the server.
    Notification,
    /// A question of the server to the client.
    Ask,
    /// The client's answer to one.
    Answer,
}

/// A verdict on what is passing.
#[derive(Clone, Debug, PartialEq)]
pub enum MessageVerdict {
    /// Deliver.
    Pass,
    /// Notifications only: do not deliver, and say nothing.
    Drop,
    /// Asks only: this is the answer, raw JSON, and the client is not asked.
    Answer(Bytes),
    /// Stop the whole call.
    Refuse(Refusal),
}

impl MessageVerdict {
    /// Whether it can be given about a message of this kind.
    pub fn fits(&self, kind: PassingKind) -> bool {
        match self {
            Self::Pass | Self::Refuse(_) => true,
            Self::Drop => kind == PassingKind::Notification,
            Self::Answer(_) => kind == PassingKind::Ask,
        }
    }

    /// The word used in records.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Drop => "drop",
            Self::Answer(_) => "answer",
            Self::Refuse(_) => "refuse",
        }
    }
}
