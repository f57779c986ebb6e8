//! This gateway among its replicas.

use std::net::SocketAddr;

use cardea_config::{ClusterPlan, Secret};
use cardea_listen::Link;
use cardea_seal::{Replica, Sealer};

use crate::Failure;

/// Who this gateway is to its replicas. `listening` stands for a port 0 that it is reached at.
pub(crate) fn replica(plan: &ClusterPlan, listening: Option<SocketAddr>) -> Result<Replica, Failure> {
    let sealer = Sealer::new(plan.keys.iter().map(Secret::reveal))
        .map_err(|weak| Failure::config(format!("[cluster]: one of `keys` {weak}")))?;
    let Some(advertise) = &plan.advertise else { return Ok(Replica::new(sealer, "")) };
    let (scheme, host) = (advertise.scheme_str().unwrap_or("http"), advertise.host().unwrap_or_default());
    let port = match (advertise.port_u16(), listening) {
        (Some(0), Some(listening)) => format!(":{}", listening.port()),
        (Some(port), _) => format!(":{port}"),
        (None, _) => String::new(),
    };
    Ok(Replica::new(sealer, format!("{scheme}://{host}{port}")))
}

/// The way to the replicas, if there are any.
pub(crate) fn link(plan: &ClusterPlan) -> Result<Option<Link>, Failure> {
    if plan.advertise.is_none() {
        return Ok(None);
    }
    let wrong = |why: &dyn std::fmt::Display| {
        let file = plan.ca.as_deref().unwrap_or_else(|| std::path::Path::new("ca"));
        Failure::config(format!("[cluster]: {}: {why}", file.display()))
    };
    let roots = plan.ca.as_ref().map(std::fs::read).transpose().map_err(|error| wrong(&error))?;
    Link::new(roots.as_deref()).map(Some).map_err(|why| wrong(&why))
}

/// Says what follows from having no key.
pub(crate) fn announce(plan: &ClusterPlan) {
    if plan.keys.is_empty() {
        tracing::info!(
            "no [cluster] keys: a key was made, and ids of sessions are good for as long as this process lives"
        );
    }
}
