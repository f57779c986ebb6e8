//! Rules of outgoing requests: method, origin and path, `GET https://id.example.com/keys/*`.

use std::fmt;
use std::str::FromStr;

use http::{Method, Uri};
use wildmatch::WildMatch;

/// Requests that may be sent: one method, one origin, and paths in which `*` stands for any text. Queries are free.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpRule {
    method: Method,
    origin: Origin,
    /// All of them must fit; more than one only where two rules meet.
    paths: Vec<String>,
}

/// Where a request goes, in a form that can be compared: no user name, no way up in its path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The method.
    pub method: Method,
    /// The URL: absolute, `http` or `https`.
    pub uri: Uri,
    origin: Origin,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Origin {
    scheme: &'static str,
    /// In lower case.
    host: String,
    port: u16,
}

impl HttpRule {
    /// True if a request to this target may be sent.
    pub fn allows(&self, target: &Target) -> bool {
        let path = target.uri.path();
        self.method == target.method && self.origin == target.origin && self.paths.iter().all(|glob| fits(glob, path))
    }

    /// The requests that both rules allow; none if there can be none.
    pub fn meet(&self, other: &Self) -> Option<Self> {
        if (&self.method, &self.origin) != (&other.method, &other.origin) {
            return None;
        }
        let mut paths = self.paths.clone();
        for glob in &other.paths {
            if !paths.iter().any(|narrower| fits(glob, narrower)) {
                paths.retain(|wider| !fits(wider, glob));
                paths.push(glob.clone());
            }
        }
        Some(Self { paths, ..self.clone() })
    }

    /// The requests that some rule of each list allows.
    pub fn meet_all(ones: &[Self], others: &[Self]) -> Vec<Self> {
        ones.iter().flat_map(|one| others.iter().filter_map(|other| one.meet(other))).collect()
    }
}

impl FromStr for HttpRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (method, url) = text.split_once(' ').ok_or("has no method before its URL")?;
        if url.contains(['?', '#']) {
            return Err("has a query or a fragment; a rule ends with the path".to_owned());
        }
        let after_scheme = url.split_once("://").map_or("", |(_, rest)| rest);
        let (host, path) = after_scheme.split_at(after_scheme.find('/').unwrap_or(after_scheme.len()));
        if host.contains('*') {
            return Err("has a `*` in its origin; every origin has a rule of its own".to_owned());
        }
        if path.is_empty() && !host.is_empty() {
            return Err(format!("has no path; for all paths of that origin write `{text}/*`"));
        }
        let target = Target::parse(method, url)?;
        Ok(Self { method: target.method, origin: target.origin, paths: vec![path.to_owned()] })
    }
}

impl fmt::Display for HttpRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}{}", self.method, self.origin, self.paths.join(" and "))
    }
}

impl Target {
    /// Reads a method and a URL, or says why no request can go there: "has …".
    pub fn parse(method: &str, url: &str) -> Result<Self, String> {
        let method =
            Method::from_bytes(method.as_bytes()).map_err(|_| format!("has `{method}`, which is no method"))?;
        if method == Method::CONNECT
            || method == Method::TRACE
            || method.as_str().bytes().any(|b| b.is_ascii_lowercase())
        {
            return Err(format!("has the method `{method}`, which is never sent"));
        }
        let uri: Uri = url.parse().map_err(|fault| format!("has no absolute `http` or `https` URL: {fault}"))?;
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err("has a user name in its URL; use a header".to_owned());
        }
        let origin = Origin::of(&uri).ok_or("has no absolute `http` or `https` URL")?;
        if leads_up(uri.path()) {
            return Err("has `.` or `..` in its path, which servers resolve in their own way".to_owned());
        }
        Ok(Self { method, uri, origin })
    }
}

impl Origin {
    fn of(uri: &Uri) -> Option<Self> {
        let (scheme, standard) = match uri.scheme_str()? {
            "https" => ("https", 443),
            "http" => ("http", 80),
            _ => return None,
        };
        let host = uri.host().filter(|host| !host.is_empty())?.to_ascii_lowercase();
        Some(Self { scheme, host, port: uri.port_u16().unwrap_or(standard) })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.scheme, self.port) {
            ("https", 443) | ("http", 80) => write!(f, "{}://{}", self.scheme, self.host),
            (scheme, port) => write!(f, "{scheme}://{}:{port}", self.host),
        }
    }
}

/// `*` is any text, and nothing else has a meaning. A glob fits another if it fits every text the other fits.
fn fits(glob: &str, text: &str) -> bool {
    WildMatch::new(glob).matches(text)
}

