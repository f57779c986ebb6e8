//! A server of the manifest as the back doors take it.

use std::sync::Arc;
use std::time::Duration;

use cardea_chain::{Candidate, Endpoint, Upstream};
use cardea_config::{ChildPlan, EndpointPlan, HttpPlan, Limits, Protocol, Secret, ServerPlan, SessionScope, Transport};
use cardea_dial::{ChildServer, ChildSpec, HttpServer, HttpSpec, SessionPolicy};
use cardea_seal::Replica;
use http::{HeaderMap, HeaderName, HeaderValue};

/// What a child process gets of the gateway's environment without being asked: enough to find programs, a home, a language
/// and a place for temporary files, and no secrets (the list the official SDKs use too).
const INHERITED: [&str; 9] = ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "LANG", "TZ", "TMPDIR"];

/// How long a child may be silent on the probe before it is taken for a legacy server.
const PROBE: Duration = Duration::from_secs(5);

/// The endpoints of a server. Nothing is started or connected yet; the error is a sentence for people.
pub(crate) fn endpoints(
    server: &ServerPlan,
    limits: &Limits,
    replica: &Arc<Replica>,
) -> Result<Arc<[Endpoint]>, String> {
    match &server.transport {
        Transport::Stdio(child) => Ok(Arc::from([Endpoint {
            facts: facts(server, server.name.clone(), 1, Vec::new()),
            upstream: Arc::new(ChildServer::new(child_spec(server, child, limits, replica))) as Arc<dyn Upstream>,
        }])),
        Transport::Http(http) => {
            http.endpoints.iter().map(|endpoint| http_endpoint(server, http, endpoint, limits, replica)).collect()
        }
    }
}

fn http_endpoint(
    server: &ServerPlan,
    http: &HttpPlan,
    endpoint: &EndpointPlan,
    limits: &Limits,
    replica: &Arc<Replica>,
) -> Result<Endpoint, String> {
    let labels = endpoint.labels.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    let spec = HttpSpec {
        headers: headers(http),
        session: session(server.session),
        protocol: protocol(server.protocol),
        start_timeout: server.start_timeout,
        idle_timeout: server.idle_timeout,
        max_message_bytes: limits.max_message_bytes.bytes(),
        replica: Arc::clone(replica),
        ..HttpSpec::new(server.name.as_str(), endpoint.url.clone())
    };
    let upstream = HttpServer::new(spec).map_err(|fault| format!("server `{}`: {fault}", server.name))?;
    Ok(Endpoint {
        facts: facts(server, endpoint.url.to_string(), endpoint.weight, labels),
        upstream: Arc::new(upstream),
    })
}

fn child_spec(server: &ServerPlan, child: &ChildPlan, limits: &Limits, replica: &Arc<Replica>) -> ChildSpec {
    ChildSpec {
        args: child.arguments.clone(),
        cwd: Some(child.cwd.clone()),
        env: environment(child),
        session: session(server.session),
        protocol: protocol(server.protocol),
        max_children: child.max_children,
        idle_timeout: server.idle_timeout,
        start_timeout: server.start_timeout,
        probe_timeout: PROBE.min(server.start_timeout),
        max_message_bytes: limits.max_message_bytes.bytes(),
        replica: Arc::clone(replica),
        ..ChildSpec::new(server.name.as_str(), child.program.to_string_lossy())
    }
}

fn environment(child: &ChildPlan) -> Vec<(String, String)> {
    let inherited = INHERITED.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?)));
    let own = child.env.iter().map(|(name, value)| (name.clone(), value.reveal().to_owned()));
    // Of two values of one name the later counts, so the manifest's own come last.
    inherited.chain(own).collect()
}

fn headers(http: &HttpPlan) -> HeaderMap {
    let header = |(name, value): (&String, &Secret)| {
        let mut value = HeaderValue::from_str(value.reveal()).ok()?;
        value.set_sensitive(true);
        Some((HeaderName::from_bytes(name.as_bytes()).ok()?, value))
    };
    http.headers.iter().filter_map(header).collect()
}

fn facts(server: &ServerPlan, id: String, weight: u32, labels: Vec<(String, String)>) -> Candidate {
    Candidate { weight, labels, ..Candidate::new(id, server.name.clone()) }
}

fn session(scope: SessionScope) -> SessionPolicy {
    match scope {
        SessionScope::Client => SessionPolicy::Client,
        SessionScope::Subject => SessionPolicy::Subject,
        SessionScope::Shared => SessionPolicy::Shared,
        SessionScope::Call => SessionPolicy::Call,
    }
}

fn protocol(protocol: Protocol) -> cardea_dial::Protocol {
    match protocol {
        Protocol::Auto => cardea_dial::Protocol::Auto,
        Protocol::Modern => cardea_dial::Protocol::Modern,
        Protocol::Legacy => cardea_dial::Protocol::Legacy,
    }
}
