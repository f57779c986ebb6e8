//! Which calls a stage is asked about.

use wildmatch::WildMatch;

use crate::Call;

/// The `match` of a stage. Every list that is not empty must have one pattern that fits; `*` stands for any text, `?` for
/// one character.
#[derive(Clone, Debug, Default)]
pub struct Matcher {
    endpoints: Vec<WildMatch>,
    servers: Vec<WildMatch>,
    methods: Vec<WildMatch>,
    names: Vec<WildMatch>,
}

impl Matcher {
    /// A matcher of four lists of patterns.
    pub fn new<S: AsRef<str>>(endpoints: &[S], servers: &[S], methods: &[S], names: &[S]) -> Self {
        let compile = |patterns: &[S]| patterns.iter().map(|pattern| WildMatch::new(pattern.as_ref())).collect();
        Self {
            endpoints: compile(endpoints),
            servers: compile(servers),
            methods: compile(methods),
            names: compile(names),
        }
    }

    /// Whether a call of this endpoint could be meant at all; used before the body is read.
    pub fn endpoint(&self, endpoint: &str) -> bool {
        fits(&self.endpoints, endpoint)
    }

    /// Whether the call is meant. Names are the native ones, so that a rule reads the same at every endpoint.
    pub fn call(&self, call: &Call) -> bool {
        fits(&self.endpoints, &call.endpoint)
            && fits(&self.servers, call.server.as_deref().unwrap_or_default())
            && fits(&self.methods, call.method.as_str())
            && fits(&self.names, call.native_name.as_deref().unwrap_or_default())
    }

    /// Whether anything of a server could be meant.
    pub fn server(&self, server: &str) -> bool {
        fits(&self.servers, server)
    }

    /// Whether every call at an endpoint is meant, whatever its method and name. `server` is the one behind the endpoint,
    /// if there is only one.
    pub fn covers(&self, endpoint: &str, server: Option<&str>) -> bool {
        self.methods.is_empty()
            && self.names.is_empty()
            && fits(&self.endpoints, endpoint)
            && (self.servers.is_empty() || server.is_some_and(|server| fits(&self.servers, server)))
    }
}

fn fits(patterns: &[WildMatch], text: &str) -> bool {
    patterns.is_empty() || patterns.iter().any(|pattern| pattern.matches(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_matcher_without_methods_and_names_covers_an_endpoint() {
        let matcher = |endpoints: &[&str], servers: &[&str], methods: &[&str], names: &[&str]| {
            Matcher::new(endpoints, servers, methods, names)
        };
        assert!(matcher(&[], &[], &[], &[]).covers("/mcp", None));
        assert!(matcher(&["/servers/*"], &["git*"], &[], &[]).covers("/servers/git/mcp", Some("git")));
        assert!(!matcher(&[], &["*"], &[], &[]).covers("/mcp", None), "a call for all servers has none");
        assert!(!matcher(&[], &[], &["tools/call"], &[]).covers("/mcp", None));
        assert!(!matcher(&[], &[], &[], &["*"]).covers("/mcp", None), "a method without a name has none");
        assert!(!matcher(&["/servers/*"], &[], &[], &[]).covers("/mcp", None));
    }
}
