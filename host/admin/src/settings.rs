//! What the operator's door is told when it opens.

use std::fmt;

/// Who may come in.
#[derive(Clone, Default)]
pub struct Settings {
    /// Names it answers to besides addresses and loopback names.
    pub hosts: Vec<String>,
    /// The operator's token: without it nothing is changed here, and nothing shown but what probes need. Needed beyond loopback.
    pub token: Option<String>,
    /// A token for those who may see and not change. Means nothing without the operator's.
    pub viewer_token: Option<String>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hidden = |token: &Option<String>| token.as_ref().map(|_| "…");
        let (token, viewer) = (hidden(&self.token), hidden(&self.viewer_token));
        f.debug_struct("Settings").field("hosts", &self.hosts).field("token", &token).field("viewer", &viewer).finish()
    }
}
