//! From an issuer's name to the text of its keys, over the network: its metadata (RFC 8414, OpenID Connect Discovery 1.0),
//! then its JWK set. No redirects, bounded in size and time, and only where the issuer itself is.

use std::time::Duration;

use bytes::Bytes;
use cardea_egress::{Outlet, Request};
use cardea_grant::check_source;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};

use crate::token::Object;

/// The longest time for one document.
const WITHIN: Duration = Duration::from_secs(5);
/// The largest document.
const MOST_BYTES: usize = 256 << 10;
/// How long keys are fresh if their response does not say.
const FRESH: Duration = Duration::from_secs(600);
/// What it may say.
const FRESH_AT_LEAST: Duration = Duration::from_secs(60);
const FRESH_AT_MOST: Duration = Duration::from_secs(3600);

/// Where an issuer's keys are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    /// The issuer's identifier.
    pub(crate) issuer: String,
    /// Its JWK set, if somebody said where it is.
    pub(crate) jwks: Option<Uri>,
}

/// A JWK set that was fetched.
pub(crate) struct Fetched {
    pub(crate) text: Bytes,
    /// How long it need not be fetched again.
    pub(crate) fresh_for: Duration,
}

impl Place {
    /// Fetches the keys. The error says what failed and where.
    pub(crate) async fn fetch(&self, outlet: &Outlet) -> Result<Fetched, String> {
        let jwks = match &self.jwks {
            Some(jwks) => jwks.clone(),
            None => self.discover(outlet).await?,
        };
        let (text, fresh_for) = document(outlet, &jwks).await?;
        Ok(Fetched { text, fresh_for })
    }

    /// Asks each of the places metadata can be at, in the order of the MCP specification (2026-07-28, authorization).
    async fn discover(&self, outlet: &Outlet) -> Result<Uri, String> {
        let mut failed = Vec::new();
        for address in addresses(&self.issuer)? {
            match document(outlet, &address).await {
                Ok((text, _)) => return self.jwks_of(&text).map_err(|why| format!("the metadata at {address} {why}")),
                Err(why) => failed.push(why),
            }
        }
        Err(format!("no metadata: {}", failed.join("; ")))
    }

    /// What metadata says of the keys, if it is this issuer's own (RFC 8414 section 3.3) and points nowhere else.
    fn jwks_of(&self, text: &[u8]) -> Result<Uri, String> {
        let metadata = Object::parse(text.to_vec()).map_err(|fault| format!("cannot be read: {fault}"))?;
        let member = |name: &str| metadata.text(name).ok().flatten();
        if member("issuer").is_none_or(|issuer| issuer != self.issuer.as_str()) {
            return Err("is that of another `issuer`".to_owned());
        }
        let jwks: Uri = member("jwks_uri").and_then(|text| text.parse().ok()).ok_or("has no `jwks_uri`")?;
        check_source(&jwks).map_err(|why| format!("has a `jwks_uri` that {why}"))?;
        let issuer: Uri = self.issuer.parse().map_err(|_| "is that of no URL")?;
        if origin(&issuer) != origin(&jwks) {
            let host = jwks.host().unwrap_or_default();
            return Err(format!("has its keys at another origin, {host}; if that is right, name them in `jwks-url`"));
        }
        Ok(jwks)
    }
}

/// Where metadata of an issuer can be. With a path in the issuer's name there are three places, without it two.
fn addresses(issuer: &str) -> Result<Vec<Uri>, String> {
    let issuer: Uri = issuer.parse().map_err(|_| "the issuer is no URL".to_owned())?;
    let path = issuer.path().trim_end_matches('/');
    let mut paths = vec![
        format!("/.well-known/oauth-authorization-server{path}"),
        format!("/.well-known/openid-configuration{path}"),
        format!("{path}/.well-known/openid-configuration"),
    ];
    paths.dedup();
    let at = |path: String| {
        let mut parts = issuer.clone().into_parts();
        parts.path_and_query = PathAndQuery::try_from(path).ok();
        Uri::from_parts(parts).map_err(|_| "the issuer is no URL".to_owned())
    };
    paths.into_iter().map(at).collect()
}

