//! Issuers of signed tokens, and what is asked of the tokens they sign.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use http::Uri;

/// An issuer whose tokens a stage may have verified.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Issuer {
    /// Its identifier, byte for byte as its tokens have it in `iss`.
    pub id: String,
    /// Where its keys are; none asks its metadata.
    pub jwks: Option<Uri>,
    /// Algorithms its tokens may be signed with.
    pub algorithms: Vec<Algorithm>,
    /// Values of `typ` its tokens may have, without `application/`, in lower case.
    pub types: Vec<String>,
    /// How far its clock may be from ours.
    pub leeway: Duration,
    /// The longest time between a token's beginning and its end.
    pub max_lifetime: Duration,
}

/// Defines the algorithms with their names (RFC 7518, RFC 8037).
macro_rules! algorithms {
    ($($(#[doc = $doc:literal])* $variant:ident = $name:literal,)*) => {
        /// How a token is signed. All of them have a public key: with a shared one, who verifies could sign.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Algorithm {
            $($(#[doc = $doc])* $variant,)*
        }

        impl Algorithm {
            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name in a token's `alg`.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

algorithms! {
    /// RSA PKCS#1 v1.5 with SHA-256.
    Rs256 = "RS256",
    /// RSA PKCS#1 v1.5 with SHA-384.
    Rs384 = "RS384",
    /// RSA PKCS#1 v1.5 with SHA-512.
    Rs512 = "RS512",
    /// RSA PSS with SHA-256.
    Ps256 = "PS256",
    /// RSA PSS with SHA-384.
    Ps384 = "PS384",
    /// RSA PSS with SHA-512.
    Ps512 = "PS512",
    /// ECDSA on P-256 with SHA-256.
    Es256 = "ES256",
    /// ECDSA on P-384 with SHA-384.
    Es384 = "ES384",
    /// Ed25519.
    EdDsa = "EdDSA",
}

impl FromStr for Algorithm {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = || Self::ALL.iter().map(|algorithm| algorithm.as_str()).collect::<Vec<_>>().join(", ");
        let found = Self::ALL.iter().copied().find(|algorithm| algorithm.as_str() == text);
        found.ok_or_else(|| format!("is not one of {}", known()))
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a URL is none from which anything about tokens may be learned: "is …", "has …". Only `https` says who answers;
/// `http` is for the machine itself, where tests and sidecars are.
pub fn check_source(url: &Uri) -> Result<(), &'static str> {
    let host = url.host().unwrap_or_default();
    match url.scheme_str() {
        _ if host.is_empty() => Err("has no host"),
        _ if url.authority().is_some_and(|authority| authority.as_str().contains('@')) => Err("has a user name"),
        Some("https") => Ok(()),
        Some("http") if is_loopback(host) => Ok(()),
        Some("http") => Err("is no `https` URL, and its host is no loopback address"),
        _ => Err("is no `https` URL"),
    }
}

/// An address, not a name: what `localhost` stands for, a resolver decides.
fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    address.is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn algorithms_are_read_by_the_names_they_are_shown_by_and_no_others() {
        for algorithm in Algorithm::ALL {
            assert_eq!(algorithm.to_string().parse(), Ok(*algorithm));
        }
        for name in ["none", "HS256", "rs256", "ES512", "ES256K", ""] {
            assert!(name.parse::<Algorithm>().unwrap_err().contains("RS256"), "{name}");
        }
    }

    #[test]
    fn only_https_and_this_machine_are_sources() {
        for url in ["https://id.example.com", "https://id.example.com:8443/x", "http://127.0.0.1:9400", "http://[::1]/"]
        {
            assert_eq!(check_source(&url.parse().unwrap()), Ok(()), "{url}");
        }
        for url in [
            "http://id.example.com",
            "http://localhost",
            "http://127.0.0.1.evil.example",
            "ftp://a",
            "/keys",
            "https://a@b",
        ] {
            assert!(check_source(&url.parse().unwrap()).is_err(), "{url}");
        }
    }
}
