//! Verifiers: what one stage's issuers have signed, and what of it was verified only just now.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use cardea_egress::Egress;
use cardea_grant::{IpNet, Issuer};
use futures_util::future::BoxFuture;
use moka::sync::Cache;
use sha2::{Digest, Sha256};

use crate::fetch::Place;
use crate::key_set::{KeySet, Search};
use crate::source::Source;
use crate::token::Token;
use crate::{TokenFault, claims};

/// How long a token that was verified is believed without looking again.
const BELIEVED: Duration = Duration::from_secs(60);
/// Bytes of claims that are remembered.
const MOST_BYTES: u64 = 32 << 20;

/// The claims of a token that is good, a JSON object.
pub type Verified = Arc<str>;

/// Verifies tokens.
pub trait Verify: Send + Sync {
    /// The claims of a token of this issuer, or why it is not good.
    fn verify<'a>(
        &'a self,
        token: &'a str,
        issuer: &'a str,
        now_ms: u64,
    ) -> BoxFuture<'a, Result<Verified, TokenFault>>;

    /// What a proof of possession proves.
    fn prove(&self, proof: &str) -> Result<crate::Proof, TokenFault> {
        crate::prove(proof)
    }
}

/// Makes verifiers.
pub trait Verifiers: Send + Sync {
    /// A verifier for these issuers, whose keys may be fetched from the public internet and the networks listed.
    fn verifier(&self, issuers: &[Issuer], listed: &[IpNet]) -> Arc<dyn Verify>;
}

/// The keys of all issuers of a gateway. They outlive the stages that use them by being shared with those that follow.
pub struct Jose {
    egress: Arc<Egress>,
    sources: Mutex<HashMap<(Place, Vec<IpNet>), Weak<Source>>>,
}

/// Verifies the tokens of some issuers.
pub struct Verifier {
    trusted: Vec<Trusted>,
    verified: Cache<[u8; 32], Arc<Remembered>>,
}

struct Trusted {
    issuer: Issuer,
    source: Arc<Source>,
}

/// A token that was good when it was looked at.
struct Remembered {
    claims: Verified,
    issuer: Box<str>,
    keys: Arc<KeySet>,
    ends_ms: u64,
}

impl Jose {
    /// Fetches keys by this way out.
    pub fn new(egress: Arc<Egress>) -> Self {
        Self { egress, sources: Mutex::default() }
    }

    fn source(&self, issuer: &Issuer, listed: &[IpNet]) -> Arc<Source> {
        let place = Place { issuer: issuer.id.clone(), jwks: issuer.jwks.clone() };
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        sources.retain(|_, source| source.strong_count() > 0);
        let key = (place, listed.to_vec());
        if let Some(source) = sources.get(&key).and_then(Weak::upgrade) {
            return source;
        }
        let source = Source::new(key.0.clone(), self.egress.outlet(listed));
        sources.insert(key, Arc::downgrade(&source));
        source
    }
}

impl Verifiers for Jose {
    fn verifier(&self, issuers: &[Issuer], listed: &[IpNet]) -> Arc<dyn Verify> {
        let trusted = issuers.iter().map(|issuer| {
            let source = self.source(issuer, listed);
            source.warm();
            Trusted { issuer: issuer.clone(), source }
        });
        Arc::new(Verifier::new(trusted.collect()))
    }
}

impl Verifier {
    fn new(trusted: Vec<Trusted>) -> Self {
        let weight = |_: &[u8; 32], remembered: &Arc<Remembered>| {
            u32::try_from(remembered.claims.len() + size_of::<Remembered>()).unwrap_or(u32::MAX)
        };
        let verified = Cache::builder().max_capacity(MOST_BYTES).weigher(weight).time_to_live(BELIEVED).build();
        Self { trusted, verified }
    }

    async fn judge(&self, text: &str, issuer: &str, now_ms: u64) -> Result<Verified, TokenFault> {
        let trusted = self.trusted.iter().find(|trusted| trusted.issuer.id == issuer);
        let trusted = trusted.ok_or_else(|| TokenFault::rejected("its issuer is not in `grant.jose` of the stage"))?;
        let digest: [u8; 32] = Sha256::digest(text).into();
        if let Some(remembered) = self.verified.get(&digest)
            && remembered.still_holds(trusted, now_ms)
        {
            return Ok(Arc::clone(&remembered.claims));
        }
        let token = Token::parse(text)?;
        let ends_ms = claims::check(&token.claims, &trusted.issuer, now_ms)?;
        let keys = trusted.verify(&token).await?;
        let claims: Verified = token.claims.as_str().into();
        let remembered = Remembered { claims: Arc::clone(&claims), issuer: issuer.into(), keys, ends_ms };
        self.verified.insert(digest, Arc::new(remembered));
        Ok(claims)
    }
}

impl Verify for Verifier {
    fn verify<'a>(
        &'a self,
        token: &'a str,
        issuer: &'a str,
        now_ms: u64,
    ) -> BoxFuture<'a, Result<Verified, TokenFault>> {
        Box::pin(self.judge(token, issuer, now_ms))
    }
}

impl Trusted {
    /// Sees to it that the issuer signed a token; returns the keys it was verified with.
    async fn verify(&self, token: &Token<'_>) -> Result<Arc<KeySet>, TokenFault> {
        let types: Vec<&str> = self.issuer.types.iter().map(String::as_str).collect();
        let algorithm = token.algorithm(&types)?;
        if !self.issuer.algorithms.contains(&algorithm) {
            return Err(TokenFault::rejected("its `alg` is not one the issuer may use"));
        }
        let id = token.header.text("kid")?;
        let mut keys = self.source.keys().await?;
        if matches!(keys.find(id.as_deref(), algorithm), Search::Unknown)
            && let Some(newer) = self.source.newer_keys().await
        {
            keys = newer;
        }
        match keys.find(id.as_deref(), algorithm) {
            Search::Found(key) if key.has_signed(token, algorithm) => {}
            Search::Found(_) => return Err(TokenFault::rejected("its signature is not that of the issuer's key")),
            Search::Unknown => return Err(TokenFault::rejected("the issuer has no such key")),
            Search::Unusable(why) => return Err(TokenFault::rejected(why)),
        }
        Ok(keys)
    }
}

impl Remembered {
    /// The same issuer, the same keys, and not over.
    fn still_holds(&self, trusted: &Trusted, now_ms: u64) -> bool {
        let same_keys = trusted.source.present().is_some_and(|keys| Arc::ptr_eq(&keys, &self.keys));
        *self.issuer == *trusted.issuer.id && same_keys && now_ms < self.ends_ms
    }
}