/// True for a path with a segment `.` or `..`, however it is written: a server may resolve it after the rule was checked.
fn leads_up(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let decoded = lower.replace("%2e", ".").replace("%2f", "/").replace("%5c", "/").replace('\\', "/");
    decoded.split('/').any(|segment| matches!(segment.split(';').next(), Some("." | "..")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rule(text: &str) -> HttpRule {
        text.parse().unwrap_or_else(|fault| panic!("{text} {fault}"))
    }

    fn allows(rule: &HttpRule, method: &str, url: &str) -> bool {
        Target::parse(method, url).is_ok_and(|target| rule.allows(&target))
    }

    #[test]
    fn method_origin_and_path_must_fit() {
        let rule = rule("GET https://ID.example.com/keys/*");
        for url in [
            "https://id.example.com/keys/",
            "https://id.example.com:443/keys/a/b?q=/../x",
            "HTTPS://id.EXAMPLE.com/keys/1",
        ] {
            assert!(allows(&rule, "GET", url), "{url}");
        }
        for url in [
            "http://id.example.com/keys/1",
            "https://id.example.com:444/keys/1",
            "https://id.example.com./keys/1",
            "https://id.example.com.evil.example/keys/1",
            "https://id.example.com@evil.example/keys/1",
            "https://evil.example/https://id.example.com/keys/1",
            "https://id.example.com/keys",
            "https://id.example.com/KEYS/1",
            "/keys/1",
            "id.example.com/keys/1",
        ] {
            assert!(!allows(&rule, "GET", url), "{url}");
        }
        for method in ["POST", "get", "HEAD", "CONNECT", "G ET"] {
            assert!(!allows(&rule, method, "https://id.example.com/keys/1"), "{method}");
        }
    }

    #[test]
    fn a_path_that_leads_up_is_refused_however_it_is_written() {
        for path in
            ["/a/../b", "/a/..", "/./a", "/%2e%2E/a", "/a/.%2e/b", "/a%2f..%2fb", "/a\\..\\b", "/a%5C..", "/a/..;x/b"]
        {
            assert!(Target::parse("GET", &format!("https://example.com{path}")).is_err(), "{path}");
        }
        for path in ["/a..b", "/...", "/a%2Fb", "/.well-known/x", "/"] {
            assert!(Target::parse("GET", &format!("https://example.com{path}")).is_ok(), "{path}");
        }
    }

    #[test]
    fn what_is_no_rule_is_said_to_be_none() {
        for (text, word) in [
            ("https://example.com/", "no method"),
            ("GET example.com/", "no absolute"),
            ("GET ftp://example.com/", "no absolute"),
            ("GET https://example.com", "https://example.com/*"),
            ("GET https://*.example.com/", "origin"),
            ("GET https://a:b@example.com/", "user name"),
            ("GET https://example.com/?q=*", "query"),
            ("GET https://example.com/../a", "`..`"),
            ("TRACE https://example.com/", "never sent"),
            ("get https://example.com/", "never sent"),
        ] {
            let fault = text.parse::<HttpRule>().unwrap_err();
            assert!(fault.contains(word), "{text}: {fault}");
        }
    }

    #[test]
    fn the_meet_shows_the_narrower_path() {
        let shown = |one: &str, other: &str| rule(one).meet(&rule(other)).map(|both| both.to_string());
        let narrow = Some("GET https://a.example/x/*".to_owned());
        assert_eq!(shown("GET https://a.example/*", "GET https://a.example/x/*"), narrow);
        assert_eq!(shown("GET https://a.example/x/*", "GET https://a.example:443/*"), narrow);
        assert_eq!(shown("GET https://a.example/*", "GET https://b.example/*"), None);
        let both = Some("GET http://a.example:81/x* and /*y".to_owned());
        assert_eq!(shown("GET http://a.example:81/x*", "GET http://a.example:81/*y"), both);
    }

    proptest! {
        #[test]
        fn a_glob_fits_as_its_pieces_say(pieces in prop::collection::vec("[ab/]{0,3}", 1..4), text in "[ab/]{0,8}") {
            // By a way of its own: the first piece begins the text, the last ends it, the others follow one another.
            let glob = format!("/{}", pieces.join("*"));
            let text = format!("/{text}");
            let slashed: Vec<String> = glob.split('*').map(str::to_owned).collect();
            prop_assert_eq!(fits(&glob, &text), by_pieces(&slashed, &text), "{} {}", glob, text);
        }

        #[test]
        fn the_meet_allows_what_both_allow(one in "/[ab*]{0,5}", other in "/[ab*]{0,5}", path in "/[ab]{0,6}") {
            let of = |path: &str| rule(&format!("GET https://a.example{path}"));
            let url = format!("https://a.example{path}");
            let (one, other) = (of(&one), of(&other));
            let both = one.meet(&other).unwrap();
            prop_assert_eq!(allows(&both, "GET", &url), allows(&one, "GET", &url) && allows(&other, "GET", &url));
        }

        #[test]
        fn no_text_panics(text in "\\PC*", url in "\\PC*") {
            let _ = (text.parse::<HttpRule>(), Target::parse(&text, &url), format!("GET {url}").parse::<HttpRule>());
        }
    }

    fn by_pieces(pieces: &[String], text: &str) -> bool {
        let [first, between @ .., last] = pieces else { return pieces.first().is_some_and(|only| only == text) };
        let Some(mut rest) = text.strip_prefix(first.as_str()) else { return false };
        for piece in between {
            match rest.find(piece.as_str()) {
                Some(at) => rest = &rest[at + piece.len()..],
                None => return false,
            }
        }
        rest.ends_with(last.as_str())
    }
}
