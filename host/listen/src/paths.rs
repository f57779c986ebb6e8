//! The paths of an endpoint: its own for streamable HTTP, and two beside it for HTTP+SSE of 2024-11-05.
//!
//! Beside `/mcp` stand `/sse` and `/message`, beside `/servers/git/mcp` stand `/servers/git/sse` and `/servers/git/message`.
//! An endpoint whose path does not end in `/mcp` has them below it: `/team/sse`. A path that an endpoint has of its own is
//! that endpoint's.

use std::collections::HashMap;
use std::sync::Arc;

/// How a path is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Road {
    /// Streamable HTTP: everything at one path.
    Streamable,
    /// Where a client of HTTP+SSE opens its stream.
    Events,
    /// Where such a client posts its messages.
    Messages,
}

const OWN: &str = "/mcp";
const EVENTS: &str = "/sse";
const MESSAGES: &str = "/message";

/// The endpoint a path leads to, and by which road.
pub(crate) fn find<'e, E>(endpoints: &'e HashMap<Arc<str>, E>, path: &str) -> Option<(Road, &'e Arc<str>, &'e E)> {
    if let Some((endpoint, serves)) = endpoints.get_key_value(path) {
        return Some((Road::Streamable, endpoint, serves));
    }
    let (base, road) = match (path.strip_suffix(EVENTS), path.strip_suffix(MESSAGES)) {
        (Some(base), _) => (base, Road::Events),
        (None, Some(base)) => (base, Road::Messages),
        (None, None) => return None,
    };
    let beside = endpoints.get_key_value(format!("{base}{OWN}").as_str());
    let below = || endpoints.get_key_value(if base.is_empty() { "/" } else { base }).filter(|_| !base.ends_with(OWN));
    beside.or_else(below).map(|(endpoint, serves)| (road, endpoint, serves))
}

/// Where clients of HTTP+SSE post the messages that are for an endpoint.
pub(crate) fn messages(endpoint: &str) -> String {
    let base = endpoint.strip_suffix(OWN).unwrap_or(endpoint.trim_end_matches('/'));
    format!("{base}{MESSAGES}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_paths_stand_beside_each_endpoint() {
        let paths = ["/mcp", "/servers/git/mcp", "/team", "/own/sse", "/own/mcp", "/"];
        let endpoints: HashMap<Arc<str>, ()> = paths.into_iter().map(|path| (path.into(), ())).collect();
        for (path, expected) in [
            ("/mcp", Some((Road::Streamable, "/mcp"))),
            ("/sse", Some((Road::Events, "/mcp"))),
            ("/message", Some((Road::Messages, "/mcp"))),
            ("/servers/git/sse", Some((Road::Events, "/servers/git/mcp"))),
            ("/servers/git/message", Some((Road::Messages, "/servers/git/mcp"))),
            ("/team/sse", Some((Road::Events, "/team"))),
            ("/own/sse", Some((Road::Streamable, "/own/sse"))),
            ("/mcp/sse", None),
            ("/servers/sse", None),
            ("/team/messages", None),
        ] {
            let found = find(&endpoints, path).map(|(road, endpoint, ())| (road, &**endpoint));
            assert_eq!(found, expected, "{path}");
        }
    }

    #[test]
    fn what_is_told_to_clients_leads_back() {
        for endpoint in ["/mcp", "/servers/git/mcp", "/team", "/"] {
            let endpoints = HashMap::from([(Arc::from(endpoint), ())]);
            let found = find(&endpoints, &messages(endpoint)).map(|(road, found, ())| (road, &**found));
            assert_eq!(found, Some((Road::Messages, endpoint)));
        }
    }
}
