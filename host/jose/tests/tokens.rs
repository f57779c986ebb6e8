//! Tokens that are good and tokens that are not, each by one thing.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;

use cardea_grant::Algorithm;
use cardea_jose::{TokenFault, Verify, prove};
use serde_json::{Value, json};
use support::{Idp, NOW, Signer, base64, jose, verifier};

/// An issuer with one key of each kind.
struct House {
    idp: Idp,
    rsa: Signer,
    p256: Signer,
    ed25519: Signer,
    verifier: Arc<dyn Verify>,
}

const RS: &str = r#"{"alg":"RS256","typ":"at+jwt","kid":"rs"}"#;
const ES: &str = r#"{"alg":"ES256","typ":"at+jwt","kid":"es"}"#;
const ED: &str = r#"{"alg":"EdDSA","typ":"at+jwt","kid":"ed"}"#;

impl House {
    async fn open() -> Self {
        let (rsa, p256, ed25519) = (Signer::rsa(), Signer::p256(), Signer::ed25519());
        let idp = Idp::start(&[rsa.named("rs"), p256.named("es"), ed25519.named("ed")]).await;
        let verifier = verifier(&jose(), &[idp.issuer()]);
        Self { idp, rsa, p256, ed25519, verifier }
    }

    async fn verify(&self, token: &str) -> Result<Arc<str>, TokenFault> {
        self.verifier.verify(token, &self.idp.url, NOW * 1000).await
    }

    async fn refused(&self, what: &str, token: &str, word: &str) {
        match self.verify(token).await {
            Ok(_) => panic!("{what}: it was taken"),
            Err(TokenFault::Unavailable(why)) => panic!("{what}: {why}"),
            Err(fault) => assert!(fault.to_string().contains(word), "{what}: {fault}"),
        }
    }
}

#[tokio::test]
async fn what_an_issuer_signed_is_good_in_every_algorithm() {
    let house = House::open().await;
    let claims = house.idp.claims(json!({}));
    let ps = RS.replace("RS256", "PS256");
    for (signer, header) in [(&house.rsa, RS), (&house.rsa, &ps), (&house.p256, ES), (&house.ed25519, ED)] {
        let token = signer.sign(header, &claims);
        assert_eq!(&*house.verify(&token).await.unwrap(), claims, "{header}");
        assert_eq!(&*house.verify(&token).await.unwrap(), claims, "{header}, once more");
    }
    assert_eq!(house.idp.times_asked(), 1);
}

