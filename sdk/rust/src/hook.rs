//! The names of the hooks.

/// A place in the gateway where plugins run, named as in `wit/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hook {
    /// `on-authenticate`
    OnAuthenticate,
    /// `on-catalog`
    OnCatalog,
    /// `on-list`
    OnList,
    /// `on-call`
    OnCall,
    /// `on-route`
    OnRoute,
    /// `on-connect`
    OnConnect,
    /// `on-message`
    OnMessage,
    /// `on-reply`
    OnReply,
    /// `on-record`
    OnRecord,
}
