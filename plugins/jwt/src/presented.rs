//! What a request presents in its `Authorization` header, and whose it claims to be.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cardea_sdk::credential;
use cardea_sdk::prelude::Deserialize;

/// The longest text that is looked at.
const MOST_BYTES: usize = 16 << 10;

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Presented {
    /// No credential.
    Nothing,
    /// One of another scheme.
    Foreign,
    /// A token.
    Token(Scheme, String),
}

/// How a token is presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// Whoever has it may use it.
    Bearer,
    /// With a proof that the sender has the key it is bound to.
    Dpop,
}

/// Looks at the header. More than one never comes this far.
pub(crate) fn presented(takes_proofs: bool) -> Presented {
    credential::header("authorization").first().map_or(Presented::Nothing, |value| read(value, takes_proofs))
}

fn read(value: &str, takes_proofs: bool) -> Presented {
    let value = value.trim();
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    let token = token.trim().to_owned();
    match scheme {
        scheme if scheme.eq_ignore_ascii_case("bearer") => Presented::Token(Scheme::Bearer, token),
        scheme if scheme.eq_ignore_ascii_case("dpop") && takes_proofs => Presented::Token(Scheme::Dpop, token),
        _ => Presented::Foreign,
    }
}

/// The issuer a token claims, which only says whose keys to ask. None if it is no signed token.
pub(crate) fn unverified_issuer(token: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Claims {
        iss: String,
    }
    let mut parts = token.split('.');
    let (Some(_), Some(claims), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return None;
    };
    if token.len() > MOST_BYTES {
        return None;
    }
    let claims = URL_SAFE_NO_PAD.decode(claims).ok()?;
    serde_json::from_slice::<Claims>(&claims).ok().map(|claims| claims.iss)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn schemes_are_read_in_any_case() {
        let token = |scheme| Presented::Token(scheme, "a.b.c".to_owned());
        assert_eq!(read("bEARER  a.b.c ", true), token(Scheme::Bearer));
        assert_eq!(read("DPoP a.b.c", true), token(Scheme::Dpop));
        assert_eq!(read("DPoP a.b.c", false), Presented::Foreign);
        assert_eq!(read("Bearer", true), Presented::Token(Scheme::Bearer, String::new()));
        for foreign in ["Basic abc", "Bearera.b.c", "", "a.b.c"] {
            assert_eq!(read(foreign, true), Presented::Foreign, "{foreign}");
        }
    }

    #[test]
    fn an_issuer_is_claimed_once_or_not_at_all() {
        let token = |claims: &str| format!("e30.{}.e30", URL_SAFE_NO_PAD.encode(claims));
        assert_eq!(unverified_issuer(&token(r#"{"iss":"x","sub":1}"#)).as_deref(), Some("x"));
        for claims in [r#"{"iss":"x","iss":"y"}"#, r#"{"iss":["x"]}"#, r#"{"sub":"x"}"#, "x", ""] {
            assert_eq!(unverified_issuer(&token(claims)), None, "{claims}");
        }
        assert_eq!(unverified_issuer(&format!("{}.x", token(r#"{"iss":"x"}"#))), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in ".{0,60}", flag in prop::bool::ANY) {
            let _ = (read(&text, flag), unverified_issuer(&text));
        }
    }
}
