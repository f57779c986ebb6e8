//! One public key (RFC 7517): whether it may verify anything, and what.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cardea_grant::Algorithm;
use cardea_message::json;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, ThumbprintHash};

use crate::token::{Object, Token};

/// Sizes of an RSA modulus: below, it can be broken; above, aws-lc does not take it.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// A public key.
pub(crate) struct Key {
    /// Its `kid`.
    pub(crate) id: Option<String>,
    family: Family,
    /// The one algorithm it is for, if it says so.
    only: Option<Algorithm>,
    decoding: DecodingKey,
    jwk: Jwk,
}

/// What kind of key it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    Rsa,
    P256,
    P384,
    Ed25519,
}

impl Key {
    /// Reads a key; the error says why it may verify nothing.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let object = Object::parse(text.as_bytes().to_vec())?;
        if let Some(member) = ["d", "p", "q", "k"].into_iter().find(|member| object.has(member)) {
            return Err(format!("it has `{member}`, which no public key has"));
        }
        check_purpose(&object)?;
        let only = match object.text("alg").map_err(|fault| fault.to_string())? {
            Some(name) => Some(name.parse::<Algorithm>().map_err(|why| format!("its `alg` {why}"))?),
            None => None,
        };
        let jwk: Jwk = serde_json::from_str(text).map_err(|fault| format!("it cannot be read: {fault}"))?;
        let (family, decoding) = material(&jwk)?;
        if only.is_some_and(|algorithm| !family.fits(algorithm)) {
            return Err("its `alg` is not for a key of its kind".to_owned());
        }
        Ok(Self { id: jwk.common.key_id.clone(), family, only, decoding, jwk })
    }

    /// True if tokens signed this way may be verified with it.
    pub(crate) fn fits(&self, algorithm: Algorithm) -> bool {
        self.family.fits(algorithm) && self.only.is_none_or(|only| only == algorithm)
    }

    /// True if a token could mean either of them.
    pub(crate) fn is_twin(&self, other: &Self) -> bool {
        self.id == other.id && self.family == other.family
    }

    /// True if the signature is that of this key's owner.
    pub(crate) fn has_signed(&self, token: &Token<'_>, algorithm: Algorithm) -> bool {
        let verified = jsonwebtoken::crypto::verify(token.signature, token.signed, &self.decoding, named(algorithm));
        self.fits(algorithm) && verified.unwrap_or(false)
    }

    /// Its thumbprint (RFC 7638) with SHA-256, in base64url.
    pub(crate) fn thumbprint(&self) -> Option<String> {
        self.jwk.thumbprint(ThumbprintHash::SHA256).ok()
    }
}

impl Family {
    fn fits(self, algorithm: Algorithm) -> bool {
        use Algorithm::{EdDsa, Es256, Es384, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
        match algorithm {
            Rs256 | Rs384 | Rs512 | Ps256 | Ps384 | Ps512 => self == Self::Rsa,
            Es256 => self == Self::P256,
            Es384 => self == Self::P384,
            EdDsa => self == Self::Ed25519,
        }
    }
}

/// For signatures, if it says what it is for.
fn check_purpose(object: &Object) -> Result<(), String> {
    if object.text("use").map_err(|fault| fault.to_string())?.is_some_and(|purpose| purpose != "sig") {
        return Err("its `use` is not `sig`".to_owned());
    }
    let Some(operations) = object.member("key_ops") else { return Ok(()) };
    let list = json::elements(operations.as_bytes()).unwrap_or_default();
    let verifies = |one: &std::ops::Range<usize>| {
        json::string(&operations.as_bytes()[one.clone()]).is_some_and(|operation| operation == "verify")
    };
    if list.iter().any(verifies) { Ok(()) } else { Err("its `key_ops` do not have `verify`".to_owned()) }
}

fn material(jwk: &Jwk) -> Result<(Family, DecodingKey), String> {
    let bytes =
        |name: &str, text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| format!("its `{name}` is no base64url"));
    let length = |name: &str, text: &str, wanted: usize| match bytes(name, text)?.len() == wanted {
        true => Ok(()),
        false => Err(format!("its `{name}` has not {wanted} bytes")),
    };
    let family = match &jwk.algorithm {
        AlgorithmParameters::RSA(rsa) => {
            let (modulus, exponent) = (bytes("n", &rsa.n)?, bytes("e", &rsa.e)?);
            check_rsa(&modulus, &exponent)?;
            Family::Rsa
        }
        AlgorithmParameters::EllipticCurve(point) => {
            let (family, size) = match point.curve {
                EllipticCurve::P256 => (Family::P256, 32),
                EllipticCurve::P384 => (Family::P384, 48),
                _ => return Err("its curve is neither P-256 nor P-384".to_owned()),
            };
            length("x", &point.x, size)?;
            length("y", &point.y, size)?;
            family
        }
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => {
            length("x", &pair.x, 32)?;
            Family::Ed25519
        }
        AlgorithmParameters::OctetKey(_) => return Err("it is a shared secret".to_owned()),
        _ => return Err("it is of a kind that is not supported".to_owned()),
    };
    let decoding = DecodingKey::from_jwk(jwk).map_err(|fault| format!("it cannot be used: {fault}"))?;
    Ok((family, decoding))
}

