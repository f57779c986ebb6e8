//! Short ways to read what a hook gets and to say what it answers.

use crate::{CallVerdict, Choice, Finding, ItemHints, MessageVerdict, Refusal, ReplyVerdict, Subject};

impl From<Refusal> for CallVerdict {
    fn from(refusal: Refusal) -> Self {
        Self::Refuse(refusal)
    }
}

impl From<Refusal> for ReplyVerdict {
    fn from(refusal: Refusal) -> Self {
        Self::Refuse(refusal)
    }
}

impl From<Refusal> for MessageVerdict {
    fn from(refusal: Refusal) -> Self {
        Self::Refuse(refusal)
    }
}

impl From<Refusal> for Finding {
    fn from(refusal: Refusal) -> Self {
        Self::Refuse(refusal)
    }
}

impl From<Subject> for Finding {
    fn from(subject: Subject) -> Self {
        Self::Subject(subject)
    }
}

impl Subject {
    /// A subject of the default tenant with nothing but a name. `kind` is `user`, `service`, `agent` or `anonymous`.
    pub fn new(issuer: impl Into<String>, id: impl Into<String>, kind: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            id: id.into(),
            kind: kind.into(),
            tenant: String::new(),
            client: String::new(),
            credential_id: String::new(),
            roles: Vec::new(),
            groups: Vec::new(),
            scopes: Vec::new(),
            actor_json: None,
            claims_json: None,
            expires_ms: None,
            ext_json: None,
        }
    }
}

impl Choice {
    /// These candidates, best first; no copies, no second attempt, no stickiness.
    pub fn in_order<S: Into<String>>(ids: impl IntoIterator<Item = S>) -> Self {
        Self {
            order: ids.into_iter().map(Into::into).collect(),
            mirrors: Vec::new(),
            hedge_after_ms: None,
            sticky: None,
            ext_json: None,
        }
    }
}

impl ItemHints {
    /// True if the server gives all of these hints.
    pub fn contains(self, hints: Self) -> bool {
        self & hints == hints
    }
}
