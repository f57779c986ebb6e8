//! The shadow of a stage: read, held against its stage, and made.

use std::sync::Arc;

use bytes::Bytes;
use cardea_config::{Problem, Report, ShadowPlan, StagePlan};
use cardea_plugin::{Capabilities, Inspection, LoadError, Shadow};

use crate::assemble::{LoadedStage, inspected, spec};
use crate::gateway::Parts;

/// Reads the plugin of a shadow and looks at it.
pub(super) fn examine(stage: &StagePlan, shadow: &ShadowPlan, report: &mut Report) -> Option<(Inspection, Bytes)> {
    inspected(&shadow.plugin, shadow.spans.of("plugin"), report, &|error| problems(stage, shadow, error))
}

/// Makes the shadow of a stage. One that is as it was goes on, with what it has counted.
pub(super) async fn cast(
    parts: &Parts,
    stage: &StagePlan,
    number: u64,
    (inspection, component): (Inspection, Bytes),
    capabilities: Capabilities,
    old: Option<&LoadedStage>,
    report: &mut Report,
) -> Option<Arc<Shadow>> {
    let plan = stage.shadow.as_ref()?;
    let kept = old.filter(|old| old.plan.shadow.as_ref() == Some(plan)).and_then(|old| old.shadow.as_ref());
    if let Some(kept) = kept.filter(|kept| kept.stage().inspection().digest == inspection.digest) {
        return Some(Arc::clone(kept));
    }
    let mut beside = stage.clone();
    (beside.plugin, beside.config) = (plan.plugin.clone(), plan.config.clone());
    let cast = parts.engine.cast(component, spec(&beside, number), capabilities).await;
    cast.map_err(|error| report.problems.extend(problems(stage, plan, &error))).ok()
}

/// What is wrong with a shadow, shown where it was written.
fn problems(stage: &StagePlan, shadow: &ShadowPlan, error: &LoadError) -> Vec<Problem> {
    let told = |what: &str| format!("shadow of stage `{}`: {what}", stage.name);
    let with_help =
        |problem: Problem| if error.remedy.is_empty() { problem } else { problem.help(error.remedy.clone()) };
    if error.places.is_empty() {
        return vec![with_help(Problem::new(shadow.spans.of("plugin"), told(&error.problem), "cannot be loaded"))];
    }
    let places = error.places.iter().map(|place| {
        let message = told(&format!("config{}: {}", place.pointer, place.message));
        with_help(Problem::new(shadow.spans.of("config"), message, "the plugin does not take this"))
    });
    places.collect()
}
