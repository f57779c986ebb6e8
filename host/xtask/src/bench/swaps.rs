//! A thousand swaps of generations under load: no call fails, none meets two generations, and nothing is left behind.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde::Deserialize;

use crate::Outcome;
use crate::figure::{Figure, Mark};
use crate::gateway::{self, Manifest};
use crate::process::{Process, Says};
use crate::step::{output, said};
use crate::workspace::Workspace;

/// Plugins that are swapped. They differ in their bytes alone.
const VARIANTS: u8 = 16;
const NONE: Mark = Mark::AtMost(0.0);
/// 1,000 in a minute.
const SWAPS_PER_SECOND: Mark = Mark::AtLeast(1000.0 / 60.0);
/// From the hundredth swap to the last, KiB.
const GROWTH: Mark = Mark::AtMost(4096.0);

/// Connections to the server that may be open at one look and not at another. A leak would be one a swap.
const COME_AND_GO: f64 = 16.0;

/// The line `cardea-load swaps` prints.
#[derive(Deserialize)]
struct Measured {
    failed_swaps: u32,
    swaps_per_second: f64,
    calls: u32,
    failed_calls: u32,
    mixed_calls: u32,
    rss_growth_kib: f64,
    files_before: u32,
    files_after: u32,
    tasks_before: u32,
    tasks_after: u32,
}

/// Starts an echo server and a gateway of its own.
pub(crate) fn measure(workspace: &Workspace) -> Outcome<Vec<Figure>> {
    let load = workspace.program("release", "cardea-load");
    let (_echo, echo) = Process::start(&load, &["echo"], Says::Output, gateway::native_address)?;
    let folder = workspace.target.join("bench/swaps");
    variants(&workspace.target.join("guests/stamp.wasm"), &folder)?;
    let manifest = Manifest { written: workspace.root.join("tests/load/manifests/swaps.toml"), folder: folder.clone() };
    let program = workspace.program("release", "cardea");
    let (gateway, address) = gateway::start(&program, &manifest, &format!("http://{echo}/mcp"))?;
    let mut command = Command::new(&load);
    command.args(["swaps", "--url", &format!("http://{address}/servers/echo/mcp"), "--folder"]).arg(&folder);
    let text = output(command.args(["--pid", &gateway.id().to_string()]))?;
    let measured: Measured = serde_json::from_str(&text)
        .map_err(|error| format!("{} is not understood: {error}\n{text}", said(&command)))?;
    Ok(figures(&measured))
}

fn figures(measured: &Measured) -> Vec<Figure> {
    let (files, tasks) = (measured.files_before, measured.tasks_before);
    let no_more_than = |before: u32| Mark::AtMost(f64::from(before) + COME_AND_GO);
    vec![
        Figure::new("swaps_per_second", measured.swaps_per_second, "1/s").with_mark(SWAPS_PER_SECOND),
        Figure::new("swaps_failed", f64::from(measured.failed_swaps), "swaps").with_mark(NONE),
        Figure::new("swaps_calls", f64::from(measured.calls), "calls"),
        Figure::new("swaps_failed_calls", f64::from(measured.failed_calls), "calls").with_mark(NONE),
        Figure::new("swaps_mixed_calls", f64::from(measured.mixed_calls), "calls").with_mark(NONE),
        Figure::new("swaps_rss_growth", measured.rss_growth_kib, "KiB").with_mark(GROWTH),
        Figure::new("swaps_files", f64::from(measured.files_after), "files").with_mark(no_more_than(files)),
        Figure::new("swaps_tasks", f64::from(measured.tasks_after), "tasks").with_mark(no_more_than(tasks)),
    ]
}

/// The same plugin with other digests: a custom section at the end says a number and does nothing.
fn variants(plugin: &Path, folder: &Path) -> Outcome {
    let bytes = fs::read(plugin).map_err(|error| format!("{} cannot be read: {error}", plugin.display()))?;
    fs::create_dir_all(folder).map_err(|error| format!("{} cannot be made: {error}", folder.display()))?;
    for number in 0..VARIANTS {
        let file = folder.join(format!("variant-{number}.wasm"));
        let section = [&[0, 9, 7][..], b"variant", &[number]].concat();
        fs::write(&file, [&bytes[..], &section].concat())
            .map_err(|error| format!("{} cannot be written: {error}", file.display()))?;
    }
    Ok(())
}
