//! The servers behind the gateway: one way to reach each, and the keys that fit it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use cardea_grant::Secret;
use http::Uri;

use crate::kind::from_base;
use crate::manifest::{Endpoint, Limits, Protocol, Server, SessionScope};
use crate::names::Argument;
use crate::report::{Problem, Report};
use crate::spans::Spans;

/// An MCP server.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerPlan {
    /// Its name, of `[a-z0-9-]{1,24}`.
    pub name: String,
    /// How it is reached.
    pub transport: Transport,
    /// Who shares one session with it.
    pub session: SessionScope,
    /// The protocol it speaks.
    pub protocol: Protocol,
    /// Longest time for one call without progress.
    pub call_timeout: Duration,
    /// A session with it without a call for this long is ended.
    pub idle_timeout: Duration,
    /// Longest wait for its answer to the first message.
    pub start_timeout: Duration,
    /// Where it was written.
    pub spans: Spans,
}

/// How a server is reached.
#[derive(Clone, Debug, PartialEq)]
pub enum Transport {
    /// Over the standard input and output of a process.
    Stdio(ChildPlan),
    /// Over HTTP.
    Http(HttpPlan),
}

/// A process to start.
#[derive(Clone, Debug, PartialEq)]
pub struct ChildPlan {
    /// The program: a name to look up in `PATH`, or a path that is not relative to where the gateway was started.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// The folder it starts in.
    pub cwd: PathBuf,
    /// Environment variables set for it.
    pub env: BTreeMap<String, Secret>,
    /// Processes of it at once.
    pub max_children: usize,
}

/// Addresses that speak HTTP.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpPlan {
    /// The addresses, one or more.
    pub endpoints: Vec<EndpointPlan>,
    /// Headers added to every request; names in lower case, and both names and values fit for HTTP.
    pub headers: BTreeMap<String, Secret>,
}

/// One address of a server.
#[derive(Clone, Debug, PartialEq)]
pub struct EndpointPlan {
    /// The address, absolute, http or https.
    pub url: Uri,
    /// Its share of the calls beside the others.
    pub weight: u32,
    /// Words for stages of role `route`.
    pub labels: BTreeMap<String, String>,
    /// Where it was written.
    pub spans: Spans,
}

/// The keys that say how a server is reached.
const ADDRESSES: [&str; 3] = ["command", "url", "endpoint"];
const ONLY_CHILD: [&str; 3] = ["cwd", "env", "max-children"];
const ONLY_HTTP: [&str; 1] = ["headers"];

/// The names of all servers; `None` if one of them is not known, because its name is wrong. Notes those that stand twice.
pub(super) fn names(servers: &[Server], report: &mut Report) -> Option<Vec<String>> {
    let mut seen = BTreeSet::new();
    for server in servers {
        if let Some(name) = &server.name.0
            && !seen.insert(&name.0)
        {
            let message = format!("two servers are called `{}`", name.0);
            let problem = Problem::new(server.spans.of("name"), message, "this name is taken");
            report.push(problem.help("the names of servers are part of the names of their tools, so they must differ"));
        }
    }
    servers.iter().map(|server| Some(server.name.0.as_ref()?.0.clone())).collect()
}

pub(super) fn servers(raw: Vec<Server>, limits: &Limits, base: &Path, report: &mut Report) -> Option<Vec<ServerPlan>> {
    let plans: Vec<Option<ServerPlan>> = raw.into_iter().map(|raw| server(raw, limits, base, report)).collect();
    plans.into_iter().collect()
}

fn server(raw: Server, limits: &Limits, base: &Path, report: &mut Report) -> Option<ServerPlan> {
    one_address(&raw, report);
    let call_timeout = call_timeout(&raw, limits, report);
    let transport = match raw.command {
        Some(words) => {
            let (program, arguments) = command(words, base, &raw.spans, report)?;
            Transport::Stdio(ChildPlan {
                program,
                arguments,
                cwd: raw.cwd.unwrap_or_else(|| base.to_path_buf()),
                env: raw.env.0,
                max_children: raw.max_children,
            })
        }
        None => Transport::Http(HttpPlan {
            endpoints: endpoints(raw.url, raw.endpoint, &raw.spans, report)?,
            headers: raw.headers.0,
        }),
    };
    Some(ServerPlan {
        name: raw.name.0?.0,
        transport,
        session: raw.session,
        protocol: raw.protocol,
        call_timeout,
        idle_timeout: raw.idle_timeout,
        start_timeout: raw.start_timeout,
        spans: raw.spans,
    })
}

