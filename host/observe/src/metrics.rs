//! Every number the gateway shows to Prometheus: its name, its labels, and what it means. `docs/reference/metrics.md` is this
//! table, and a test holds the two together.
//!
//! Values of labels come from the manifest, from the interface, or from this code: no caller can make a new one. Names under
//! `cardea_plugin_*` are the plugin's own, at most 64 a stage.

/// A number, or several told apart by labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Declared {
    /// Its name.
    pub name: &'static str,
    /// What sort of number.
    pub kind: Kind,
    /// Names of its labels.
    pub labels: &'static [&'static str],
    /// What it means.
    pub help: &'static str,
}

/// What sort of number it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, until what it counts is loaded anew.
    Counter,
    /// As it is now.
    Gauge,
    /// How many were how large.
    Histogram,
}

impl Kind {
    /// The word Prometheus has for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

macro_rules! metrics {
    ($($constant:ident $name:literal $kind:ident [$($label:literal)*] $help:literal;)*) => {
        $(
            #[doc = $help]
            pub const $constant: Declared =
                Declared { name: $name, kind: Kind::$kind, labels: &[$($label),*], help: $help };
        )*

        /// All of them.
        pub const ALL: &[Declared] = &[$($constant),*];
    };
}

metrics! {
    BUILD "cardea_build_info" Gauge ["version"] "Always 1; the version is in the label.";
    GENERATION "cardea_generation" Gauge [] "Number of the generation that serves.";
    RELOAD_OK "cardea_last_reload_ok" Gauge [] "1 if the last attempt to change generations was served, 0 if it was refused.";
    CALLS "cardea_calls_total" Counter ["method" "outcome"] "Calls that have ended. Methods that MCP does not have are `other`; an exchange that was refused before its body was read has `none`.";
    CALLS_IN_FLIGHT "cardea_calls_in_flight" Gauge [] "Calls under way, streams of subscriptions among them.";
    CALL_DURATION "cardea_call_duration_seconds" Histogram [] "From the parsed call to its end.";
    CALL_BYTES "cardea_call_bytes_total" Counter ["direction"] "Bytes of params (`in`) and of results and errors (`out`).";
    SERVER_FAULTS "cardea_server_faults_total" Counter ["server" "fault"] "Calls that failed at their server, by the word the record has for why.";
    SERVER_UP "cardea_server_up" Gauge ["server" "endpoint"] "1 if the last exchange with the endpoint worked, 0 if it failed; missing before the first.";
    SESSIONS "cardea_sessions" Gauge [] "Sessions of legacy clients that are open.";
    JOURNAL_LOST "cardea_journal_lost_total" Counter [] "Records that the journal could not take.";
    STAGE_GENERATION "cardea_stage_generation" Gauge ["stage"] "Generation that the stage was loaded for; the other numbers of a stage count from then.";
    STAGE_CALLS "cardea_stage_hooks_total" Counter ["stage"] "Hooks that were asked.";
    STAGE_VERDICTS "cardea_stage_verdicts_total" Counter ["stage" "verdict"] "Hooks that returned, by what they said.";
    STAGE_FAULTS "cardea_stage_faults_total" Counter ["stage" "fault"] "Hooks that failed in the end, by what stopped them: `trap`, `cpu-budget`, `wall-budget`, `busy`, `bad-answer`, `denied`, `suspended`.";
    STAGE_ABANDONED "cardea_stage_abandoned_total" Counter ["stage"] "Hooks whose caller went away while they ran.";
    STAGE_RETRIES "cardea_stage_retries_total" Counter ["stage"] "Hooks that trapped and were asked again on a fresh instance.";
    STAGE_DURATION "cardea_stage_hook_duration_seconds" Histogram ["stage"] "Hooks that returned, from the wish for an instance to the verdict.";
    STAGE_SUSPENDED "cardea_stage_suspended" Gauge ["stage"] "1 while the stage is not asked because it only fails.";
    STAGE_SUSPENSIONS "cardea_stage_suspensions_total" Counter ["stage"] "How often that began.";
    POOL_INSTANCES "cardea_stage_instances" Gauge ["stage" "state"] "Instances that are `idle` or `in-use`.";
    POOL_MOST "cardea_stage_instances_max" Gauge ["stage"] "Hooks that may run at once.";
    POOL_STARTED "cardea_stage_instances_started_total" Counter ["stage" "where"] "Instances started: `on-path` while a caller waited, else `beside`.";
    POOL_WAITS "cardea_stage_waits_total" Counter ["stage"] "Callers that found every place taken and waited for one.";
    POOL_RETIRED "cardea_stage_instances_retired_total" Counter ["stage" "reason"] "Instances replaced or dropped though nothing was wrong with them: after many `calls`, after `growth`, after `idleness`.";
    PLUGIN_COUNT "cardea_plugin_count_total" Counter ["stage" "name"] "What a plugin counts with `metric.count`.";
    PLUGIN_OBSERVATION "cardea_plugin_observation" Histogram ["stage" "name"] "What a plugin observes with `metric.observe`, in its own unit.";
}
