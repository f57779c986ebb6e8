//! The page of numbers: what the watch has counted, and what generation, servers and stages are found to be when it is asked for.

use cardea_chain::Health;
use cardea_observe::{Exposition, Histogram, metrics};
use cardea_plugin::{BOUNDS, BreakerState, Metric, Stats, TIME_BOUNDS};

use crate::assemble::{Built, LoadedStage};
use crate::gateway::Gateway;

/// The page.
pub(crate) fn page(gateway: &Gateway) -> String {
    let (mut page, built) = (Exposition::default(), gateway.built());
    page.gauge(&metrics::BUILD, &[env!("CARGO_PKG_VERSION")], 1.0);
    page.gauge(&metrics::GENERATION, &[], built.generation.number as f64);
    page.gauge(&metrics::RELOAD_OK, &[], flag(gateway.history.last().1.is_none()));
    page.gauge(&metrics::SESSIONS, &[], gateway.parts.gauges.sessions() as f64);
    page.counter(&metrics::JOURNAL_LOST, &[], gateway.journal.lost());
    gateway.parts.watch.expose(&mut page);
    servers(&mut page, &built);
    for loaded in &built.stages {
        stage(&mut page, &loaded.plan.name, &loaded.stage.stats());
        of_plugin(&mut page, loaded);
    }
    page.text()
}

fn servers(page: &mut Exposition, built: &Built) {
    for fare in built.registry.health() {
        let up = match fare.health {
            Health::Unknown => continue,
            Health::Up { .. } => true,
            Health::Down { .. } => false,
        };
        page.gauge(&metrics::SERVER_UP, &[&fare.server, &fare.endpoint], flag(up));
    }
}

fn stage(page: &mut Exposition, name: &str, stats: &Stats) {
    page.gauge(&metrics::STAGE_GENERATION, &[name], stats.generation as f64);
    page.counter(&metrics::STAGE_CALLS, &[name], stats.calls());
    for (verdict, count) in stats.verdicts.iter().filter(|(_, count)| *count > 0) {
        page.counter(&metrics::STAGE_VERDICTS, &[name, verdict], *count);
    }
    for (fault, count) in stats.faults.iter().filter(|(_, count)| *count > 0) {
        page.counter(&metrics::STAGE_FAULTS, &[name, fault], *count);
    }
    page.counter(&metrics::STAGE_ABANDONED, &[name], stats.abandoned);
    page.counter(&metrics::STAGE_RETRIES, &[name], stats.retries);
    let bounds = TIME_BOUNDS.map(|micros| micros as f64 / 1e6);
    let times = &stats.times;
    let times = Histogram::of_parts(&bounds, &times.buckets, times.count, times.sum_nanos as f64 / 1e9);
    page.histogram(&metrics::STAGE_DURATION, &[name], &times);
    page.gauge(&metrics::STAGE_SUSPENDED, &[name], flag(stats.breaker == BreakerState::Open));
    page.counter(&metrics::STAGE_SUSPENSIONS, &[name], stats.suspensions);
    pool(page, name, stats);
}

fn pool(page: &mut Exposition, name: &str, stats: &Stats) {
    let pool = &stats.pool;
    page.gauge(&metrics::POOL_INSTANCES, &[name, "idle"], pool.idle as f64);
    page.gauge(&metrics::POOL_INSTANCES, &[name, "in-use"], pool.in_use as f64);
    page.gauge(&metrics::POOL_MOST, &[name], pool.most as f64);
    page.counter(&metrics::POOL_STARTED, &[name, "on-path"], pool.started_on_path);
    page.counter(&metrics::POOL_STARTED, &[name, "beside"], pool.started.saturating_sub(pool.started_on_path));
    page.counter(&metrics::POOL_WAITS, &[name], pool.waits);
    let retired =
        [("calls", pool.retired_by_calls), ("growth", pool.retired_by_growth), ("idleness", pool.retired_by_idleness)];
    for (reason, count) in retired {
        page.counter(&metrics::POOL_RETIRED, &[name, reason], count);
    }
}

fn of_plugin(page: &mut Exposition, loaded: &LoadedStage) {
    let stage = loaded.plan.name.as_str();
    for (name, metric) in loaded.stage.metrics() {
        match metric {
            Metric::Count(count) => page.counter(&metrics::PLUGIN_COUNT, &[stage, &name], count),
            Metric::Observations(all) => {
                let buckets = BOUNDS.into_iter().zip(all.buckets).collect();
                let histogram = Histogram { buckets, count: all.count, sum: all.sum };
                page.histogram(&metrics::PLUGIN_OBSERVATION, &[stage, &name], &histogram);
            }
        }
    }
}

fn flag(is_so: bool) -> f64 {
    if is_so { 1.0 } else { 0.0 }
}
