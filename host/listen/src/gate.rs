//! The gate: whether an HTTP exchange may come in, judged by its head alone, before anybody is asked anything.

use std::net::{IpAddr, SocketAddr};

use http::header::{
    ACCEPT, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HOST, ORIGIN, TRANSFER_ENCODING,
    VARY,
};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};

use crate::Settings;
use crate::limits::MAX_URI;
use crate::respond::{self, Answered, Rejection};
use crate::session::SESSION_ID;

/// Names and origins that are let in.
#[derive(Debug)]
pub(crate) struct Gate {
    hosts: Vec<String>,
    origins: Vec<String>,
    /// Whether any address may stand for a name. An address cannot be rebound, and one that is bound to all has no one name.
    addresses: bool,
}

/// Headers whose second copy would mean something else to whoever reads only one.
const SINGLE: [HeaderName; 5] = [HOST, AUTHORIZATION, ORIGIN, CONTENT_TYPE, SESSION_ID];
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];
const ANY: &str = "*";
const METHODS: HeaderValue = HeaderValue::from_static("POST, GET, DELETE");
const EXPOSED: HeaderValue = HeaderValue::from_static("mcp-session-id, x-request-id, www-authenticate, retry-after");
const PREFLIGHT_AGE: HeaderValue = HeaderValue::from_static("600");
const BY_ORIGIN: HeaderValue = HeaderValue::from_static("origin");
const NOSNIFF: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));

impl Gate {
    /// A gate for a listener at `address`.
    pub(crate) fn new(settings: &Settings, address: SocketAddr) -> Self {
        let mut hosts: Vec<String> = settings.hosts.iter().map(|host| host.to_ascii_lowercase()).collect();
        let mut origins: Vec<String> = settings.origins.iter().map(|origin| normal_origin(origin)).collect();
        if let Some(public) = settings.public_url.as_deref() {
            hosts.extend(public.parse::<Uri>().ok().and_then(|uri| uri.host().map(str::to_ascii_lowercase)));
            origins.push(normal_origin(public));
        }
        // A page that rebinds a name of its own to this machine sends that name, and never one of these.
        if address.ip().is_loopback() || address.ip().is_unspecified() {
            hosts.extend(LOOPBACK.map(str::to_owned));
        }
        if !address.ip().is_unspecified() {
            hosts.push(literal(address.ip()));
        }
        Self { hosts, origins, addresses: address.ip().is_unspecified() }
    }

    /// Judges a head. Its host comes back: the name under which the client addressed the gateway.
    pub(crate) fn admit(&self, head: &Parts, framed_once: bool) -> Result<Authority, Box<Rejection>> {
        let authority = self.admit_any_page(head, framed_once)?;
        match head.headers.get(ORIGIN) {
            Some(origin) if !self.lets_in(origin, &authority) => {
                Err(Rejection::invalid(StatusCode::FORBIDDEN, "This origin may not call"))
            }
            _ => Ok(authority),
        }
    }

    /// The same for what every page may read.
    pub(crate) fn admit_any_page(&self, head: &Parts, framed_once: bool) -> Result<Authority, Box<Rejection>> {
        if !framed_once && head.headers.contains_key(TRANSFER_ENCODING) {
            return Err(bad("A request must not carry both `Content-Length` and `Transfer-Encoding`"));
        }
        if target_length(&head.uri) > MAX_URI {
            return Err(Rejection::invalid(StatusCode::URI_TOO_LONG, "The request target is too long"));
        }
        if let Some(name) = SINGLE.iter().find(|name| repeated(&head.headers, name)) {
            return Err(bad(format!("The header `{name}` must not be repeated")));
        }
        let authority = authority(head)?;
        if !self.knows(&authority) {
            return Err(Rejection::invalid(StatusCode::FORBIDDEN, "This host name is not served here"));
        }
        Ok(authority)
    }

