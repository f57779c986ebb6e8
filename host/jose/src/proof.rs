//! Proofs of possession (DPoP, RFC 9449): tokens that carry their own key.

use crate::TokenFault;
use crate::jwk::Key;
use crate::token::Token;

/// What a proof proves: that its sender holds the key with this thumbprint, and meant these claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The claims, a JSON object.
    pub claims: String,
    /// Thumbprint of the key (RFC 7638, SHA-256, base64url).
    pub thumbprint: String,
}

/// Verifies a proof with the key it carries. Which request and token it is for, how old it may be and whether it was seen
/// before, its claims say, and the plugin judges.
pub fn prove(proof: &str) -> Result<Proof, TokenFault> {
    let token = Token::parse(proof)?;
    let algorithm = token.algorithm(&["dpop+jwt"])?;
    let key = token.header.member("jwk").ok_or_else(|| TokenFault::malformed("its header has no `jwk`"))?;
    let key = Key::parse(key).map_err(|why| TokenFault::rejected(format!("its key may not be used: {why}")))?;
    if !key.fits(algorithm) {
        return Err(TokenFault::rejected("its key is not for its `alg`"));
    }
    if !key.has_signed(&token, algorithm) {
        return Err(TokenFault::rejected("its signature is not that of its key"));
    }
    let thumbprint = key.thumbprint().ok_or_else(|| TokenFault::rejected("its key has no thumbprint"))?;
    Ok(Proof { claims: token.claims.as_str().to_owned(), thumbprint })
}
