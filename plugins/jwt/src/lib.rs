//! Knows callers by signed access tokens. The gateway verifies signature, issuer, times and type (`jose`); this plugin judges
//! what is left: whether the token is meant for this endpoint, who holds it, and what its claims make of its owner.

mod challenge;
mod config;
mod possession;
mod presented;
mod subject;

use cardea_sdk::prelude::*;
use serde_json::Value;

use challenge::Challenge;
pub use config::Config;
use config::{Dpop, IssuerConfig, Mapping};
use presented::{Presented, Scheme, presented, unverified_issuer};

/// The authenticator.
pub struct Jwt {
    audience: Vec<String>,
    required_scopes: Vec<String>,
    optional: bool,
    dpop: Dpop,
    dpop_window_ms: u64,
    claims: Mapping,
    issuers: Vec<IssuerConfig>,
    challenge: Challenge,
}

#[cardea_sdk::plugin]
impl Plugin for Jwt {
    type Config = Config;

    fn new(config: Config) -> Result<Self, String> {
        config.check()?;
        let challenge = Challenge::new(&config);
        let Config { audience, required_scopes, optional, dpop, dpop_window_seconds, claims, issuers } = config;
        let dpop_window_ms = dpop_window_seconds * 1000;
        Ok(Self { audience, required_scopes, optional, dpop, dpop_window_ms, claims, issuers, challenge })
    }

    fn on_authenticate(&self) -> Finding {
        self.authenticate().unwrap_or_else(Finding::from)
    }
}

impl Jwt {
    fn authenticate(&self) -> Result<Finding, Refusal> {
        let (scheme, token) = match presented(self.dpop != Dpop::Off) {
            Presented::Token(scheme, token) => (scheme, token),
            Presented::Nothing | Presented::Foreign if self.optional => return Ok(Finding::None),
            Presented::Nothing => return Err(self.challenge.missing("the request carries no credential")),
            Presented::Foreign => return Err(self.challenge.missing("the authorization header is of another scheme")),
        };
        let Some(issuer) = unverified_issuer(&token) else {
            // An opaque token may be somebody else's.
            return match self.optional {
                true => Ok(Finding::None),
                false => Err(self.challenge.invalid(scheme, "it is not a signed token, or names no issuer")),
            };
        };
        let claims = jose::verify(&token, &issuer).map_err(|error| self.not_verified(scheme, error))?;
        let claims: Value = serde_json::from_str(&claims)
            .map_err(|error| Refusal::unavailable(UNAVAILABLE).reason(format!("the gateway's claims: {error}")))?;
        self.check_audience(scheme, &claims)?;
        self.check_possession(scheme, &token, &claims)?;
        let subject = self.subject(scheme, &issuer, &claims)?;
        self.check_scopes(&subject.scopes)?;
        Ok(subject.into())
    }

    /// It must be meant for this endpoint by its own name: whoever holds a token for another service is nobody here.
    fn check_audience(&self, scheme: Scheme, claims: &Value) -> Result<(), Refusal> {
        let own = [credential::uri()];
        let wanted = if self.audience.is_empty() { &own[..] } else { &self.audience };
        let named = subject::texts(claims.get("aud"));
        match named.iter().any(|audience| wanted.contains(audience)) {
            true => Ok(()),
            false => Err(self.challenge.invalid(scheme, &format!("its audience is not {}", wanted.join(" or ")))),
        }
    }

    fn check_possession(&self, scheme: Scheme, token: &str, claims: &Value) -> Result<(), Refusal> {
        if scheme == Scheme::Bearer && self.dpop == Dpop::Required {
            return Err(self.challenge.invalid(scheme, "it is a bearer token, and only bound ones are taken"));
        }
        let bound = possession::Bound::of(claims).map_err(|why| self.challenge.invalid(scheme, why))?;
        bound.check_peer().map_err(|why| self.challenge.invalid(scheme, why))?;
        match (scheme, bound.key) {
            (Scheme::Bearer, None) => Ok(()),
            (Scheme::Bearer, Some(_)) => {
                Err(self.challenge.invalid(scheme, "it is bound to a key, and came without a proof"))
            }
            (Scheme::Dpop, None) => Err(self.challenge.invalid(scheme, "it is bound to no key")),
            (Scheme::Dpop, Some(key)) => {
                possession::check_proof(token, key, self.dpop_window_ms).map_err(|fault| match fault {
                    possession::ProofFault::Wrong(why) => self.challenge.wrong_proof(&why),
                    possession::ProofFault::Unavailable(why) => Refusal::unavailable(UNAVAILABLE).reason(why),
                })
            }
        }
    }

    fn subject(&self, scheme: Scheme, issuer: &str, claims: &Value) -> Result<Subject, Refusal> {
        let special = self.issuers.iter().find(|special| special.issuer == issuer);
        let mapping = special.and_then(|special| special.claims.as_ref()).unwrap_or(&self.claims);
        let tenant = special.map_or("", |special| &special.tenant);
        mapping.subject(issuer, tenant, claims).map_err(|why| self.challenge.invalid(scheme, &why))
    }

    /// All that are needed are named at once, so that one more visit to the issuer is enough.
    fn check_scopes(&self, held: &[String]) -> Result<(), Refusal> {
        let missing: Vec<&str> =
            self.required_scopes.iter().filter(|scope| !held.contains(scope)).map(String::as_str).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let reason = format!("the token lacks the scopes {}", missing.join(" "));
        Err(Refusal::insufficient_scope(
            "The token does not have the scopes that are needed here.",
            &self.required_scopes,
        )
        .reason(reason))
    }

    fn not_verified(&self, scheme: Scheme, error: jose::TokenError) -> Refusal {
        match error {
            jose::TokenError::Unavailable(why) => Refusal::unavailable(UNAVAILABLE).reason(why),
            jose::TokenError::Malformed(why) | jose::TokenError::Rejected(why) => self.challenge.invalid(scheme, &why),
        }
    }
}

/// What a client is told while nobody can say whether its token is good.
const UNAVAILABLE: &str = "Tokens cannot be verified at the moment.";
