//! The gateways beside this one.

use std::path::PathBuf;

use cardea_grant::Secret;
use http::Uri;

use crate::manifest::Cluster;
use crate::report::{Problem, Report};
use crate::spans::Spans;

/// A key below this many characters could be guessed.
const SHORTEST_KEY: usize = 32;

/// The gateways beside this one.
#[derive(Clone, Debug, PartialEq)]
pub struct ClusterPlan {
    /// What seals, first, and what else opens.
    pub keys: Vec<Secret>,
    /// Where the others reach this one; none if there are no others.
    pub advertise: Option<Uri>,
    /// PEM file with the authorities of their certificates.
    pub ca: Option<PathBuf>,
    /// Where it was written.
    pub spans: Spans,
}

pub(super) fn cluster(raw: Cluster, report: &mut Report) -> ClusterPlan {
    if raw.keys.iter().any(|key| key.reveal().chars().count() < SHORTEST_KEY) {
        let message = "`cluster.keys` has a key of fewer than 32 characters";
        let problem = Problem::new(raw.spans.of("keys"), message, "could be guessed");
        report.push(problem.help("`openssl rand -base64 32` makes one"));
    }
    if let Some(advertise) = &raw.advertise {
        advertised(&raw, advertise, report);
    }
    ClusterPlan { keys: raw.keys, advertise: raw.advertise, ca: raw.ca, spans: raw.spans }
}

fn advertised(raw: &Cluster, advertise: &Uri, report: &mut Report) {
    let at = || raw.spans.of("advertise");
    if raw.keys.is_empty() && !raw.spans.written("keys") {
        let problem =
            Problem::new(at(), "`cluster.advertise` is written, and no `cluster.keys`", "nobody could trust it");
        report.push(problem.help("give all replicas the same: `keys = [\"${CLUSTER_KEY}\"]`"));
    }
    if advertise.path() != "/" || advertise.query().is_some() {
        let message = "`cluster.advertise` has a path";
        report.push(Problem::new(at(), message, "only scheme, host and port have a meaning here"));
    }
    let https = advertise.scheme_str() == Some("https");
    if https && raw.ca.is_none() && !raw.spans.written("ca") {
        let problem =
            Problem::new(at(), "`cluster.ca` is required, because replicas speak HTTPS", "whose certificate?");
        report.push(problem.help("name the PEM file with the authority of their certificates: `ca = \"ca.pem\"`"));
    }
    if !https && raw.plain.is_none() && !is_loopback(advertise) {
        let problem = Problem::new(at(), "replicas would speak to each other without TLS", "others may listen");
        report.push(problem.help(
            "serve HTTPS (`[listen.tls]`) and advertise it, or say why not: `plain = \"an encrypted network of our own\"`",
        ));
    }
}

fn is_loopback(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}
