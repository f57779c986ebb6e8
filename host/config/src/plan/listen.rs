//! The two listeners: who may reach them, and how they are guarded.

use std::net::SocketAddr;
use std::path::PathBuf;

use cardea_grant::Secret;
use http::Uri;

use crate::manifest::{Admin, Limits, Listen, Tls};
use crate::report::{Problem, Report};
use crate::spans::Spans;
use crate::units::Size;

/// The listener for clients.
#[derive(Clone, Debug, PartialEq)]
pub struct ListenPlan {
    /// Where it listens.
    pub address: SocketAddr,
    /// The URL under which clients reach it, if that was written.
    pub public_url: Option<Uri>,
    /// Values of the `Host` header that are served, in lower case; one without a port fits any port.
    pub allowed_hosts: Vec<String>,
    /// Web pages that may call it.
    pub allowed_origins: AllowedOrigins,
    /// Its certificate, if it serves HTTPS.
    pub tls: Option<TlsPlan>,
    /// What one client may take of it.
    pub limits: Limits,
    /// Where it was written.
    pub spans: Spans,
}

/// Origins of web pages that may call a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedOrigins {
    /// `localhost`, `127.0.0.1` and `[::1]` at the port that is listened on, which is known only then.
    Loopback,
    /// These and no others, written as browsers write them.
    Only(Vec<String>),
}

/// What a listener needs for HTTPS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsPlan {
    /// PEM file with the certificate chain.
    pub certificate: PathBuf,
    /// PEM file with the private key.
    pub key: PathBuf,
    /// Where it was written.
    pub spans: Spans,
}

/// The listener for health, metrics and status.
#[derive(Clone, Debug, PartialEq)]
pub struct AdminPlan {
    /// Where it listens.
    pub address: SocketAddr,
    /// What a caller must show; always there if the address is not loopback.
    pub token: Option<Secret>,
    /// Most calls that are kept for it.
    pub recent_calls: usize,
    /// Most bytes of them.
    pub recent_bytes: Size,
    /// Where it was written.
    pub spans: Spans,
}

pub(super) fn listen(raw: Listen, report: &mut Report) -> Option<ListenPlan> {
    if raw.allowed_hosts.as_ref().is_some_and(Vec::is_empty) {
        let message = "`listen.allowed-hosts` is empty, so nobody could call the gateway";
        let problem = Problem::new(raw.spans.of("allowed-hosts"), message, "nobody is allowed");
        report.push(problem.help("leave it out to allow the loopback names and the addresses of the listener"));
    }
    if raw.public_url.as_ref().is_some_and(|url| url.query().is_some()) {
        let message = "`listen.public-url` has a query";
        report.push(Problem::new(
            raw.spans.of("public-url"),
            message,
            "only scheme, host and path have a meaning here",
        ));
    }
    limits(&raw.limits, report);
    let allowed_hosts = match raw.allowed_hosts {
        Some(hosts) => hosts.into_iter().map(|host| host.0).collect(),
        None => default_hosts(raw.address, raw.public_url.as_ref()),
    };
    let allowed_origins = match raw.allowed_origins {
        Some(origins) => AllowedOrigins::Only(origins.into_iter().map(|origin| origin.0).collect()),
        None => AllowedOrigins::Loopback,
    };
    let tls = match raw.tls {
        Some(tls) => Some(tls_plan(tls)?),
        None => None,
    };
    Some(ListenPlan {
        address: raw.address,
        public_url: raw.public_url,
        allowed_hosts,
        allowed_origins,
        tls,
        limits: raw.limits,
        spans: raw.spans,
    })
}

pub(super) fn admin(raw: Admin, report: &mut Report) -> Option<Option<AdminPlan>> {
    let Some(address) = raw.address.0 else {
        return Some(None);
    };
    if !address.ip().to_canonical().is_loopback() && !raw.spans.written("token") {
        let message = "`admin.token` is required, because `admin.address` is not loopback";
        let problem = Problem::new(raw.spans.of("address"), message, "others can reach this address");
        report.push(problem.help("add `token = \"${ADMIN_TOKEN}\"`, or listen on \"127.0.0.1:9090\""));
    }
    let Admin { token, recent_calls, recent_bytes, spans, .. } = raw;
    Some(Some(AdminPlan { address, token, recent_calls, recent_bytes, spans }))
}

/// Notes that both listeners want the same address.
pub(super) fn must_differ(listen: &Listen, admin: &Admin, report: &mut Report) {
    if Some(listen.address) == admin.address.0 && listen.address.port() != 0 {
        let span = if admin.spans.written("address") { admin.spans.of("address") } else { listen.spans.of("address") };
        let message = format!("`listen.address` and `admin.address` are both {}", listen.address);
        report.push(Problem::new(span, message, "taken by the other listener").help("give them different ports"));
    }
}

fn limits(limits: &Limits, report: &mut Report) {
    if limits.call_timeout > limits.max_call_timeout {
        let key = if limits.spans.written("call-timeout") { "call-timeout" } else { "max-call-timeout" };
        let message = "`listen.limits.call-timeout` is longer than `listen.limits.max-call-timeout`";
        let problem = Problem::new(limits.spans.of(key), message, "the shorter one ends the call");
        let (usual, longest) = (limits.call_timeout, limits.max_call_timeout);
        report.push(problem.help(format!("they are {usual:?} and {longest:?}; set both")));
    }
}

fn default_hosts(address: SocketAddr, public_url: Option<&Uri>) -> Vec<String> {
    let mut hosts: Vec<String> = ["localhost", "127.0.0.1", "[::1]"].map(String::from).into();
    let own = match address {
        _ if address.ip().is_unspecified() => None,
        SocketAddr::V4(address) => Some(address.ip().to_string()),
        SocketAddr::V6(address) => Some(format!("[{}]", address.ip())),
    };
    let public = public_url.and_then(Uri::host).map(str::to_ascii_lowercase);
    for host in own.into_iter().chain(public) {
        if !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    hosts
}

fn tls_plan(raw: Tls) -> Option<TlsPlan> {
    Some(TlsPlan { certificate: raw.certificate.0?, key: raw.key.0?, spans: raw.spans })
}
