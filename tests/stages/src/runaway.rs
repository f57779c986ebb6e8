//! One guest that never returns, ten times a second: how long after its budget it is stopped, and what the others notice.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cardea_chain::{Call, HookFaultKind, Stage};
use cardea_hotpath::{call, of_path};
use cardea_plugin::{Isolation, WasmStage};
use serde_json::json;
use tokio::time::{interval, sleep};

use crate::Outcome;
use crate::cost::passes;
use crate::figure::{at, tell};
use crate::house::House;

/// The CPU budget of a stage, as the manifest has it by default.
const BUDGET: Duration = Duration::from_millis(10);
const EVERY: Duration = Duration::from_millis(100);
/// Calls that pass between two that do not.
const HARMLESS: usize = 8;
/// Pause between two calls of the others, so that they leave the machine most of its time.
const PAUSE: Duration = Duration::from_micros(500);

/// Measures the others alone, then beside it.
pub(crate) async fn measure(house: &House, seconds: u64) -> Outcome {
    let half = Duration::from_secs(seconds.div_ceil(2));
    let stage = house.measured(json!({ "reads": 3 }), Isolation::Shared).await?;
    let call = call(1 << 10);
    let alone = others(&stage, &call, half).await?;
    let spinning = house.measured(json!({ "spins": true }), Isolation::Shared).await?;
    let runs = tokio::spawn(runaways(spinning, half));
    let beside = others(&stage, &call, half).await?;
    let mut stopped = runs.await??;
    tell("runaway_stopped_after_budget_p50", at(&mut stopped, 0.5), "ms");
    tell("runaway_stopped_after_budget_p99", at(&mut stopped, 0.99), "ms");
    tell("others_p99_alone", alone, "us");
    tell("others_p99_beside_runaway", beside, "us");
    tell("others_p99_beside_over_alone", beside / alone, "ratio");
    Ok(())
}

/// The 99th percentile of hooks that others call, one after the other.
async fn others(stage: &Arc<WasmStage>, call: &Arc<Call>, time: Duration) -> Outcome<f64> {
    let (begun, mut micros) = (Instant::now(), Vec::new());
    while begun.elapsed() < time {
        let started = Instant::now();
        passes(stage, call).await?;
        micros.push(started.elapsed().as_secs_f64() * 1e6);
        sleep(PAUSE).await;
    }
    Ok(at(&mut micros, 0.99))
}

/// Milliseconds beyond the budget, each time.
async fn runaways(stage: Arc<WasmStage>, time: Duration) -> Result<Vec<f64>, String> {
    let (harmless, spinning) = (call(1 << 10), of_path("/spin", 1 << 10));
    let (begun, mut over, mut clock) = (Instant::now(), Vec::new(), interval(EVERY));
    while begun.elapsed() < time {
        clock.tick().await;
        let started = Instant::now();
        match stage.judge_call(&spinning).await {
            Err(fault) if fault.kind == HookFaultKind::CpuBudget => {
                over.push((started.elapsed().as_secs_f64() - BUDGET.as_secs_f64()) * 1e3);
            }
            Err(fault) => return Err(format!("{}: {}", fault.kind.as_str(), fault.inside)),
            Ok(_) => return Err("the guest that never returns has returned".to_owned()),
        }
        // A stage that only fails is left alone for a while, and would be measured no more.
        for _ in 0..HARMLESS {
            passes(&stage, &harmless).await.map_err(|error| error.to_string())?;
        }
    }
    Ok(over)
}
