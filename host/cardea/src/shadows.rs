//! What is told of shadows: for the admin API, and from there for people.

use cardea_plugin::{Comparison, Example, Word};
use serde_json::{Value, json};

use crate::assemble::Built;
use crate::source;

/// As the admin API tells it: every stage with a shadow, in manifest order.
pub(crate) fn report(built: &Built) -> Value {
    let stages = built.stages.iter().filter_map(|loaded| {
        let (shadow, plan) = (loaded.shadow.as_ref()?, loaded.plan.shadow.as_ref()?);
        let Comparison { compared, same, differ, diverged, failed, shed, examples } = shadow.comparison();
        let digests = [&loaded.stage, shadow.stage()].map(|stage| stage.inspection().digest.clone());
        Some(json!({
            "stage": loaded.plan.name,
            "plugin": source::shown(&plan.plugin),
            "digest": digests[1],
            "liveDigest": digests[0],
            "compared": compared,
            "same": same,
            "differ": differ,
            "diverged": diverged,
            "failed": failed,
            "shed": shed,
            "examples": examples.iter().map(example).collect::<Vec<_>>(),
        }))
    });
    Value::Array(stages.collect())
}

fn example(example: &Example) -> Value {
    let word = |word: &Word| json!({ "verdict": word.verdict, "reason": word.reason, "edits": word.edits });
    json!({
        "call": example.call,
        "hook": example.hook,
        "live": word(&example.live),
        "shadow": word(&example.shadow),
        "otherValues": example.other_values,
    })
}

/// The same for people.
pub(crate) fn shown(report: &Value) -> String {
    let stages = report.as_array().map(Vec::as_slice).unwrap_or_default();
    if stages.is_empty() {
        return "no stage has a shadow; `shadow = { plugin = \"./new.wasm\" }` in a `[[stage]]` gives it one"
            .to_owned();
    }
    stages.iter().map(shown_stage).collect::<Vec<_>>().join("\n")
}

fn shown_stage(stage: &Value) -> String {
    let count = |name: &str| stage[name].as_u64().unwrap_or_default();
    let mut lines = vec![format!(
        "stage {}: {} compared with {}, {} the same, {} differ; {} diverged, {} failed, {} shed",
        text(&stage["stage"]),
        count("compared"),
        text(&stage["plugin"]),
        count("same"),
        count("differ"),
        count("diverged"),
        count("failed"),
        count("shed"),
    )];
    for example in stage["examples"].as_array().into_iter().flatten() {
        let (call, hook) = (text(&example["call"]), text(&example["hook"]));
        lines.push(format!("  call {call}, {hook}"));
        lines.extend(["live", "shadow"].map(|side| format!("    {side:<7} {}", word(&example[side]))));
        let values = list(&example["otherValues"]);
        lines.extend((!values.is_empty()).then(|| format!("    other values at {values}")));
    }
    lines.join("\n")
}

fn word(word: &Value) -> String {
    let mut shown = text(&word["verdict"]).to_owned();
    if let Some(reason) = word["reason"].as_str() {
        shown.push_str(&format!(" ({reason})"));
    }
    let edits = list(&word["edits"]);
    if !edits.is_empty() {
        shown.push_str(&format!(", edits {edits}"));
    }
    shown
}

fn list(texts: &Value) -> String {
    texts.as_array().into_iter().flatten().map(text).collect::<Vec<_>>().join(", ")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
