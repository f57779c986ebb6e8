//! What a client is told that has to come back with another token (RFC 6750 section 3, RFC 9449 section 7.1). Where it gets
//! one, the gateway adds (`resource_metadata`, RFC 9728).

use cardea_sdk::Refusal;

use crate::config::{Config, Dpop};
use crate::presented::Scheme;

/// Algorithms of proofs, the usual ones first.
const ALGORITHMS: &str = "ES256 EdDSA RS256 PS256 ES384 RS384 RS512 PS384 PS512";

/// The words of this stage's challenges.
pub(crate) struct Challenge {
    bound: bool,
    scope: String,
}

impl Challenge {
    pub(crate) fn new(config: &Config) -> Self {
        let scope = match config.required_scopes.join(" ") {
            none if none.is_empty() => none,
            scopes => format!(r#"scope="{scopes}""#),
        };
        Self { bound: config.dpop == Dpop::Required, scope }
    }

    /// There is no token.
    pub(crate) fn missing(&self, reason: &str) -> Refusal {
        let scheme = if self.bound { Scheme::Dpop } else { Scheme::Bearer };
        self.refusal("An access token is needed.", reason, scheme, "")
    }

    /// There is one, and it is not good. Why, the client's issuer may tell it; from here it would tell a thief, too.
    pub(crate) fn invalid(&self, scheme: Scheme, reason: &str) -> Refusal {
        let scheme = if self.bound { Scheme::Dpop } else { scheme };
        self.refusal("The access token is not valid here.", reason, scheme, r#"error="invalid_token""#)
    }

    /// The token may be good, and who sent it has not proved to be its owner.
    pub(crate) fn wrong_proof(&self, reason: &str) -> Refusal {
        self.refusal("The DPoP proof is not valid.", reason, Scheme::Dpop, r#"error="invalid_dpop_proof""#)
    }

    fn refusal(&self, message: &str, reason: &str, scheme: Scheme, error: &str) -> Refusal {
        let algorithms = format!(r#"algs="{ALGORITHMS}""#);
        let (name, algorithms) = match scheme {
            Scheme::Bearer => ("Bearer", ""),
            Scheme::Dpop => ("DPoP", algorithms.as_str()),
        };
        let parameters: Vec<&str> =
            [error, algorithms, &self.scope].into_iter().filter(|part| !part.is_empty()).collect();
        let challenge = format!("{name} {}", parameters.join(", "));
        Refusal::unauthenticated(message).reason(reason).header("www-authenticate", challenge.trim_end())
    }
}
