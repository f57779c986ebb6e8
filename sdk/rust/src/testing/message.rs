//! The part of a case that says what is passing, for `on-message`.

use serde::Deserialize;

use super::case::Json;
use crate::MessageKind;

/// A message between a call and its end.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct GivenMessage {
    /// What it is.
    pub kind: GivenMessageKind,
    /// Its `params`, or an answer's result.
    pub document: Option<Json>,
}

/// What is passing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GivenMessageKind {
    /// A notification.
    #[default]
    Notification,
    /// A question of the server.
    Ask,
    /// The client's answer.
    Answer,
}

impl From<GivenMessageKind> for MessageKind {
    fn from(kind: GivenMessageKind) -> Self {
        match kind {
            GivenMessageKind::Notification => Self::Notification,
            GivenMessageKind::Ask => Self::Ask,
            GivenMessageKind::Answer => Self::Answer,
        }
    }
}