#[tokio::test]
async fn a_header_decides_nothing_and_may_ask_for_nothing() {
    let house = House::open().await;
    let (good, mine) = (house.idp.claims(json!({})), Signer::rsa());
    let stranger = |header: &str| mine.sign(header, &good);
    let unsigned = |header: &str| format!("{}.{}.", base64(header), base64(&good));
    let own = |header: &str| house.rsa.sign(header, &good);
    let embedded = json!({ "alg": "RS256", "typ": "at+jwt", "kid": "rs", "jwk": mine.named("rs") }).to_string();
    let elsewhere = RS.replace('}', r#","jku":"http://127.0.0.1:1/keys","x5u":"http://127.0.0.1:1/x"}"#);
    for (what, token, word) in [
        ("no algorithm", unsigned(r#"{"alg":"none","typ":"at+jwt","kid":"rs"}"#), "`alg`"),
        ("no algorithm, in capitals", unsigned(r#"{"alg":"NONE","typ":"at+jwt","kid":"rs"}"#), "`alg`"),
        ("no signature", unsigned(RS), "signature"),
        ("an algorithm that is missing", own(r#"{"typ":"at+jwt","kid":"rs"}"#), "no `alg`"),
        ("an algorithm that is a list", own(r#"{"alg":["RS256"],"typ":"at+jwt","kid":"rs"}"#), "no string"),
        ("a shared secret", own(r#"{"alg":"HS256","typ":"at+jwt","kid":"rs"}"#), "`alg`"),
        ("an algorithm in lower case", own(&RS.replace("RS256", "rs256")), "`alg`"),
        ("the algorithm of another key", own(&RS.replace("RS256", "ES256")), "not for its `alg`"),
        ("another algorithm of the same key", own(&RS.replace("RS256", "RS384")), "signature"),
        ("the key of another", stranger(RS), "signature"),
        ("a key it brings", stranger(&embedded), "signature"),
        ("keys somewhere else", stranger(&elsewhere), "signature"),
        ("a key nobody knows", own(&RS.replace("\"rs\"", "\"rs2\"")), "no such key"),
        ("a key that is a number", own(&RS.replace("\"rs\"", "1")), "`kid` is no string"),
        ("something to understand", own(&RS.replace('}', r#","crit":["exp"]}"#)), "`crit`"),
        ("nothing to understand, in many words", own(&RS.replace('}', r#","crit":null}"#)), "`crit`"),
        ("claims that are not encoded", own(&RS.replace('}', r#","b64":false}"#)), "`b64`"),
        ("the type of an ID token", own(&RS.replace("at+jwt", "JWT")), "`typ`"),
        ("the type of a logout", own(&RS.replace("at+jwt", "logout+jwt")), "`typ`"),
        ("no type", own(r#"{"alg":"RS256","kid":"rs"}"#), "`typ`"),
        ("an algorithm twice", own(&RS.replace('}', r#","alg":"none"}"#)), "header cannot be read"),
        ("a key twice, once escaped", own(&RS.replace('}', r#","\u006bid":"es"}"#)), "header cannot be read"),
        ("a header that is a list", own("[]"), "header cannot be read"),
    ] {
        house.refused(what, &token, word).await;
    }
    let wide = own(&RS.replace("at+jwt", "application/AT+JWT"));
    assert!(house.verify(&wide).await.is_ok(), "a type may be written as a media type");
}

#[tokio::test]
async fn claims_must_say_whose_for_whom_and_for_how_long() {
    let house = House::open().await;
    let url = house.idp.url.clone();
    for (what, changes, word) in [
        ("no issuer", json!({ "iss": null }), "`iss`"),
        ("another issuer", json!({ "iss": "https://evil.example" }), "`iss`"),
        ("the issuer with a slash", json!({ "iss": format!("{url}/") }), "`iss`"),
        ("the issuer in a list", json!({ "iss": ["https://evil.example", url] }), "`iss`"),
        ("an issuer that is a number", json!({ "iss": 1 }), "`iss`"),
        ("no audience", json!({ "aud": null }), "`aud`"),
        ("an audience of none", json!({ "aud": [] }), "`aud`"),
        ("an audience that is a number", json!({ "aud": 1 }), "`aud`"),
        ("an audience that is an object", json!({ "aud": {} }), "`aud`"),
        ("an audience with a number in it", json!({ "aud": ["x", 1] }), "`aud`"),
        ("no end", json!({ "exp": null }), "`exp`"),
        ("an end that is a text", json!({ "exp": (NOW + 300).to_string() }), "`exp`"),
        ("an end that was", json!({ "exp": NOW - 30 }), "expired"),
        ("an end long ago", json!({ "exp": -1e18 }), "expired"),
        ("an end that never comes", json!({ "exp": 1e18 }), "longer than"),
        ("an end beyond numbers", json!({ "exp": 1e308 }), "longer than"),
        ("an end too far away", json!({ "exp": NOW + 25 * 3600 }), "longer than"),
        ("an end too far away, with no beginning", json!({ "exp": NOW + 25 * 3600, "iat": null }), "longer than"),
        ("a beginning to come", json!({ "nbf": NOW + 31 }), "`nbf`"),
        ("a beginning that is a text", json!({ "nbf": "now" }), "`nbf`"),
        ("issued tomorrow", json!({ "iat": NOW + 31 }), "`iat`"),
    ] {
        house.refused(what, &house.rsa.sign(RS, &house.idp.claims(changes)), word).await;
    }
    for (what, changes) in [
        ("audiences", json!({ "aud": ["a", "b"] })),
        ("an end within the leeway", json!({ "exp": NOW - 29 })),
        ("a beginning within the leeway", json!({ "nbf": NOW + 30, "iat": NOW + 30 })),
        ("an end between two seconds", json!({ "exp": NOW as f64 + 0.5 })),
        ("no beginning", json!({ "iat": null })),
    ] {
        let token = house.rsa.sign(RS, &house.idp.claims(changes));
        assert!(house.verify(&token).await.is_ok(), "{what}");
    }
    let good = house.idp.claims(json!({}));
    for (what, claims) in [
        ("an audience twice", good.replace('}', r#","aud":"x"}"#)),
        ("a scope twice", good.replace('}', r#","scope":"mcp:admin"}"#)),
        ("a scope twice, further down", good.replace('}', r#","act":{"sub":"a","sub":"b"}}"#)),
        ("half a character", good.replace('}', r#","x":"\ud800"}"#)),
        ("no object", "1".to_owned()),
        ("something behind", format!("{good} 1")),
        ("claims of great depth", good.replace('}', &format!(r#","x":{}{}}}"#, "[".repeat(2_000), "]".repeat(2_000)))),
    ] {
        house.refused(what, &house.rsa.sign(RS, &claims), "claims cannot be read").await;
    }
}

#[tokio::test]
async fn a_text_that_is_changed_anywhere_is_no_token() {
    let house = House::open().await;
    let good = house.p256.sign(ES, &house.idp.claims(json!({})));
    assert!(house.verify(&good).await.is_ok());
    let parts: Vec<&str> = good.split('.').collect();
    let signature = |bytes: &[u8]| format!("{}.{}.{}", parts[0], parts[1], base64(bytes));
    for (what, token, word) in [
        ("nothing", String::new(), "three"),
        ("two parts", good.rsplit_once('.').unwrap().0.to_owned(), "three"),
        ("five parts", format!("{good}.a.b"), "three"),
        ("blanks", format!(" {good}"), "header cannot be read"),
        ("padding", format!("{}==.{}.{}", parts[0], parts[1], parts[2]), "header cannot be read"),
        ("the other alphabet", good.replacen("eyJ", "+/J", 1), "header cannot be read"),
        ("a long text", format!("{good}{}", "A".repeat(20_000)), "longer than"),
        ("a short signature", signature(&[1; 63]), "signature"),
        ("a signature of zeros", signature(&[0; 64]), "signature"),
        ("a signature in the other form (DER)", signature(&[0x30, 6, 2, 1, 1, 2, 1, 1]), "signature"),
        ("padding of the signature", format!("{good}=="), "signature"),
    ] {
        house.refused(what, &token, word).await;
    }
    // 86 characters hold 516 bits: the last four are no part of the 64 bytes and must be zero.
    let (rest, last) = good.split_at(good.len() - 1);
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let next = alphabet.chars().nth(alphabet.find(last).unwrap() + 1).unwrap();
    house.refused("bits beyond the signature", &format!("{rest}{next}"), "signature").await;
    // Whoever has a signature of this kind (r, s) can make another, (r, n - s). It says nothing new, and nothing here goes by it.
    let changed = good.replacen(parts[1], &base64(house.idp.claims(json!({ "sub": "root" }))), 1);
    house.refused("other claims", &changed, "signature").await;
}

#[tokio::test]
async fn an_issuer_answers_for_itself_alone() {
    let (one, other) = (House::open().await, House::open().await);
    let both = verifier(&jose(), &[one.idp.issuer(), other.idp.issuer()]);
    let token = one.rsa.sign(RS, &one.idp.claims(json!({})));
    assert!(both.verify(&token, &one.idp.url, NOW * 1000).await.is_ok());
    assert!(both.verify(&token, &other.idp.url, NOW * 1000).await.is_err(), "remembered for the one only");
    let forged = one.rsa.sign(RS, &one.idp.claims(json!({ "iss": other.idp.url })));
    let fault = both.verify(&forged, &other.idp.url, NOW * 1000).await.unwrap_err();
    assert!(fault.to_string().contains("signature"), "{fault}");
    let fault = both.verify(&token, "https://nobody.example", NOW * 1000).await.unwrap_err();
    assert!(fault.to_string().contains("grant.jose"), "{fault}");
    let mut narrow = one.idp.issuer();
    narrow.algorithms = vec![Algorithm::Es256];
    let narrow = verifier(&jose(), &[narrow]);
    let fault = narrow.verify(&token, &one.idp.url, NOW * 1000).await.unwrap_err();
    assert!(fault.to_string().contains("`alg`"), "{fault}");
}

#[tokio::test]
async fn a_token_that_was_good_ends_in_time() {
    let house = House::open().await;
    let token = house.rsa.sign(RS, &house.idp.claims(json!({ "exp": NOW + 10 })));
    let at = |seconds: u64| house.verifier.verify(&token, &house.idp.url, (NOW + seconds) * 1000);
    assert!(at(0).await.is_ok());
    assert!(at(39).await.is_ok());
    assert!(at(40).await.is_err());
}

fn proof_header(signer: &Signer, changes: Value) -> String {
    let mut header = json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": signer.jwk() });
    for (name, value) in changes.as_object().unwrap() {
        header[name] = value.clone();
    }
    header.to_string()
}

#[test]
fn a_proof_is_signed_by_the_key_it_carries() {
    let (mine, yours, rsa) = (Signer::p256(), Signer::p256(), Signer::rsa());
    let claims = json!({ "jti": "1", "htm": "POST", "htu": "https://gateway.example/mcp", "iat": NOW }).to_string();
    let proof = prove(&mine.sign(&proof_header(&mine, json!({})), &claims)).unwrap();
    assert_eq!(proof.claims, claims);
    let again = prove(&mine.sign(&proof_header(&mine, json!({ "kid": "x" })), &claims)).unwrap();
    assert_eq!(proof.thumbprint, again.thumbprint, "what else the header says is no part of the key");
    let mut private = mine.jwk();
    private["d"] = "AAAA".into();
    let secret = json!({ "kty": "oct", "k": base64("secret") });
    for (what, header, word) in [
        ("another's key", proof_header(&yours, json!({})), "signature"),
        ("no key", r#"{"typ":"dpop+jwt","alg":"ES256"}"#.to_owned(), "no `jwk`"),
        ("a private key", proof_header(&mine, json!({ "jwk": private })), "no public key"),
        ("a shared secret", proof_header(&mine, json!({ "jwk": secret, "alg": "HS256" })), "`alg`"),
        ("a shared secret with another's algorithm", proof_header(&mine, json!({ "jwk": secret })), "no public key"),
        ("a key for something else", proof_header(&rsa, json!({})), "not for its `alg`"),
        ("no proof", proof_header(&mine, json!({ "typ": "at+jwt" })), "`typ`"),
    ] {
        let fault = prove(&mine.sign(&header, &claims)).unwrap_err();
        assert!(fault.to_string().contains(word), "{what}: {fault}");
    }
}
