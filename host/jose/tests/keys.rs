//! The keys of an issuer over time: fetched once for all, renewed, kept while the issuer is away, and never from elsewhere.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use cardea_jose::{TokenFault, Verifiers, Verify};
use futures_util::future::join_all;
use serde_json::json;
use support::{Idp, NOW, Signer, jose, verifier};

const HOUR: Duration = Duration::from_secs(3600);

fn header(kid: &str) -> String {
    format!(r#"{{"alg":"EdDSA","typ":"at+jwt","kid":"{kid}"}}"#)
}

fn token(idp: &Idp, signer: &Signer, kid: &str) -> String {
    signer.sign(&header(kid), &idp.claims(json!({})))
}

async fn verify(verifier: &Arc<dyn Verify>, idp: &Idp, token: &str) -> Result<Arc<str>, TokenFault> {
    verifier.verify(token, &idp.url, NOW * 1000).await
}

/// Lets time pass that nobody waits for.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

/// Waits for what happens behind everybody's back.
async fn until(mut holds: impl FnMut() -> bool) {
    while !holds() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn however_many_ask_first_the_issuer_is_asked_once() {
    let signer = Signer::ed25519();
    let idp = Idp::start(&[signer.named("a")]).await;
    let verifier = verifier(&jose(), &[idp.issuer()]);
    let tokens: Vec<_> =
        (0..50).map(|n| signer.sign(&header("a"), &idp.claims(json!({ "jti": n.to_string() })))).collect();
    let verified = join_all(tokens.iter().map(|token| verify(&verifier, &idp, token))).await;
    assert!(verified.iter().all(Result::is_ok), "{verified:?}");
    assert_eq!(idp.times_asked(), 1);
}

#[tokio::test]
async fn a_new_key_is_found_when_a_token_names_it_and_an_old_one_is_good_no_more() {
    let (old, new) = (Signer::ed25519(), Signer::ed25519());
    let idp = Idp::start(&[old.named("old")]).await;
    let verifier = verifier(&jose(), &[idp.issuer()]);
    let of_old = token(&idp, &old, "old");
    assert!(verify(&verifier, &idp, &of_old).await.is_ok());
    idp.show_keys(&[new.named("new")]);
    assert!(verify(&verifier, &idp, &token(&idp, &new, "new")).await.is_ok());
    assert_eq!(idp.times_asked(), 2);
    let fault = verify(&verifier, &idp, &of_old).await.unwrap_err();
    assert!(fault.to_string().contains("no such key"), "what was remembered is not believed with other keys: {fault}");
}

#[tokio::test]
async fn a_flood_of_names_of_keys_costs_one_request_in_its_time() {
    let signer = Signer::ed25519();
    let idp = Idp::start(&[signer.named("a")]).await;
    let verifier = verifier(&jose(), &[idp.issuer()]);
    assert!(verify(&verifier, &idp, &token(&idp, &signer, "a")).await.is_ok());
    for n in 0..200 {
        assert!(verify(&verifier, &idp, &token(&idp, &signer, &format!("b{n}"))).await.is_err());
    }
    assert_eq!(idp.times_asked(), 2);
    pass(Duration::from_secs(31)).await;
    for n in 0..200 {
        assert!(verify(&verifier, &idp, &token(&idp, &signer, &format!("c{n}"))).await.is_err());
    }
    assert_eq!(idp.times_asked(), 3);
}

#[tokio::test]
async fn keys_are_renewed_behind_the_callers_back_and_kept_while_the_issuer_is_away() {
    let signer = Signer::ed25519();
    let idp = Idp::start(&[signer.named("a")]).await;
    let verifier = verifier(&jose(), &[idp.issuer()]);
    let good = |n: u32| signer.sign(&header("a"), &idp.claims(json!({ "jti": n.to_string() })));
    assert!(verify(&verifier, &idp, &good(0)).await.is_ok());
    pass(Duration::from_secs(601)).await;
    assert!(verify(&verifier, &idp, &good(1)).await.is_ok());
    until(|| idp.times_asked() == 2).await;
    idp.fail();
    for hour in 1..=23 {
        pass(HOUR).await;
        assert!(verify(&verifier, &idp, &good(10 + hour)).await.is_ok(), "hour {hour}");
    }
    pass(2 * HOUR).await;
    let fault = verify(&verifier, &idp, &good(99)).await.unwrap_err();
    assert!(matches!(fault, TokenFault::Unavailable(_)), "a day later nobody knows whether it still holds: {fault}");
    idp.show_keys(&[signer.named("a")]);
    pass(Duration::from_secs(61)).await;
    assert!(verify(&verifier, &idp, &good(100)).await.is_ok());
}

#[tokio::test]
async fn an_issuer_that_never_answered_is_not_asked_again_at_once() {
    let signer = Signer::ed25519();
    let idp = Idp::start(&[signer.named("a")]).await;
    idp.fail();
    let verifier = verifier(&jose(), &[idp.issuer()]);
    for _ in 0..20 {
        let fault = verify(&verifier, &idp, &token(&idp, &signer, "a")).await.unwrap_err();
        assert!(matches!(&fault, TokenFault::Unavailable(why) if why.contains("HTTP 500")), "{fault}");
    }
    assert_eq!(idp.times_asked(), 1);
    idp.show_keys(&[signer.named("a")]);
    pass(Duration::from_secs(2)).await;
    assert!(verify(&verifier, &idp, &token(&idp, &signer, "a")).await.is_ok());
}

#[tokio::test]
async fn a_reload_finds_the_keys_that_are_there() {
    let signer = Signer::ed25519();
    let idp = Idp::start(&[signer.named("a")]).await;
    let jose = jose();
    let before = verifier(&jose, &[idp.issuer()]);
    assert!(verify(&before, &idp, &token(&idp, &signer, "a")).await.is_ok());
    idp.fail();
    let after = verifier(&jose, &[idp.issuer()]);
    drop(before);
    assert!(verify(&after, &idp, &token(&idp, &signer, "a")).await.is_ok());
    assert_eq!(idp.times_asked(), 1);
}

#[tokio::test]
async fn a_token_without_a_key_is_good_only_where_there_is_one_key() {
    let (one, two) = (Signer::ed25519(), Signer::ed25519());
    let idp = Idp::start(&[one.named("a"), Signer::p256().named("b")]).await;
    let verifier = verifier(&jose(), &[idp.issuer()]);
    let nameless = one.sign(r#"{"alg":"EdDSA","typ":"at+jwt"}"#, &idp.claims(json!({})));
    assert!(verify(&verifier, &idp, &nameless).await.is_ok());
    idp.show_keys(&[one.named("a"), two.named("c")]);
    assert!(verify(&verifier, &idp, &token(&idp, &two, "c")).await.is_ok());
    let fault = verify(&verifier, &idp, &nameless).await.unwrap_err();
    assert!(fault.to_string().contains("names no key"), "{fault}");
}

#[tokio::test]
async fn keys_come_from_where_they_may_and_are_what_they_must_be() {
    let signer = Signer::ed25519();
    let keys = json!({ "keys": [signer.named("a")] }).to_string();
    let page = |head: &str, body: &str| {
        format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
    };
    let many = json!({ "keys": vec![signer.named("a"); 51] }).to_string();
    let padded = format!("{keys}{}", " ".repeat(300_000));
    for (what, answer, word) in [
        ("a redirect", page("302 Found\r\nlocation: http://127.0.0.1:1/", ""), "HTTP 302"),
        ("a page", page("200 OK\r\ncontent-type: text/html", &keys), "not JSON"),
        ("a large document", page("200 OK\r\ncontent-type: application/json", &padded), "more than"),
        ("many keys", page("200 OK\r\ncontent-type: application/json", &many), "51 keys"),
        ("no keys", page("200 OK\r\ncontent-type: application/json", r#"{"keys":[]}"#), "no key that may be used"),
        (
            "a shared secret",
            page("200 OK\r\ncontent-type: application/json", r#"{"keys":[{"kty":"oct","k":"AAAA"}]}"#),
            "no key that may be used",
        ),
        (
            "keys twice",
            page("200 OK\r\ncontent-type: application/json", r#"{"keys":[],"keys":[]}"#),
            "key set cannot be used",
        ),
    ] {
        let idp = Idp::start(&[]).await;
        idp.answer("/jwks", answer);
        let fault = verify(&verifier(&jose(), &[idp.issuer()]), &idp, &token(&idp, &signer, "a")).await.unwrap_err();
        assert!(matches!(&fault, TokenFault::Unavailable(why) if why.contains(word)), "{what}: {fault}");
    }
    let idp = Idp::start(&[signer.named("a")]).await;
    let outside = jose().verifier(&[idp.issuer()], &[]);
    let fault = verify(&outside, &idp, &token(&idp, &signer, "a")).await.unwrap_err();
    assert!(fault.to_string().contains("not on the public internet"), "{fault}");
    assert_eq!(idp.times_asked(), 0);
    let mut named = idp.issuer();
    named.jwks = Some(format!("{}/jwks", idp.url).parse().unwrap());
    idp.answer("/.well-known/openid-configuration", page("500 Oops", ""));
    assert!(
        verify(&verifier(&jose(), &[named]), &idp, &token(&idp, &signer, "a")).await.is_ok(),
        "metadata is not asked"
    );
}