fn check_rsa(modulus: &[u8], exponent: &[u8]) -> Result<(), String> {
    let significant = modulus.iter().position(|byte| *byte != 0).map_or(&modulus[..0], |at| &modulus[at..]);
    let bits = significant.first().map_or(0, |first| significant.len() * 8 - first.leading_zeros() as usize);
    if !RSA_BITS.contains(&bits) {
        return Err(format!("its modulus has {bits} bits, not {} to {}", RSA_BITS.start(), RSA_BITS.end()));
    }
    // 1 would make every signature good.
    let odd = exponent.last().is_some_and(|last| last % 2 == 1);
    let above_one = exponent.len() <= 8 && exponent.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte)) > 1;
    if odd && above_one { Ok(()) } else { Err("its exponent is none of a public key".to_owned()) }
}

fn named(algorithm: Algorithm) -> jsonwebtoken::Algorithm {
    match algorithm {
        Algorithm::Rs256 => jsonwebtoken::Algorithm::RS256,
        Algorithm::Rs384 => jsonwebtoken::Algorithm::RS384,
        Algorithm::Rs512 => jsonwebtoken::Algorithm::RS512,
        Algorithm::Ps256 => jsonwebtoken::Algorithm::PS256,
        Algorithm::Ps384 => jsonwebtoken::Algorithm::PS384,
        Algorithm::Ps512 => jsonwebtoken::Algorithm::PS512,
        Algorithm::Es256 => jsonwebtoken::Algorithm::ES256,
        Algorithm::Es384 => jsonwebtoken::Algorithm::ES384,
        Algorithm::EdDsa => jsonwebtoken::Algorithm::EdDSA,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    /// RFC 7638 section 3.1.
    fn of_the_specification() -> String {
        let key = concat!(
            r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRX"#,
            r#"jBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgd"#,
            r#"AZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8aw"#,
            r#"apJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}"#
        );
        key.to_owned()
    }

    #[test]
    fn a_thumbprint_is_that_of_the_specification() {
        let key = Key::parse(&of_the_specification()).unwrap();
        assert_eq!(key.thumbprint().as_deref(), Some("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"));
        assert!(key.fits(Algorithm::Rs256) && !key.fits(Algorithm::Rs384) && !key.fits(Algorithm::Es256));
    }

    #[test]
    fn what_may_verify_nothing_is_left_out_with_the_reason() {
        let good = of_the_specification();
        let with = |member: &str| good.replace(r#""kty":"RSA""#, &format!(r#""kty":"RSA",{member}"#));
        for (key, word) in [
            (with(r#""use":"enc""#), "`use`"),
            (with(r#""key_ops":["sign"]"#), "`key_ops`"),
            (with(r#""key_ops":"verify""#), "`key_ops`"),
            (with(r#""d":"AQAB""#), "`d`"),
            (good.replace("RS256", "RSA-OAEP"), "`alg`"),
            (good.replace("RS256", "ES256"), "not for a key"),
            (good.replace("RS256", "HS256"), "`alg`"),
            (good.replace("0vx7", "AAAA"), "bits"),
            (good.replace("AQAB", "AQ"), "exponent"),
            (good.replace("AQAB", "Ag"), "exponent"),
            (good.replace("AQAB", "!"), "base64url"),
            (good.replace(r#""RSA""#, r#""RSB""#), "not supported"),
            (r#"{"kty":"oct","k":"c2VjcmV0"}"#.to_owned(), "`k`"),
            (r#"{"kty":"EC","crv":"P-521","x":"AA","y":"AA"}"#.to_owned(), "curve"),
            (r#"{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA"}"#.to_owned(), "not supported"),
            (r#"{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}"#.to_owned(), "32 bytes"),
            (r#"{"kty":"OKP","crv":"X25519","x":"AA"}"#.to_owned(), "not supported"),
            (r#"{"kty":"OKP","crv":"Ed25519","x":"AA"}"#.to_owned(), "32 bytes"),
            ("{}".to_owned(), "not supported"),
            ("1".to_owned(), "no JSON object"),
        ] {
            let why = Key::parse(&key).err().unwrap_or_else(|| panic!("{key} was taken"));
            assert!(why.contains(word), "{key}: {why}");
        }
        for member in [r#""use":"sig""#, r#""key_ops":["verify"]"#, r#""x5c":["AAAA"]"#] {
            assert!(Key::parse(&with(member)).is_ok(), "{member}");
        }
    }
}
