//! An issuer on loopback: keys that sign whatever a test says, and a server that shows them.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
    RsaKeyPair, RsaPublicKeyComponents,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cardea_egress::{Egress, Limits, SystemResolver};
use cardea_grant::{Algorithm, IpNet, Issuer};
use cardea_jose::{Jose, Verifiers, Verify};
use rustls::crypto::aws_lc_rs as provider;
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// The time of all tests: 2026-01-01T00:00:00Z.
pub(crate) const NOW: u64 = 1_767_225_600;

/// A private key.
pub(crate) enum Signer {
    Rsa(Box<RsaKeyPair>),
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Signer {
    pub(crate) fn rsa() -> Self {
        Self::Rsa(Box::new(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()))
    }

    pub(crate) fn p256() -> Self {
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new()).unwrap();
        Self::P256(EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref()).unwrap())
    }

    pub(crate) fn ed25519() -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self::Ed25519(Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap())
    }

    /// The public key, without `kid`.
    pub(crate) fn jwk(&self) -> Value {
        match self {
            Self::Rsa(pair) => {
                let RsaPublicKeyComponents::<Vec<u8>> { n, e } = pair.public_key().into();
                json!({ "kty": "RSA", "n": base64(n), "e": base64(e) })
            }
            Self::P256(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                json!({ "kty": "EC", "crv": "P-256", "x": base64(x), "y": base64(y) })
            }
            Self::Ed25519(pair) => json!({ "kty": "OKP", "crv": "Ed25519", "x": base64(pair.public_key().as_ref()) }),
        }
    }

    /// The same with a `kid`.
    pub(crate) fn named(&self, kid: &str) -> Value {
        let mut jwk = self.jwk();
        jwk["kid"] = kid.into();
        jwk
    }

    pub(crate) fn sign(&self, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", base64(header), base64(claims));
        let signature = self.signature(signed.as_bytes(), header.contains("PS256"));
        format!("{signed}.{}", base64(signature))
    }

    fn signature(&self, message: &[u8], pss: bool) -> Vec<u8> {
        match self {
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                let random = SystemRandom::new();
                let padding: &'static dyn aws_lc_rs::signature::RsaEncoding =
                    if pss { &RSA_PSS_SHA256 } else { &RSA_PKCS1_SHA256 };
                pair.sign(padding, &random, message, &mut signature).unwrap();
                signature
            }
            Self::P256(pair) => pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec(),
            Self::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }
}

/// A server that answers by path; what it does not know is 404.
pub(crate) struct Idp {
    pub(crate) url: String,
    pub(crate) asked: Arc<AtomicUsize>,
    pages: Arc<Mutex<Vec<(String, String)>>>,
}

impl Idp {
    /// With metadata and these keys.
    pub(crate) async fn start(keys: &[Value]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let idp = Self { url, asked: Arc::default(), pages: Arc::default() };
        idp.show(
            "/.well-known/openid-configuration",
            &json!({ "issuer": idp.url, "jwks_uri": format!("{}/jwks", idp.url) }).to_string(),
        );
        idp.show_keys(keys);
        let (asked, pages) = (Arc::clone(&idp.asked), Arc::clone(&idp.pages));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (asked, pages) = (Arc::clone(&asked), Arc::clone(&pages));
                tokio::spawn(async move {
                    let mut request = vec![0; 4096];
                    let Ok(read) = stream.read(&mut request).await else { return };
                    let head = String::from_utf8_lossy(&request[..read]).into_owned();
                    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
                    if path == "/jwks" {
                        asked.fetch_add(1, Ordering::SeqCst);
                    }
                    let page = pages.lock().unwrap().iter().find(|(at, _)| *at == path).map(|(_, page)| page.clone());
                    let answer = page.unwrap_or_else(|| {
                        "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned()
                    });
                    let _ = stream.write_all(answer.as_bytes()).await;
                });
            }
        });
        idp
    }

    /// Shows JSON at a path.
    pub(crate) fn show(&self, path: &str, json: &str) {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n";
        self.answer(path, format!("{head}content-length: {}\r\n\r\n{json}", json.len()));
    }

    /// Shows these keys and no others.
    pub(crate) fn show_keys(&self, keys: &[Value]) {
        self.show("/jwks", &json!({ "keys": keys }).to_string());
    }

    /// Answers a path with these bytes.
    pub(crate) fn answer(&self, path: &str, answer: String) {
        let mut pages = self.pages.lock().unwrap();
        pages.retain(|(at, _)| at != path);
        pages.push((path.to_owned(), answer));
    }

    /// Answers everything with 500 from now on.
    pub(crate) fn fail(&self) {
        self.answer("/jwks", "HTTP/1.1 500 Oops\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned());
    }

    pub(crate) fn times_asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// The issuer as a manifest names it.
    pub(crate) fn issuer(&self) -> Issuer {
        Issuer {
            id: self.url.clone(),
            jwks: None,
            algorithms: Algorithm::ALL.to_vec(),
            types: vec!["at+jwt".to_owned()],
            leeway: Duration::from_secs(30),
            max_lifetime: Duration::from_secs(24 * 3600),
        }
    }

    /// Claims that are good, with some put in place of them; `null` takes one away.
    pub(crate) fn claims(&self, changes: Value) -> String {
        let mut claims = json!({
            "iss": self.url, "aud": "https://gateway.example/mcp", "sub": "u1", "client_id": "c1",
            "iat": NOW - 10, "exp": NOW + 300, "jti": "t1", "scope": "mcp:tools",
        });
        for (name, value) in changes.as_object().unwrap() {
            match value {
                Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
                value => claims[name] = value.clone(),
            }
        }
        claims.to_string()
    }
}

pub(crate) fn jose() -> Arc<Jose> {
    let tls = ClientConfig::builder_with_provider(Arc::new(provider::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    Arc::new(Jose::new(Arc::new(Egress::with(tls, Arc::new(SystemResolver), Limits::default()))))
}

/// A verifier that may reach this machine.
pub(crate) fn verifier(jose: &Jose, issuers: &[Issuer]) -> Arc<dyn Verify> {
    jose.verifier(issuers, &[loopback()])
}

pub(crate) fn loopback() -> IpNet {
    "127.0.0.0/8".parse().unwrap()
}

pub(crate) fn base64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
