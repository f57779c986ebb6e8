//! What a client is told of an endpoint before it has a token (RFC 9728): which issuers' tokens are taken, and where that is
//! written. Served to everybody, and at the exact path of each endpoint only.

use http::header::{ALLOW, CACHE_CONTROL, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde_json::{Value, json};

use crate::respond::{self, Answered, Rejection};

/// Where metadata stands: between the origin and the path of what it is about (RFC 9728 section 3.1).
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";
const FOR_A_MINUTE: HeaderValue = HeaderValue::from_static("public, max-age=60");

/// What the authenticators of an endpoint declare.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resource {
    /// Issuers whose tokens are taken, in the order of the stages.
    pub authorization_servers: Vec<String>,
    /// Scopes a client should ask for at first.
    pub scopes: Vec<String>,
    /// A name for people.
    pub name: Option<String>,
    /// A page for people.
    pub documentation: Option<String>,
}

impl Resource {
    /// Adds what another authenticator of the same endpoint declares.
    pub fn join(&mut self, other: &Self) {
        let Self { authorization_servers, scopes, name, documentation } = other;
        for (all, more) in [(&mut self.authorization_servers, authorization_servers), (&mut self.scopes, scopes)] {
            let new: Vec<String> = more.iter().filter(|one| !all.contains(one)).cloned().collect();
            all.extend(new);
        }
        self.name = self.name.take().or_else(|| name.clone());
        self.documentation = self.documentation.take().or_else(|| documentation.clone());
    }

    /// The document about the endpoint at this URI.
    pub(crate) fn document(&self, uri: &str) -> Value {
        let mut document = json!({
            "resource": uri,
            "authorization_servers": self.authorization_servers,
            "bearer_methods_supported": ["header"],
        });
        let optional = [
            ("scopes_supported", (!self.scopes.is_empty()).then(|| json!(self.scopes))),
            ("resource_name", self.name.as_ref().map(|name| json!(name))),
            ("resource_documentation", self.documentation.as_ref().map(|page| json!(page))),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                document[name] = value;
            }
        }
        document
    }
}

/// The path whose metadata is asked for, if a request asks for metadata.
pub(crate) fn asked(path: &str) -> Option<&str> {
    let rest = path.strip_prefix(WELL_KNOWN)?;
    match rest {
        "" => Some("/"),
        path if path.starts_with('/') => Some(path),
        _ => None,
    }
}

/// Where metadata about a URI stands.
pub(crate) fn location(uri: &str) -> String {
    let after_scheme = uri.find("://").map_or(0, |at| at + 3);
    let path = uri[after_scheme..].find('/').map_or(uri.len(), |at| after_scheme + at);
    format!("{}{WELL_KNOWN}{}", &uri[..path], uri[path..].trim_end_matches('/'))
}

/// The answer to who asks for metadata.
pub(crate) fn answer(method: &Method, document: Option<Value>) -> Answered {
    match document {
        None => Rejection::invalid(StatusCode::NOT_FOUND, "Nothing at this path takes tokens").into_response(),
        Some(_) if method != Method::GET && method != Method::HEAD => {
            let mut response = respond::empty(StatusCode::METHOD_NOT_ALLOWED);
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            response
        }
        Some(document) => {
            let mut response = respond::json(StatusCode::OK, vec![document.to_string().into()]);
            response.headers_mut().insert(CACHE_CONTROL, FOR_A_MINUTE);
            response
        }
    }
}

/// Tells a client that is asked for a token where to find out whose: in every challenge that does not say so.
pub(crate) fn point(headers: &mut HeaderMap, location: &str) {
    for challenge in headers.iter_mut().filter(|(name, _)| **name == WWW_AUTHENTICATE).map(|(_, challenge)| challenge) {
        let Some(told) = challenge.to_str().ok().and_then(|told| pointed(told, location)) else { continue };
        if let Ok(told) = HeaderValue::from_str(&told) {
            *challenge = told;
        }
    }
}

/// A challenge of a scheme for access tokens, with the place of the metadata.
fn pointed(challenge: &str, location: &str) -> Option<String> {
    let (scheme, parameters) = challenge.split_once(' ').unwrap_or((challenge, ""));
    let for_tokens = ["bearer", "dpop"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
    if !for_tokens || parameters.contains("resource_metadata=") {
        return None;
    }
    let separator = if parameters.is_empty() { "" } else { ", " };
    Some(format!(r#"{scheme} {parameters}{separator}resource_metadata="{location}""#))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn metadata_stands_between_origin_and_path() {
        for (uri, place) in [
            ("https://a.example/mcp", "https://a.example/.well-known/oauth-protected-resource/mcp"),
            ("http://a.example:81/x/mcp", "http://a.example:81/.well-known/oauth-protected-resource/x/mcp"),
            ("https://a.example/", "https://a.example/.well-known/oauth-protected-resource"),
            ("https://a.example", "https://a.example/.well-known/oauth-protected-resource"),
        ] {
            assert_eq!(location(uri), place);
            let path = place.split_once(".example").unwrap().1;
            let path = &path[path.find('/').unwrap()..];
            let about =
                uri.split_once(".example").unwrap().1.trim_start_matches(|c: char| c == ':' || c.is_ascii_digit());
            assert_eq!(asked(path), Some(if about.is_empty() { "/" } else { about }), "{path}");
        }
        for path in ["/mcp", "/.well-known/oauth-protected-resources", "/.well-known/oauth-authorization-server"] {
            assert_eq!(asked(path), None, "{path}");
        }
    }

    #[test]
    fn every_challenge_for_a_token_says_where_to_get_one() {
        let told = |challenge: &'static str| {
            let mut headers = HeaderMap::from_iter([(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))]);
            point(&mut headers, "https://a.example/x");
            headers[WWW_AUTHENTICATE].to_str().unwrap().to_owned()
        };
        assert_eq!(told("Bearer"), r#"Bearer resource_metadata="https://a.example/x""#);
        let whole = r#"DPoP error="invalid_token", resource_metadata="https://a.example/x""#;
        assert_eq!(told(r#"DPoP error="invalid_token""#), whole);
        assert_eq!(told(r#"DPoP error="invalid_token", resource_metadata="https://a.example/x""#), whole);
        assert_eq!(told("Basic realm=\"x\""), "Basic realm=\"x\"");
    }

    #[test]
    fn what_two_authenticators_declare_is_joined() {
        let of = |servers: &[&str], name: Option<&str>| Resource {
            authorization_servers: servers.iter().map(|server| (*server).to_owned()).collect(),
            name: name.map(str::to_owned),
            ..Resource::default()
        };
        let mut joined = of(&["https://a", "https://b"], None);
        joined.join(&of(&["https://b", "https://c"], Some("x")));
        joined.join(&of(&[], Some("y")));
        assert_eq!(joined, of(&["https://a", "https://b", "https://c"], Some("x")));
    }
}
