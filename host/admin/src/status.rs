//! What the operator's door shows.

use serde::Serialize;

/// Says how the gateway fares. Asked for every request, so it must not wait for anything.
pub trait Status: Send + Sync + 'static {
    /// Whether calls can be served now.
    fn ready(&self) -> Readiness;

    /// Everything an operator asks at night: version, generation, stages, the last reload. Without secrets.
    fn status(&self) -> serde_json::Value;

    /// The calls that ended last, latest first; at most so many.
    fn calls(&self, most: usize) -> serde_json::Value;

    /// What became of the latest call with this id, stage by stage; none if it is not known, or no longer.
    fn call(&self, id: &str) -> Option<serde_json::Value>;

    /// Every number there is, as text for Prometheus.
    fn metrics(&self) -> String;
}

/// Whether calls can be served, and by whom.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Readiness {
    /// The answer: 200 or 503.
    pub ready: bool,
    /// Each server.
    pub servers: Vec<ServerState>,
}

/// How one server fares.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ServerState {
    /// Its name in the manifest.
    pub name: String,
    /// `unknown`, `up` or `down`.
    pub state: String,
    /// Why, if it is down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}
