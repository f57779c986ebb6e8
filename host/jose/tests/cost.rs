//! What a token costs: remembered, and verified anew with the keys at hand. Bounds with room for a machine that has other
//! things to do; the figures themselves are printed (`--nocapture`).
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by panicking, and this one tells figures")]

mod support;

use std::time::{Duration, Instant};

use serde_json::json;
use support::{Idp, NOW, Signer, jose, verifier};

/// Tokens of a round; the best of some rounds is the cost, because a busy machine only ever adds to it.
const ROUND: usize = 200;
const ROUNDS: usize = 10;

#[tokio::test]
async fn a_token_is_cheap_and_a_known_one_nearly_free() {
    let signers = [("RS256", Signer::rsa()), ("ES256", Signer::p256()), ("EdDSA", Signer::ed25519())];
    let idp = Idp::start(&signers.each_ref().map(|(alg, signer)| signer.named(alg))).await;
    for (alg, signer) in &signers {
        let header = format!(r#"{{"alg":"{alg}","typ":"at+jwt","kid":"{alg}"}}"#);
        let sign = |n: usize| signer.sign(&header, &idp.claims(json!({ "jti": n.to_string() })));
        let tokens: Vec<String> = (0..ROUND).map(sign).collect();
        let (mut miss, mut hit) = (Duration::MAX, Duration::MAX);
        for _ in 0..ROUNDS {
            let verifier = verifier(&jose(), &[idp.issuer()]);
            verifier.verify(&sign(ROUND), &idp.url, NOW * 1000).await.unwrap();
            for best in [&mut miss, &mut hit] {
                let started = Instant::now();
                for token in &tokens {
                    verifier.verify(token, &idp.url, NOW * 1000).await.unwrap();
                }
                *best = (*best).min(started.elapsed() / u32::try_from(ROUND).unwrap());
            }
        }
        println!("{alg}: verified {miss:?}, remembered {hit:?}");
        assert!(hit < Duration::from_micros(50), "{alg}: {hit:?}");
        assert!(miss < Duration::from_millis(1), "{alg}: {miss:?}");
    }
}
