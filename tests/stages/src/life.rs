//! From bytes to a stage that serves: compiled, swapped, and held in memory.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use cardea_hotpath::call;
use cardea_plugin::{Capabilities, Engine, EngineSettings};
use cardea_state::Memory;
use serde_json::json;

use crate::Outcome;
use crate::cost::passes;
use crate::figure::{at, tell};
use crate::house::{component, spec};

const SWAPS: usize = 101;
/// Instances that are held at once.
const HELD: usize = 400;
const KIB_PER_PAGE: f64 = 4.0;

/// Measures all of it.
pub(crate) async fn measure(target: &Path) -> Outcome {
    let engine = Engine::new(EngineSettings::default())?;
    let bytes = component(target, "guests/measured")?;
    let memory = Arc::new(Memory::default());
    let capabilities = Capabilities::new(memory.clone(), memory);
    let load = async || engine.load(bytes.clone(), spec("measured", json!({ "reads": 3 })), capabilities.clone()).await;

    let started = Instant::now();
    let first = load().await?;
    tell("compile_and_load", started.elapsed().as_secs_f64() * 1e3, "ms");

    // The code is known, as it is after a change of configuration alone.
    let (call, mut swaps) = (call(1 << 10), Vec::new());
    for _ in 0..SWAPS {
        let started = Instant::now();
        let next = load().await?;
        passes(&next, &call).await?;
        swaps.push(started.elapsed().as_secs_f64() * 1e3);
    }
    tell("swap_with_known_code", at(&mut swaps, 0.5), "ms");

    let before = resident()?;
    let mut held = Vec::with_capacity(HELD);
    for _ in 0..HELD {
        held.push(load().await?);
    }
    tell("rss_of_a_stage_with_one_instance", (resident()? - before) / HELD as f64, "KiB");
    drop((first, held));
    Ok(())
}

fn resident() -> Outcome<f64> {
    let pages = std::fs::read_to_string("/proc/self/statm")?;
    let pages: f64 = pages.split(' ').nth(1).unwrap_or_default().parse()?;
    Ok(pages * KIB_PER_PAGE)
}