async fn document(outlet: &Outlet, address: &Uri) -> Result<(Bytes, Duration), String> {
    let headers =
        HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json, application/jwk-set+json"))]);
    let request = Request { method: Method::GET, uri: address.clone(), headers, body: Bytes::new() };
    let response = outlet.send(request, WITHIN).await.map_err(|fault| format!("{address}: {fault}"))?;
    if response.status != StatusCode::OK {
        return Err(format!("{address}: HTTP {}", response.status.as_u16()));
    }
    let media = response.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if media != "application/json" && !media.ends_with("+json") {
        return Err(format!("{address}: it is not JSON"));
    }
    if response.body.len() > MOST_BYTES {
        return Err(format!("{address}: it has more than {MOST_BYTES} bytes"));
    }
    Ok((response.body, fresh_for(&response.headers)))
}

/// `max-age`, within reason; `no-store` and its like are met by the lower bound.
fn fresh_for(headers: &HeaderMap) -> Duration {
    let values = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let mut directives = values.flat_map(|value| value.split(',')).map(str::trim);
    let seconds = directives.find_map(|directive| {
        let (name, value) = directive.split_once('=')?;
        name.eq_ignore_ascii_case("max-age").then(|| value.trim_matches('"').parse().ok())?
    });
    seconds.map_or(FRESH, Duration::from_secs).clamp(FRESH_AT_LEAST, FRESH_AT_MOST)
}

fn origin(uri: &Uri) -> (Option<&str>, Option<String>, Option<u16>) {
    let standard = if uri.scheme_str() == Some("http") { 80 } else { 443 };
    (uri.scheme_str(), uri.host().map(str::to_ascii_lowercase), uri.port_u16().or(Some(standard)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_looked_for_where_the_specification_says() {
        let at = |issuer: &str| addresses(issuer).unwrap().iter().map(ToString::to_string).collect::<Vec<_>>();
        let with_path = [
            "https://a.example/.well-known/oauth-authorization-server/t",
            "https://a.example/.well-known/openid-configuration/t",
            "https://a.example/t/.well-known/openid-configuration",
        ];
        assert_eq!(at("https://a.example/t"), with_path);
        assert_eq!(at("https://a.example/t/"), with_path);
        let bare = [
            "https://a.example/.well-known/oauth-authorization-server",
            "https://a.example/.well-known/openid-configuration",
        ];
        assert_eq!(at("https://a.example"), bare);
    }

    #[test]
    fn how_long_keys_are_fresh_is_bounded_both_ways() {
        let of = |value: &'static str| {
            fresh_for(&HeaderMap::from_iter([(CACHE_CONTROL, HeaderValue::from_static(value))])).as_secs()
        };
        let told = [
            ("public, max-age=300", 300),
            ("max-age=5", 60),
            ("MAX-AGE=\"86400\"", 3600),
            ("no-store", 600),
            ("max-age=x", 600),
        ];
        for (value, seconds) in told {
            assert_eq!(of(value), seconds, "{value}");
        }
    }

    #[test]
    fn metadata_must_be_the_issuers_own_and_point_to_its_own_origin() {
        let place = Place { issuer: "https://a.example/t".to_owned(), jwks: None };
        let of = |text: &str| place.jwks_of(text.as_bytes()).map(|uri| uri.to_string());
        let good = r#"{"issuer":"https://a.example/t","jwks_uri":"https://A.example:443/keys"}"#;
        assert!(of(good).is_ok());
        for (text, word) in [
            (good.replace("/t\"", "/t/\""), "another `issuer`"),
            (good.replace("https://A.example", "http://a.example"), "no `https`"),
            (good.replace("A.example", "b.example"), "jwks-url"),
            (good.replace("443", "444"), "another origin"),
            (good.replace("jwks_uri", "jwks"), "no `jwks_uri`"),
            (good.replace("}", r#","issuer":"x"}"#), "cannot be read"),
            ("[]".to_owned(), "cannot be read"),
        ] {
            let fault = of(&text).unwrap_err();
            assert!(fault.contains(word), "{text}: {fault}");
        }
    }
}
