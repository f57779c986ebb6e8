//! `cargo xtask bench`: what the gateway adds to a call, next to a bare proxy and the direct way, all in one run.

mod latency;
mod load;
mod memory;
mod stages;
mod stand;
mod start;
mod swaps;
mod throughput;

use clap::ValueEnum;

use crate::bench::stand::Stand;
use crate::figure::Figure;
use crate::step::step;
use crate::workspace::Workspace;
use crate::{Outcome, plugins, programs};

/// What `bench` may be told.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Measure this alone.
    group: Option<Group>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Group {
    /// Added time of one call after the other, with 0, 1, 4 and 8 stages.
    Latency,
    /// Calls per second with 1 to 1,000 connections.
    Throughput,
    /// Resident memory with 1,000 idle connections.
    Memory,
    /// A thousand swaps of generations under load.
    Swaps,
    /// From the start of the gateway to its first answer, with eight stages.
    Start,
    /// A hook, a chain, large bodies, a swap, without a network.
    Stages,
    /// How fast a guest that never returns is stopped, and what others notice.
    Runaway,
}

/// Prints one JSON line a figure on standard output; everything else goes to standard error.
pub(crate) fn bench(workspace: &Workspace, options: &Options) -> Outcome {
    plugins::plugins(workspace)?;
    step("programs", || programs::release(workspace, &["cardea-load", "cardea-stages"]))?;
    let mut figures = Vec::new();
    for group in Group::value_variants().iter().filter(|group| options.group.is_none_or(|only| only == **group)) {
        let measured = measure(workspace, *group)?;
        measured.iter().for_each(|figure| println!("{}", figure.line()));
        figures.extend(measured);
    }
    let missed: Vec<String> = figures.iter().filter_map(Figure::missed).collect();
    eprintln!("==> {} figures, {} marks missed", figures.len(), missed.len());
    missed.iter().for_each(|miss| eprintln!("    {miss}"));
    Ok(())
}

/// Each group has a stand of its own, so that none measures what another left behind.
fn measure(workspace: &Workspace, group: Group) -> Outcome<Vec<Figure>> {
    match group {
        Group::Latency => step("latency", || latency::measure(&Stand::start(workspace, &stand::EVERY)?)),
        Group::Throughput => step("throughput", || throughput::measure(&Stand::start(workspace, &["zero", "eight"])?)),
        Group::Swaps => step("swaps", || swaps::measure(workspace)),
        Group::Stages => step("stages", || stages::measure(workspace, "stages")),
        Group::Runaway => step("runaway", || stages::measure(workspace, "runaway")),
        Group::Start => step("start", || start::measure(workspace)),
        Group::Memory => step("memory", || memory::measure(&Stand::start(workspace, &["eight"])?)),
    }
}