/// Notes a server with no address or several, and keys that do not fit the one it has.
fn one_address(raw: &Server, report: &mut Report) {
    let name = raw.name.0.as_ref().map(|name| format!("server `{}`", name.0));
    let name = name.unwrap_or_else(|| "this server".into());
    let written: Vec<&str> = ADDRESSES.into_iter().filter(|key| raw.spans.written(key)).collect();
    let (misfits, needed): (&[&str], &str) = match written[..] {
        [] => {
            let problem =
                Problem::new(raw.spans.whole(), format!("{name} has no address"), "nothing to start or to call");
            report.push(problem.help("add `command = [\"program\", \"argument\"]` or `url = \"https://…/mcp\"`"));
            return;
        }
        ["command"] => (&ONLY_HTTP, "`url` or `endpoint`"),
        [_] => (&ONLY_CHILD, "`command`"),
        [first, .., last] => {
            let message = format!("{name} has both `{first}` and `{last}`");
            let problem = Problem::new(raw.spans.of(last), message, "a second address");
            report
                .push(problem.help("keep one of them; for several addresses of one server use `[[server.endpoint]]`"));
            return;
        }
    };
    for key in misfits.iter().filter(|key| raw.spans.written(key)) {
        let message = format!("`server.{key}` has no meaning without {needed}");
        report.push(Problem::new(raw.spans.of(key), message, format!("{name} has no {needed}")));
    }
}

fn call_timeout(raw: &Server, limits: &Limits, report: &mut Report) -> Duration {
    let Some(own) = raw.call_timeout else {
        return limits.call_timeout;
    };
    if own > limits.max_call_timeout {
        let message = "`server.call-timeout` is longer than `listen.limits.max-call-timeout`";
        let problem = Problem::new(raw.spans.of("call-timeout"), message, "the shorter one ends the call");
        report.push(problem.help(format!("`max-call-timeout` is {:?}", limits.max_call_timeout)));
    }
    own
}

/// The program and its arguments.
fn command(words: Vec<Argument>, base: &Path, spans: &Spans, report: &mut Report) -> Option<(PathBuf, Vec<String>)> {
    let mut words = words.into_iter().map(|word| word.0);
    let Some(program) = words.next().filter(|program| !program.is_empty()) else {
        report.push(Problem::new(spans.of("command"), "`server.command` names no program", "nothing to start"));
        return None;
    };
    // A path is joined here, because where a relative program is looked for differs between systems once a folder is set.
    let program = match program.contains('/') {
        true => from_base(base, &program),
        false => program.into(),
    };
    Some((program, words.collect()))
}

fn endpoints(
    url: Option<Uri>,
    several: Option<Vec<Endpoint>>,
    spans: &Spans,
    report: &mut Report,
) -> Option<Vec<EndpointPlan>> {
    if let Some(url) = url {
        return Some(vec![EndpointPlan { url, weight: 1, labels: BTreeMap::new(), spans: spans.clone() }]);
    }
    let several = several?;
    if several.is_empty() {
        report.push(Problem::new(spans.of("endpoint"), "`server.endpoint` is empty", "nothing to call"));
    }
    let mut seen = BTreeSet::new();
    for endpoint in &several {
        if let Some(url) = &endpoint.url.0
            && !seen.insert(url.to_string())
        {
            let message = format!("the server has the endpoint `{url}` twice");
            let problem = Problem::new(endpoint.spans.of("url"), message, "the same address");
            report.push(problem.help("give one endpoint more `weight` instead"));
        }
    }
    several.into_iter().map(endpoint_plan).collect()
}

fn endpoint_plan(raw: Endpoint) -> Option<EndpointPlan> {
    Some(EndpointPlan { url: raw.url.0?, weight: raw.weight, labels: raw.labels, spans: raw.spans })
}
