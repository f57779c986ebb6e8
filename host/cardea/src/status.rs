//! What the admin listener tells of the gateway.

use std::sync::{Arc, Weak};

use cardea_admin::{Readiness, ServerState, Status};
use cardea_chain::Health;
use cardea_plugin::{Stats, TIME_BOUNDS};
use cardea_registry::Fare;
use serde_json::{Value, json};

use crate::gateway::Gateway;
use crate::reload::millis;
use crate::{metrics, source};

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
        let (built, (at, problem)) = (gateway.built(), gateway.history.last());
        let stages: Vec<Value> = built
            .stages
            .iter()
            .map(|loaded| {
                let inspection = loaded.stage.inspection();
                json!({
                    "name": loaded.plan.name,
                    "plugin": source::shown(&loaded.plan.plugin),
                    "role": inspection.role().as_str(),
                    "hooks": inspection.hooks.iter().map(cardea_chain::Hook::as_str).collect::<Vec<_>>(),
                    "digest": inspection.digest,
                    "stats": fare_of(&loaded.stage.stats()),
                })
            })
            .collect();
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "generation": built.generation.number,
            "lastReload": { "atMs": millis(at), "ok": problem.is_none(), "problem": problem },
            "stages": stages,
            "tasks": tokio::runtime::Handle::current().metrics().num_alive_tasks(),
            "journal": { "lost": gateway.journal.lost() },
        })
    }

    fn calls(&self, most: usize) -> Value {
        json!({ "calls": self.0.upgrade().map_or_else(Vec::new, |gateway| gateway.parts.watch.calls(most)) })
    }

    fn call(&self, id: &str) -> Option<Value> {
        self.0.upgrade()?.parts.watch.call(id)
    }

    fn metrics(&self) -> String {
        self.0.upgrade().map_or_else(String::new, |gateway| metrics::page(&gateway))
    }
}

/// How a stage has fared. The names are those of the record, and what did not happen is left out.
fn fare_of(stats: &Stats) -> Value {
    let counts = |counts: &[(&'static str, u64)]| -> Value {
        counts.iter().filter(|(_, count)| *count > 0).map(|(word, count)| ((*word).to_owned(), json!(count))).collect()
    };
    let pool = &stats.pool;
    json!({
        "generation": stats.generation,
        "calls": stats.calls(),
        "verdicts": counts(&stats.verdicts),
        "faults": counts(&stats.faults),
        "abandoned": stats.abandoned,
        "retries": stats.retries,
        "micros": { "bounds": TIME_BOUNDS, "buckets": stats.times.buckets, "count": stats.times.count, "sum": stats.times.sum_nanos / 1_000 },
        "breaker": { "state": stats.breaker.as_str(), "suspensions": stats.suspensions },
        "pool": {
            "idle": pool.idle,
            "inUse": pool.in_use,
            "most": pool.most,
            "started": pool.started,
            "startedOnPath": pool.started_on_path,
            "waits": pool.waits,
            "retired": {
                "calls": pool.retired_by_calls,
                "growth": pool.retired_by_growth,
                "idleness": pool.retired_by_idleness,
            },
        },
    })
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
