//! Who calls, and what was shown to prove it.

use std::sync::Arc;

use http::HeaderMap;
use serde::Serialize;

/// The caller. Identity is the triple (tenant, issuer, id); everything else describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Subject {
    /// Who vouches for `id`: an issuer URL, or the authenticating stage.
    pub issuer: String,
    /// The caller's name within the issuer.
    pub id: String,
    /// `user`, `service`, `agent` or `anonymous`.
    pub kind: String,
    /// The organisation; empty for the default tenant.
    pub tenant: String,
    /// The application that acts; empty if unknown.
    pub client: String,
    /// A public handle of the credential, never the credential.
    pub credential_id: String,
    /// Roles, as policies name them.
    pub roles: Vec<String>,
    /// Groups, as the identity provider names them.
    pub groups: Vec<String>,
    /// OAuth scopes.
    pub scopes: Vec<String>,
    /// RFC 8693 `act` chain, JSON.
    #[serde(skip)]
    pub actor_json: Option<String>,
    /// All verified claims, JSON.
    #[serde(skip)]
    pub claims_json: Option<String>,
    /// End of the credential, milliseconds since the epoch.
    pub expires_ms: Option<u64>,
}

impl Subject {
    /// One text for the whole identity. Lengths stand before the parts, so no two identities share a key.
    pub fn key(&self) -> String {
        let Self { tenant, issuer, id, .. } = self;
        format!("{}:{tenant}{}:{issuer}{id}", tenant.len(), issuer.len())
    }
}

/// What one HTTP exchange presents to the authenticators, before its body is read.
#[derive(Debug)]
pub struct Credential {
    /// All request headers.
    pub headers: HeaderMap,
    /// HTTP method.
    pub method: http::Method,
    /// URI as the client addressed it: scheme, authority, path.
    pub uri: String,
    /// Path of the endpoint.
    pub endpoint: Arc<str>,
    /// The verified client certificate.
    pub peer: Option<Peer>,
}

/// A verified TLS client certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// SHA-256 of the certificate (DER), lower-case hex.
    pub digest: String,
    /// Subject alternative names with their type: `uri:…`, `dns:…`.
    pub names: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_different_identities_never_meet() {
        let of = |tenant: &str, issuer: &str, id: &str| {
            Subject { tenant: tenant.into(), issuer: issuer.into(), id: id.into(), ..Subject::default() }.key()
        };
        assert_ne!(of("a", "b", "c"), of("", "ab", "c"));
        assert_ne!(of("a", "1:b", "c"), of("a1:", "b", "c"));
        assert_eq!(of("a", "b", "c"), of("a", "b", "c"));
    }
}
