//! One run of the reconciler: what asked for it, and what became of it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

/// A run that has ended.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    /// Its number, in the order of the first request for it.
    pub(crate) id: u64,
    /// What asked for it first.
    pub(crate) source: Source,
    /// How many asked for it.
    pub(crate) requests: u32,
    /// When it ended.
    pub(crate) at: SystemTime,
    /// How long it took.
    pub(crate) took: Duration,
    /// What became of it.
    pub(crate) outcome: Outcome,
}

/// What asks for a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A file that the manifest is made of has changed.
    File,
    /// SIGHUP.
    Signal,
    /// The admin API.
    Admin,
    /// Somebody wants back what served before.
    Rollback,
    /// What is new did not prove itself.
    Probation,
}

/// What became of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Another generation serves.
    Published {
        /// Its number.
        generation: u64,
        /// How many stages it has.
        stages: usize,
        /// How many of them it took over as they ran.
        kept: usize,
        /// Keys that changed and take effect with the next start only.
        restart: Vec<String>,
    },
    /// The files mean what they meant.
    Unchanged {
        /// The generation that serves.
        generation: u64,
    },
    /// What the files say cannot be served.
    Refused {
        /// The generation that serves on.
        generation: u64,
        /// Why, with places in the files.
        problem: String,
    },
    /// What served before serves again.
    RolledBack {
        /// From this generation.
        from: u64,
        /// To this one.
        to: u64,
        /// Why.
        why: String,
    },
    /// Somebody wanted back what served before while this was still being made.
    Abandoned {
        /// The generation that serves.
        generation: u64,
    },
}

impl Source {
    /// The word in the log and the admin API.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Signal => "signal",
            Self::Admin => "admin",
            Self::Rollback => "rollback",
            Self::Probation => "probation",
        }
    }
}

impl Run {
    /// As the admin API tells it.
    pub(crate) fn to_json(&self) -> Value {
        let mut run = json!({
            "id": self.id,
            "source": self.source.as_str(),
            "requests": self.requests,
            "atMs": millis(self.at),
            "tookMicros": u64::try_from(self.took.as_micros()).unwrap_or(u64::MAX),
        });
        let rest = match &self.outcome {
            Outcome::Published { generation, stages, kept, restart } => json!({
                "outcome": "published", "generation": generation, "stages": stages, "kept": kept, "restart": restart,
            }),
            Outcome::Unchanged { generation } => json!({ "outcome": "unchanged", "generation": generation }),
            Outcome::Refused { generation, problem } => {
                json!({ "outcome": "refused", "generation": generation, "problem": problem })
            }
            Outcome::RolledBack { from, to, why } => {
                json!({ "outcome": "rolled-back", "generation": to, "from": from, "why": why })
            }
            Outcome::Abandoned { generation } => json!({ "outcome": "abandoned", "generation": generation }),
        };
        if let (Some(run), Value::Object(rest)) = (run.as_object_mut(), rest) {
            run.extend(rest);
        }
        run
    }

    /// Puts it into the log.
    pub(crate) fn log(&self) {
        let (run, source, requests) = (self.id, self.source.as_str(), self.requests);
        let millis = u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX);
        match &self.outcome {
            Outcome::Published { generation, stages, kept, restart } => {
                tracing::info!(generation, stages, kept, run, source, requests, millis, "generation published");
                if !restart.is_empty() {
                    let keys = restart.join(", ");
                    tracing::warn!(keys, "changed in the manifest; takes effect with the next start");
                }
            }
            Outcome::Unchanged { generation } => {
                tracing::info!(
                    generation,
                    run,
                    source,
                    requests,
                    millis,
                    "nothing changed, the present generation goes on"
                );
            }
            Outcome::Refused { generation, problem } => tracing::error!(
                generation,
                run,
                source,
                requests,
                "reload refused, the present generation goes on:\n{problem}"
            ),
            Outcome::RolledBack { from, to, why } => {
                tracing::error!(generation = to, from, run, source, requests, "generation {to} serves again: {why}");
            }
            Outcome::Abandoned { generation } => {
                tracing::warn!(generation, run, source, requests, "reload abandoned for a rollback");
            }
        }
    }
}

/// A moment as the admin API tells it.
pub(crate) fn millis(at: SystemTime) -> u64 {
    u64::try_from(at.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}
