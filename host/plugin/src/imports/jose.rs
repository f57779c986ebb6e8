//! `jose`: tokens of the stage's issuers, and proofs of possession.

use std::time::Instant;

use cardea_jose::TokenFault;
use tokio::time::timeout;
use wasmtime::Result;

use crate::bindings::cardea::plugin::jose::{Host, Proof, TokenError};
use crate::guest::Guest;

impl Host for Guest {
    async fn verify(&mut self, token: String, issuer: String) -> Result<std::result::Result<String, TokenError>> {
        self.charge()?;
        let Some(verifier) = self.facts.verifier.clone() else { return Ok(Err(not_granted())) };
        let now_ms = self.now_ms();
        let (within, started) = (self.outgoing.time, Instant::now());
        // The keys may have to be fetched. That goes on when this hook can wait no longer, for those who come after it.
        let verified = timeout(within, verifier.verify(&token, &issuer, now_ms)).await;
        self.outgoing.time = within.saturating_sub(started.elapsed());
        Ok(match verified {
            Ok(verified) => verified.map(|claims| claims.as_ref().to_owned()).map_err(TokenError::from),
            Err(_) => Err(TokenError::Unavailable("the issuer's keys did not come in time".to_owned())),
        })
    }

    async fn verify_proof(&mut self, proof: String) -> Result<std::result::Result<Proof, TokenError>> {
        self.charge()?;
        let Some(verifier) = self.facts.verifier.clone() else { return Ok(Err(not_granted())) };
        let proved = verifier.prove(&proof);
        Ok(proved
            .map(|proof| Proof { claims_json: proof.claims, thumbprint: proof.thumbprint, ext_json: None })
            .map_err(TokenError::from))
    }
}

impl From<TokenFault> for TokenError {
    fn from(fault: TokenFault) -> Self {
        match fault {
            TokenFault::Malformed(why) => Self::Malformed(why),
            TokenFault::Rejected(why) => Self::Rejected(why),
            TokenFault::Unavailable(why) => Self::Unavailable(why),
        }
    }
}

/// What is not granted is not linked, so that nobody comes here.
fn not_granted() -> TokenError {
    TokenError::Unavailable("the stage has no `grant.jose`".to_owned())
}