    /// Puts on a response what belongs on every one, and what lets a page of an allowed origin read it.
    pub(crate) fn dress(&self, response: &mut Answered, origin: Option<HeaderValue>) {
        let headers = response.headers_mut();
        headers.insert(NOSNIFF.0, NOSNIFF.1);
        headers.append(VARY, BY_ORIGIN);
        if let Some(origin) = origin {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
    }

    fn knows(&self, authority: &Authority) -> bool {
        let (host, whole) = (authority.host(), authority.as_str());
        let fits =
            |known: &String| known == ANY || known.eq_ignore_ascii_case(host) || known.eq_ignore_ascii_case(whole);
        self.hosts.iter().any(fits) || (self.addresses && is_literal(host))
    }

    fn lets_in(&self, origin: &HeaderValue, authority: &Authority) -> bool {
        let Ok(origin) = origin.to_str().map(normal_origin) else { return false };
        let page = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        let own = page.is_some_and(|page| page.eq_ignore_ascii_case(authority.as_str()));
        own || self.origins.iter().any(|known| known == ANY || *known == origin)
    }
}

/// The answer to a browser that asks before it calls; none if this is not such a question.
pub(crate) fn preflight(head: &Parts) -> Option<Answered> {
    let asks = head.method == Method::OPTIONS
        && head.headers.contains_key(ORIGIN)
        && head.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    if !asks {
        return None;
    }
    let mut response = respond::empty(StatusCode::NO_CONTENT);
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(ACCESS_CONTROL_MAX_AGE, PREFLIGHT_AGE);
    headers.append(VARY, HeaderValue::from_static("access-control-request-headers"));
    // The origin is allowed already, and which headers authenticators read, this door does not know.
    if let Some(wanted) = head.headers.get(ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
    }
    Some(response)
}

/// Whether a POST announces a body we read.
pub(crate) fn announces_json(headers: &HeaderMap) -> Result<(), Box<Rejection>> {
    let encoded = headers.get(CONTENT_ENCODING).is_some_and(|coding| coding != "identity");
    let media = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(essence);
    if encoded || !media.is_some_and(|media| media.eq_ignore_ascii_case("application/json")) {
        let message = "The body must be `Content-Type: application/json`, not compressed";
        return Err(Rejection::invalid(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
    }
    Ok(())
}

/// The same, and that the client takes both forms a reply can have.
pub(crate) fn negotiated(headers: &HeaderMap) -> Result<(), Box<Rejection>> {
    announces_json(headers)?;
    if accepts(headers, "application", "json") && takes_events(headers) {
        return Ok(());
    }
    let message = "`Accept` must list both `application/json` and `text/event-stream`";
    Err(Rejection::invalid(StatusCode::NOT_ACCEPTABLE, message))
}

/// Whether a GET takes the only thing there is for it: an event stream.
pub(crate) fn wants_events(headers: &HeaderMap) -> Result<(), Box<Rejection>> {
    if takes_events(headers) {
        return Ok(());
    }
    Err(Rejection::invalid(StatusCode::NOT_ACCEPTABLE, "`Accept` must list `text/event-stream`"))
}

fn takes_events(headers: &HeaderMap) -> bool {
    accepts(headers, "text", "event-stream")
}

/// True if a header stands there more than once.
pub(crate) fn repeated(headers: &HeaderMap, name: &HeaderName) -> bool {
    headers.get_all(name).iter().nth(1).is_some()
}

fn accepts(headers: &HeaderMap, kind: &str, subkind: &str) -> bool {
    let ranges =
        headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    ranges.map(essence).any(|range| match range.split_once('/') {
        Some(("*", "*")) => true,
        Some((top, "*")) => top.eq_ignore_ascii_case(kind),
        Some((top, sub)) => top.eq_ignore_ascii_case(kind) && sub.eq_ignore_ascii_case(subkind),
        None => false,
    })
}

/// A media type without its parameters.
fn essence(value: &str) -> &str {
    value.split(';').next().unwrap_or_default().trim()
}

/// The one authority of a request. HTTP/2 and absolute targets carry it in the URI; a `Host` beside it must say the same.
fn authority(head: &Parts) -> Result<Authority, Box<Rejection>> {
    let header = match head.headers.get(HOST) {
        Some(value) => {
            Some(Authority::try_from(value.as_bytes()).map_err(|_| bad("The header `Host` cannot be read"))?)
        }
        None => None,
    };
    let authority = match (head.uri.authority(), header) {
        (Some(target), Some(header)) if *target != header => {
            return Err(bad("`Host` and the request target name different hosts"));
        }
        (Some(target), _) => target.clone(),
        (None, Some(header)) => header,
        (None, None) => return Err(bad("The header `Host` is missing")),
    };
    if authority.as_str().contains('@') { Err(bad("A host must not carry credentials")) } else { Ok(authority) }
}

fn bad(message: impl Into<String>) -> Box<Rejection> {
    Rejection::invalid(StatusCode::BAD_REQUEST, message)
}

fn target_length(uri: &Uri) -> usize {
    uri.path_and_query().map_or(0, |target| target.as_str().len())
}

fn is_literal(host: &str) -> bool {
    host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
}

fn literal(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

/// Scheme and authority in lower case; whatever follows is not part of an origin.
fn normal_origin(origin: &str) -> String {
    let lower = origin.trim_end_matches('/').to_ascii_lowercase();
    match lower.split_once("://") {
        Some((scheme, rest)) => format!("{scheme}://{}", rest.split('/').next().unwrap_or_default()),
        None => lower,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use http::Request;

    use super::*;

    fn gate(address: &str) -> Gate {
        let settings = Settings {
            hosts: vec!["mcp.example".into(), "other.example:8443".into()],
            origins: vec!["https://App.example/".into()],
            public_url: Some("https://public.example/gateway".into()),
            ..Settings::default()
        };
        Gate::new(&settings, address.parse().unwrap())
    }

    fn status(gate: &Gate, headers: &[(&str, &str)]) -> u16 {
        let mut request = Request::post("/mcp");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        gate.admit(&head, true).map_or_else(|rejection| rejection.into_response().status().as_u16(), |_| 200)
    }

    #[test]
    fn only_known_hosts_come_in() {
        let gate = gate("127.0.0.1:8080");
        for (host, expected) in [
            ("mcp.example", 200),
            ("MCP.example:80", 200),
            ("other.example:8443", 200),
            ("other.example", 403),
            ("public.example", 200),
            ("localhost:8080", 200),
            ("127.0.0.1:1", 200),
            ("[::1]:8080", 200),
            ("evil.example", 403),
            ("mcp.example.", 403),
            ("mcp.example.evil.example", 403),
            ("localhost.evil.example", 403),
            ("user@localhost", 400),
            ("local host", 400),
            ("", 400),
        ] {
            assert_eq!(status(&gate, &[("host", host)]), expected, "{host}");
        }
        assert_eq!(status(&gate, &[]), 400);
        assert_eq!(status(&gate, &[("host", "localhost"), ("host", "localhost")]), 400);
    }

    #[test]
    fn a_listener_on_a_public_address_does_not_answer_to_loopback_names() {
        let gate = gate("192.0.2.7:8080");
        assert_eq!(status(&gate, &[("host", "localhost")]), 403);
        assert_eq!(status(&gate, &[("host", "192.0.2.7:8080")]), 200);
        assert_eq!(status(&gate, &[("host", "192.0.2.8:8080")]), 403);
    }

    #[test]
    fn a_listener_on_all_addresses_answers_to_each() {
        let gate = gate("0.0.0.0:8080");
        assert_eq!(status(&gate, &[("host", "192.0.2.8:8080")]), 200);
        assert_eq!(status(&gate, &[("host", "[2001:db8::1]")]), 200);
        assert_eq!(status(&gate, &[("host", "evil.example")]), 403);
    }

    #[test]
    fn only_allowed_origins_and_our_own_come_in() {
        let gate = gate("127.0.0.1:8080");
        for (origin, expected) in [
            ("https://app.example", 200),
            ("http://app.example", 403),
            ("https://app.example.evil.example", 403),
            ("https://public.example", 200),
            ("http://localhost:8080", 200),
            ("http://localhost:3000", 403),
            ("null", 403),
            ("localhost:8080", 403),
            ("", 403),
        ] {
            assert_eq!(status(&gate, &[("host", "localhost:8080"), ("origin", origin)]), expected, "{origin}");
        }
    }

    #[test]
    fn a_post_must_take_both_forms_of_a_reply() {
        for (accept, taken) in [
            ("application/json, text/event-stream", true),
            ("text/event-stream;q=0.5,APPLICATION/json", true),
            ("*/*", true),
            ("application/*, text/event-stream", true),
            ("application/json", false),
            ("text/event-stream", false),
            ("application/jsonp, text/event-stream", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
            headers.insert(ACCEPT, HeaderValue::from_static(accept));
            assert_eq!(negotiated(&headers).is_ok(), taken, "{accept}");
        }
    }
}
