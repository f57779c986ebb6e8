//! The one client of a gateway that speaks over standard input and output.

use crate::manifest::Stdio;

/// Who calls over standard input and output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StdioPlan {
    /// The caller's name.
    pub subject: String,
    /// The caller's tenant; empty for the default one.
    pub tenant: String,
    /// The caller's roles.
    pub roles: Vec<String>,
    /// The caller's groups.
    pub groups: Vec<String>,
    /// The caller's scopes.
    pub scopes: Vec<String>,
}

/// None if it was not written, or not whole; then a problem says so.
pub(super) fn stdio(raw: Option<Stdio>) -> Option<StdioPlan> {
    let raw = raw?;
    let Stdio { tenant, roles, groups, scopes, .. } = raw;
    Some(StdioPlan { subject: raw.subject.0?, tenant: tenant.unwrap_or_default(), roles, groups, scopes })
}
