//! What the admin listener tells of the gateway.

use std::sync::{Arc, Weak};
use std::time::UNIX_EPOCH;

use cardea_admin::{Readiness, ServerState, Status};
use cardea_chain::Health;
use cardea_registry::Fare;
use serde_json::{Value, json};

use crate::gateway::Gateway;
use crate::source;

/// The status of a gateway. It holds the gateway weakly: looking at it does not keep it alive.
pub(crate) fn of(gateway: &Arc<Gateway>) -> Arc<dyn Status> {
    Arc::new(OfGateway(Arc::downgrade(gateway)))
}

struct OfGateway(Weak<Gateway>);

impl Status for OfGateway {
    /// Ready means that calls are taken. A server that is down is shown and does not make the gateway unready: the others
    /// still serve, and a balancer that took the gateway out would only make it worse.
    fn ready(&self) -> Readiness {
        let Some(gateway) = self.0.upgrade() else { return Readiness { ready: false, servers: Vec::new() } };
        let servers = gateway.built().registry.health().into_iter().map(state);
        Readiness { ready: true, servers: servers.collect() }
    }

    fn status(&self) -> Value {
        let Some(gateway) = self.0.upgrade() else { return Value::Null };
        let (built, last) = (gateway.built(), gateway.last_reload());
        let stages: Vec<Value> = built
            .stages
            .iter()
            .map(|loaded| {
                let (inspection, stats) = (loaded.stage.inspection(), loaded.stage.stats());
                json!({
                    "name": loaded.plan.name,
                    "plugin": source::shown(&loaded.plan.plugin),
                    "role": inspection.role().as_str(),
                    "hooks": inspection.hooks.iter().map(cardea_chain::Hook::as_str).collect::<Vec<_>>(),
                    "digest": inspection.digest,
                    "calls": stats.calls,
                    "traps": stats.traps,
                    "idle": stats.idle,
                    "retired": stats.retired,
                })
            })
            .collect();
        let millis = last.at.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "generation": built.generation.number,
            "lastReload": { "atMs": millis, "ok": last.problem.is_none(), "problem": last.problem },
            "stages": stages,
            "journal": { "lost": gateway.journal.lost() },
        })
    }
}

fn state(fare: Fare) -> ServerState {
    // A server over stdio has one endpoint, which bears its name; one word is enough then.
    let name = if *fare.server == fare.endpoint { fare.endpoint } else { format!("{} {}", fare.server, fare.endpoint) };
    let (state, detail) = match fare.health {
        Health::Unknown => ("unknown", None),
        Health::Up { era } => ("up", Some(era.to_owned())),
        Health::Down { inside } => ("down", Some(inside)),
    };
    ServerState { name, state: state.to_owned(), detail }
}
