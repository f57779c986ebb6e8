//! What the operator's door is told when it opens.

use std::fmt;

/// Who may come in.
#[derive(Clone, Default)]
pub struct Settings {
    /// Names it answers to besides addresses and loopback names.
    pub hosts: Vec<String>,
    /// The token that `/status` wants. Needed beyond loopback.
    pub token: Option<String>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let token = self.token.as_ref().map(|_| "…");
        f.debug_struct("Settings").field("hosts", &self.hosts).field("token", &token).finish()
    }
}
