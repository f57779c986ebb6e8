//! Signed tokens, verified: whose keys, which rules, how long anything is believed.
//!
//! A [`Verifier`] knows the issuers of one stage. It takes a token apart without believing it, chooses the key by issuer and
//! `kid` and by nothing else the token says, verifies the signature on aws-lc-rs, and checks what no token may lack: issuer,
//! audience, times, type. What the claims mean is for the plugin to say. Keys are fetched through `egress` and shared by
//! all verifiers of one gateway ([`Jose`]), so that a reload never finds an empty shelf.

mod claims;
mod error;
mod fetch;
mod jwk;
mod key_set;
mod proof;
mod source;
mod token;
mod verifier;

pub use error::TokenFault;
pub use proof::{Proof, prove};
pub use verifier::{Jose, Verified, Verifier, Verifiers, Verify};
