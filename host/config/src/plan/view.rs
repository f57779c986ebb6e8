//! The endpoints of the manifest's own: which servers they have and what of them is called how.

use std::collections::{BTreeMap, BTreeSet};

use crate::manifest::{Prefix, View};
use crate::names::{Pattern, Patterns, ServerName};
use crate::reader::suggestion;
use crate::report::{Problem, Report};
use crate::spans::Spans;

/// An endpoint of some servers.
#[derive(Clone, Debug, PartialEq)]
pub struct ViewPlan {
    /// Its path, different from all others'.
    pub path: String,
    /// Names of its servers, in their order; empty for all.
    pub servers: Vec<String>,
    /// Patterns over `<server>/<name or URI>`; if there are any, one must fit.
    pub include: Vec<String>,
    /// Patterns likewise, of which none may fit.
    pub exclude: Vec<String>,
    /// Names of the endpoint's own; no two are the same.
    pub rename: Vec<RenamePlan>,
    /// Whether names carry their server.
    pub prefix: Prefix,
    /// Where it was written.
    pub spans: Spans,
}

/// A name of an endpoint's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenamePlan {
    /// The server that has the tool or prompt.
    pub server: String,
    /// What the server calls it.
    pub native: String,
    /// What it is called at the endpoint.
    pub name: String,
}

/// The endpoints in their order. `servers` are the names that may be meant, if all of them are known.
pub(super) fn views(raw: Vec<View>, servers: Option<&[String]>, report: &mut Report) -> Option<Vec<ViewPlan>> {
    let mut taken = BTreeSet::new();
    let mut plans = Vec::new();
    for raw in raw {
        let plan = view(raw, servers, report);
        if let Some(plan) = &plan
            && !taken.insert(plan.path.clone())
        {
            let message = format!("two endpoints are at `{}`", plan.path);
            report.push(Problem::new(plan.spans.of("path"), message, "this path is taken"));
        }
        plans.push(plan);
    }
    plans.into_iter().collect()
}

fn view(raw: View, servers: Option<&[String]>, report: &mut Report) -> Option<ViewPlan> {
    let own: Option<Vec<String>> = raw.servers.map(|names| names.into_iter().map(|ServerName(name)| name).collect());
    if let Some(own) = &own {
        check_servers(own, servers, &raw.spans, report);
    }
    let own = own.unwrap_or_default();
    let reached = if own.is_empty() { servers } else { Some(&own[..]) };
    let rename = renames(raw.rename, reached, &raw.spans, report);
    for (key, patterns) in [("include", &raw.include), ("exclude", &raw.exclude)] {
        check_patterns(key, patterns.as_ref(), reached, report);
    }
    let texts = |patterns: Option<Patterns>| {
        patterns.map_or(Vec::new(), |patterns| patterns.0.into_iter().map(|pattern| pattern.text).collect())
    };
    Some(ViewPlan {
        path: raw.path.0?.0,
        servers: own,
        include: texts(raw.include),
        exclude: texts(raw.exclude),
        rename,
        prefix: raw.prefix,
        spans: raw.spans,
    })
}

fn check_servers(own: &[String], servers: Option<&[String]>, spans: &Spans, report: &mut Report) {
    if own.is_empty() {
        let problem = Problem::new(spans.of("servers"), "`endpoint.servers` is empty", "an endpoint of nothing");
        report.push(problem.help("leave it out for all servers"));
    }
    let mut seen = BTreeSet::new();
    for name in own {
        if !seen.insert(name) {
            report.push(Problem::new(
                spans.of("servers"),
                format!("`endpoint.servers` has `{name}` twice"),
                "once is enough",
            ));
        }
        if servers.is_some_and(|known| !known.contains(name)) {
            let known: Vec<&str> = servers.unwrap_or_default().iter().map(String::as_str).collect();
            let message = format!("`endpoint.servers` has `{name}`, and no server is called that");
            let problem = Problem::new(spans.of("servers"), message, "not a server of this manifest");
            report.push(match known[..] {
                [] => problem.help("the manifest has no `[[server]]`"),
                _ => problem.help(suggestion(name, &known, "servers")),
            });
        }
    }
}

/// Notes patterns that can fit nothing: what they are compared with begins with the name of a server.
fn check_patterns(key: &str, patterns: Option<&Patterns>, reached: Option<&[String]>, report: &mut Report) {
    let unfit = |Pattern { text, .. }: &&Pattern| match text.split_once('/') {
        Some((server, _)) => {
            !server.contains(['*', '?']) && reached.is_some_and(|names| !names.iter().any(|name| name == server))
        }
        None => !text.contains('*'),
    };
    for pattern in patterns.map_or(&[][..], |patterns| &patterns.0).iter().filter(unfit) {
        let message = format!("`endpoint.{key}` has `{}`, which fits nothing", pattern.text);
        let problem = Problem::new(pattern.span.clone(), message, "never fits");
        report.push(problem.help("patterns are compared with `<server>/<name or URI>`, such as \"git/read_*\""));
    }
}

fn renames(
    raw: BTreeMap<String, String>,
    reached: Option<&[String]>,
    spans: &Spans,
    report: &mut Report,
) -> Vec<RenamePlan> {
    let mut told = |message: String, label: &str, help: &str| {
        report.push(Problem::new(spans.of("rename"), message, label).help(help.to_owned()));
    };
    let mut taken = BTreeSet::new();
    let mut renames = Vec::new();
    for (item, name) in raw {
        let Some((server, native)) = item.split_once('/').filter(|(_, native)| !native.is_empty()) else {
            told(format!("`endpoint.rename` has `{item}`"), "no item", "items are written `<server>/<name>`");
            continue;
        };
        if reached.is_some_and(|names| !names.iter().any(|known| known == server)) {
            let message = format!("`endpoint.rename` has `{item}`, and the endpoint has no server `{server}`");
            told(message, "nothing to rename", "items are written `<server>/<name>`");
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if name.len() > 64 || !name.chars().all(allowed) {
            let message = format!("`endpoint.rename` calls `{item}` `{name}`");
            told(message, "no name for a tool", "a name has 1 to 64 of a-z, A-Z, 0-9, `.`, `_` and `-`");
        }
        if !taken.insert(name.clone()) {
            let message = format!("`endpoint.rename` calls two items `{name}`");
            told(message, "one name for two", "clients tell items apart by their names alone");
        }
        renames.push(RenamePlan { server: server.to_owned(), native: native.to_owned(), name });
    }
    renames
}
