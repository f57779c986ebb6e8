//! Who may see what: known hosts only, no web pages, and a token for all that is not a plain yes or no.

use std::net::IpAddr;

use http::header::{AUTHORIZATION, HOST, ORIGIN};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, StatusCode};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::Settings;

/// Judges requests by their head.
pub(crate) struct Guard {
    hosts: Vec<String>,
    operator: Option<[u8; 32]>,
    viewer: Option<[u8; 32]>,
}

impl Guard {
    pub(crate) fn new(settings: &Settings) -> Self {
        let kept = |token: &Option<String>| token.as_deref().map(|token| digest(token.as_bytes()));
        Self { hosts: settings.hosts.clone(), operator: kept(&settings.token), viewer: kept(&settings.viewer_token) }
    }

    /// Whether anybody is let in like this at all. A page that rebinds a name of its own to this machine is not: it sends
    /// that name. Addresses and `localhost` cannot be rebound.
    pub(crate) fn admit(&self, head: &Parts) -> Result<(), (StatusCode, &'static str)> {
        if head.headers.contains_key(ORIGIN) {
            return Err((StatusCode::FORBIDDEN, "web pages may not call the admin listener"));
        }
        let mut hosts = head.headers.get_all(HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else {
            return Err((StatusCode::BAD_REQUEST, "exactly one Host header is needed"));
        };
        let Ok(host) = Authority::try_from(host.as_bytes()) else {
            return Err((StatusCode::BAD_REQUEST, "the Host header cannot be read"));
        };
        if self.knows(&host) && head.uri.authority().is_none_or(|target| *target == host) {
            Ok(())
        } else {
            Err((StatusCode::FORBIDDEN, "this host name is not served here"))
        }
    }

    /// Whether the request may see what is here: it carries one of the tokens, or none is wanted.
    pub(crate) fn trusts(&self, headers: &HeaderMap) -> bool {
        // Both are compared, whatever comes of the first.
        self.may_operate(headers) | self.viewer.as_ref().is_some_and(|viewer| carries(headers, viewer))
    }

    /// Whether the request may change what is here: it carries the operator's token, or none is wanted.
    pub(crate) fn may_operate(&self, headers: &HeaderMap) -> bool {
        self.operator.as_ref().is_none_or(|operator| carries(headers, operator))
    }

    fn knows(&self, authority: &Authority) -> bool {
        let host = authority.host();
        let is_address = host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
        let fits = |known: &String| known.eq_ignore_ascii_case(host) || known.eq_ignore_ascii_case(authority.as_str());
        is_address || host.eq_ignore_ascii_case("localhost") || self.hosts.iter().any(fits)
    }
}

/// Whether the one credential of a request is the token with this digest.
fn carries(headers: &HeaderMap, expected: &[u8; 32]) -> bool {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (given.next(), given.next()) else { return false };
    let Some((scheme, token)) = value.as_bytes().split_at_checked(BEARER.len()) else { return false };
    // Digests are of one length and tell nothing by the place of their first difference.
    scheme.eq_ignore_ascii_case(BEARER) && bool::from(digest(token).ct_eq(expected))
}

const BEARER: &[u8] = b"bearer ";

fn digest(token: &[u8]) -> [u8; 32] {
    Sha256::digest(token).into()
}
