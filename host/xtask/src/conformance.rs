//! `cargo xtask conformance`: the official MCP conformance suite judges a server and a client of ours, directly and through the
//! gateway. What the gateway loses on the way is a failure, unless `tests/conformance/expected.toml` knows it.

pub(crate) mod behind;
mod comparison;
mod found;
mod known;
mod stand;
mod suite;

use std::collections::BTreeSet;

use clap::builder::PossibleValuesParser;

use crate::conformance::comparison::Comparison;
use crate::conformance::known::{Judged, Known};
use crate::conformance::stand::{Behind, Gateway, Stand};
use crate::conformance::suite::{RUNS, Run, Suite};
use crate::figure::Figure;
use crate::step::step;
use crate::workspace::Workspace;
use crate::{Outcome, plugins, programs};

/// What `conformance` may be told.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Run the suite against the fixture alone, to know that the fixture is good.
    #[arg(long)]
    direct: bool,
    /// Run for this revision of the specification alone.
    #[arg(long, value_name = "VERSION", value_parser = PossibleValuesParser::new(revisions()))]
    spec: Option<String>,
    /// Put eight stages into the gateway instead of an authenticator alone.
    #[arg(long)]
    stages: bool,
    /// Build the gateway without optimisation: sooner done, and the results are the same.
    #[arg(long)]
    debug: bool,
}

/// Prints one JSON line a figure on standard output; everything else goes to standard error. What the suite wrote stays below the
/// target folder, in `conformance/results`.
pub(crate) fn conformance(workspace: &Workspace, options: &Options) -> Outcome {
    let suite = step("suite", || Suite::install(workspace))?;
    step("fixture", || stand::build(workspace))?;
    let gateway = if options.direct { None } else { Some(build_gateway(workspace, options)?) };
    let known = Known::read(&workspace.root.join("tests/conformance/expected.toml"))?;
    let stand = step("start", || Stand::start(workspace, gateway.as_ref()))?;
    let mut wrong = Vec::new();
    for run in RUNS.iter().filter(|run| options.want(run)) {
        wrong.extend(step(run.name, || measure(&suite, &stand, run, options, &known))?);
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

impl Options {
    /// Of a fixture that speaks one era alone, only what the gateway makes of it is asked for.
    fn want(&self, run: &Run) -> bool {
        self.spec.as_ref().is_none_or(|only| only == run.revision) && (run.behind == Behind::Both || !self.direct)
    }
}

fn revisions() -> BTreeSet<&'static str> {
    RUNS.iter().map(|run| run.revision).collect()
}

fn build_gateway(workspace: &Workspace, options: &Options) -> Outcome<Gateway> {
    plugins::plugins(workspace)?;
    step("gateway", || match options.debug {
        true => programs::debug(workspace, &["cardea"]),
        false => programs::release(workspace, &[]),
    })?;
    let program = workspace.program(if options.debug { "debug" } else { "release" }, "cardea");
    Ok(Gateway { program, manifest: if options.stages { "stages" } else { "plain" } })
}

/// Runs the same scenarios on every way there is, and says what is wrong.
fn measure(suite: &Suite, stand: &Stand, run: &Run, options: &Options, known: &Known) -> Outcome<Vec<String>> {
    let direct = suite.run(run, &stand.direct)?;
    let mut figures = vec![("direct", direct.passed())];
    let mut wrong: Vec<String> =
        direct.failures().map(|it| format!("{}: the fixture itself fails {it}", run.name)).collect();
    if let Some(way) = stand.through(run.behind) {
        let through = suite.run(run, way)?;
        let comparison = Comparison::new(&direct, &through);
        let judged = known.judge(run.name, comparison.lost(), |check| comparison.is_stale(check));
        eprint!("{}", comparison.table(&judged));
        figures.extend([("passed", through.passed()), ("known", judged.known.len())]);
        wrong.extend(complaints(run, &judged));
    }
    let stages = if options.stages { "stages." } else { "" };
    for (name, value) in figures {
        let value = f64::from(u32::try_from(value).unwrap_or(u32::MAX));
        println!("{}", Figure::new(format!("conformance.{}.{stages}{name}", run.name), value, "checks").line());
    }
    Ok(wrong)
}

fn complaints(run: &Run, judged: &Judged) -> Vec<String> {
    let new = judged.new.iter().map(|lost| format!("{}: {lost}", run.name));
    let stale = judged
        .stale
        .iter()
        .map(|check| format!("{}: {check} passes again: take it out of tests/conformance/expected.toml", run.name));
    new.chain(stale).collect()
}
