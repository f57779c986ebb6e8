//! Whether who sent a token is who it was given to: tokens that are bound to a key (RFC 9449) or to a certificate (RFC 8705).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cardea_sdk::prelude::*;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The longest `jti` of a proof.
const MOST_ID_BYTES: usize = 512;

/// What a token is bound to (`cnf`, RFC 7800).
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Bound<'c> {
    /// Thumbprint of a key.
    pub(crate) key: Option<&'c str>,
    /// Digest of a certificate, in base64url.
    certificate: Option<&'c str>,
}

/// Why a proof proves nothing.
pub(crate) enum ProofFault {
    /// It is not for this request, this token, this key or this moment.
    Wrong(String),
    /// Whether it was seen before cannot be found out.
    Unavailable(String),
}

/// The claims of a proof.
#[derive(Deserialize)]
struct Proof {
    jti: String,
    htm: String,
    htu: String,
    iat: f64,
    #[serde(default)]
    ath: String,
}

impl<'c> Bound<'c> {
    /// What the claims say. A confirmation that nobody here understands is none that can be left out.
    pub(crate) fn of(claims: &'c Value) -> Result<Self, &'static str> {
        let Some(confirmation) = claims.get("cnf") else { return Ok(Self::default()) };
        let member = |name: &str| confirmation.get(name).and_then(Value::as_str);
        let bound = Self { key: member("jkt"), certificate: member("x5t#S256") };
        let understood = usize::from(bound.key.is_some()) + usize::from(bound.certificate.is_some());
        match confirmation.as_object() {
            Some(members) if understood > 0 && members.len() == understood => Ok(bound),
            _ => Err("it is bound in a way that is not understood here"),
        }
    }

    /// If it is bound to a certificate, the client must have shown that one.
    pub(crate) fn check_peer(&self) -> Result<(), &'static str> {
        let Some(wanted) = self.certificate else { return Ok(()) };
        let peer = credential::tls_peer().ok_or("it is bound to a certificate, and the client has shown none")?;
        let wanted = URL_SAFE_NO_PAD.decode(wanted).unwrap_or_default();
        let wanted: String = wanted.iter().map(|byte| format!("{byte:02x}")).collect();
        if wanted == peer.digest { Ok(()) } else { Err("it is bound to another certificate") }
    }
}

/// Sees to it that the request carries a proof for itself, for this token, by the key with this thumbprint, made just now,
/// for the first time (RFC 9449 section 4.3).
pub(crate) fn check_proof(token: &str, thumbprint: &str, window_ms: u64) -> Result<(), ProofFault> {
    let wrong = |why: &str| ProofFault::Wrong(why.to_owned());
    let proofs = credential::header("dpop");
    let [proof] = &proofs[..] else { return Err(wrong("there is not exactly one DPoP header")) };
    let proved = jose::verify_proof(proof).map_err(|error| match error {
        jose::TokenError::Malformed(why) | jose::TokenError::Rejected(why) => ProofFault::Wrong(why),
        jose::TokenError::Unavailable(why) => ProofFault::Unavailable(why),
    })?;
    if proved.thumbprint != thumbprint {
        return Err(wrong("it is by another key than the token's"));
    }
    let claims: Proof = serde_json::from_str(&proved.claims_json)
        .map_err(|error| wrong(&format!("its claims cannot be read: {error}")))?;
    claims.check(token, window_ms).map_err(wrong)?;
    claims.check_first(thumbprint, window_ms)
}

impl Proof {
    fn check(&self, token: &str, window_ms: u64) -> Result<(), &'static str> {
        if self.htm != credential::http_method() {
            return Err("it is for another method");
        }
        if normal(&self.htu).is_none_or(|uri| Some(uri) != normal(&credential::uri())) {
            return Err("it is for another URI");
        }
        if self.ath != URL_SAFE_NO_PAD.encode(Sha256::digest(token)) {
            return Err("it is for another token");
        }
        #[allow(clippy::cast_precision_loss, reason = "a clock counts no further than 2^53")]
        let apart = (clock::now_ms() as f64 - self.iat * 1000.0).abs();
        if !(apart <= window_ms as f64) {
            return Err("it was not made just now");
        }
        if self.jti.is_empty() || self.jti.len() > MOST_ID_BYTES {
            return Err("its `jti` is empty or too long");
        }
        Ok(())
    }

    /// Notes it for as long as it could be shown again.
    fn check_first(&self, thumbprint: &str, window_ms: u64) -> Result<(), ProofFault> {
        let key = format!("dpop {thumbprint} {}", URL_SAFE_NO_PAD.encode(Sha256::digest(&self.jti)));
        match kv::cas(&key, None, b"", Some(2 * window_ms + 1000)) {
            Ok(true) => Ok(()),
            Ok(false) => Err(ProofFault::Wrong("it was shown before".to_owned())),
            Err(error) => Err(ProofFault::Unavailable(format!("proofs that were seen cannot be looked up: {error:?}"))),
        }
    }
}

/// A URI without query and fragment, scheme and host in lower case, a port only if it is not the usual one (RFC 3986
/// section 6.2).
fn normal(uri: &str) -> Option<String> {
    let uri = uri.split(['?', '#']).next()?;
    let (scheme, rest) = uri.split_once("://")?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (scheme, authority) = (scheme.to_ascii_lowercase(), authority.to_ascii_lowercase());
    let usual = if scheme == "https" { ":443" } else { ":80" };
    let authority = authority.strip_suffix(usual).unwrap_or(&authority);
    let path = if path.is_empty() { "/" } else { path };
    Some(format!("{scheme}://{authority}{path}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn uris_are_the_same_however_they_are_written() {
        let same = Some("https://a.example/mcp".to_owned());
        for uri in ["https://a.example/mcp", "HTTPS://A.example:443/mcp", "https://a.example/mcp?x#y"] {
            assert_eq!(normal(uri), same, "{uri}");
        }
        for uri in
            ["http://a.example/mcp", "https://a.example:80/mcp", "https://a.example/MCP", "https://a.example/mcp/"]
        {
            assert_ne!(normal(uri), same, "{uri}");
        }
        assert_eq!(normal("http://a.example:80"), normal("http://a.example/"));
        assert_eq!(normal("a.example/mcp"), None);
    }

    #[test]
    fn a_confirmation_that_is_not_understood_is_none() {
        let of = |claims: Value| Bound::of(&claims).map(|bound| (bound.key.is_some(), bound.certificate.is_some()));
        assert_eq!(of(json!({})), Ok((false, false)));
        assert_eq!(of(json!({ "cnf": { "jkt": "a" } })), Ok((true, false)));
        assert_eq!(of(json!({ "cnf": { "jkt": "a", "x5t#S256": "b" } })), Ok((true, true)));
        for claims in [
            json!({}),
            json!({ "jkt": 1 }),
            json!({ "kid": "a" }),
            json!({ "jkt": "a", "kid": "b" }),
            json!("a"),
            json!(null),
        ] {
            assert!(of(json!({ "cnf": claims })).is_err(), "{claims}");
        }
    }
}
