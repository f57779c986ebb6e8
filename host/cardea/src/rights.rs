//! `cardea rbac test` and `cardea rbac explain`: the rights stages of a manifest, asked as a call would ask them. They are the
//! very components that would serve, so there is no second opinion that could differ.

mod arguments;
mod question;
mod table;

use std::path::Path;
use std::sync::Arc;

use cardea_chain::{Call, CallVerdict, Hook, HookFault, Role, Stage};
use cardea_plugin::Engine;
use serde::Deserialize;
use serde_json::Value;

use crate::assemble::{self, LoadedStage};
use crate::gateway::Parts;
use crate::manifest::Manifest;
use crate::{Failure, check, log, serve, source};

pub(crate) use arguments::Arguments;
pub(crate) use question::Question;

/// The setting by which a plugin says that it can tell what decided, and is told to.
const EXPLAIN: &str = "explain";
/// Where in its notes it then tells.
const DECISION: &str = "decision";

/// Puts every row of a file to the rights stages and shows those that come out otherwise.
pub(crate) fn test(manifest: &Path, file: &Path) -> Result<(), Failure> {
    let table = table::read(file)?;
    let manifest = Manifest::read(manifest)?;
    let (text, wrong) = serve::runtime()?.block_on(async {
        let judges = Box::pin(Judges::of(manifest)).await?;
        table::compare(&table, &judges).await
    })?;
    log::print(&text)?;
    if wrong == 0 { Ok(()) } else { Err(Failure::differs(format!("{}: {wrong} rows do not hold", file.display()))) }
}

/// Shows what comes of one call, and which rule says so.
pub(crate) fn explain(manifest: &Path, question: &Question) -> Result<(), Failure> {
    let manifest = Manifest::read(manifest)?;
    let text = serve::runtime()?.block_on(async {
        let judges = Box::pin(Judges::of(manifest)).await?;
        judges.explain(question).await
    })?;
    log::print(&text)
}

/// The rights stages, in manifest order.
struct Judges(Vec<LoadedStage>);

/// What comes of a call.
struct Judgement {
    /// `allowed`, or the kind of the refusal.
    verdict: String,
    /// What each stage said that was asked.
    opinions: Vec<Opinion>,
    /// Whether the item is in lists; none where nothing is listed.
    shown: Option<bool>,
}

/// What one stage said.
struct Opinion {
    stage: String,
    verdict: String,
    /// The rule that decided, if the plugin can tell.
    rule: Option<String>,
    /// The plugin's own sentence for the operator.
    reason: String,
}

/// What a plugin leaves in its notes.
#[derive(Deserialize)]
struct Note {
    rule: String,
}

impl Judges {
    async fn of(mut manifest: Manifest) -> Result<Self, Failure> {
        manifest.plan.stages.iter_mut().for_each(|stage| {
            if let (true, Value::Object(config)) = (can_explain(&stage.plugin), &mut stage.config) {
                config.insert(EXPLAIN.to_owned(), true.into());
            }
        });
        let parts = Parts::for_trial(&manifest)?;
        let built = assemble::first(&parts, &manifest).await.map_err(|report| manifest.wrong(&report))?;
        let judges: Vec<_> = built.stages.into_iter().filter(|loaded| loaded.stage.role() == Role::Rights).collect();
        if judges.is_empty() {
            return Err(Failure::config("the manifest has no stage of role `rights`: everybody may do everything"));
        }
        Ok(Self(judges))
    }

    /// The stages that are asked about a call by a hook.
    fn asked<'a>(&'a self, hook: Hook, call: &'a Call) -> impl Iterator<Item = &'a LoadedStage> {
        let meant = |loaded: &&LoadedStage| check::matcher(&loaded.plan).call(call);
        self.0.iter().filter(move |loaded| loaded.stage.hooks().has(hook)).filter(meant)
    }

    async fn judge(&self, question: &Question) -> Result<Judgement, Failure> {
        let call = question.call()?;
        let mut opinions = Vec::new();
        for loaded in self.asked(Hook::Call, &call) {
            let opinion = opinion(loaded, &call).await?;
            let passed = opinion.verdict == "allowed";
            opinions.push(opinion);
            if !passed {
                break;
            }
        }
        let verdict = opinions.last().map_or_else(|| "allowed".to_owned(), |last| last.verdict.clone());
        Ok(Judgement { verdict, opinions, shown: self.shown(question).await? })
    }

    async fn shown(&self, question: &Question) -> Result<Option<bool>, Failure> {
        let Some((call, listing)) = question.listing()? else { return Ok(None) };
        for loaded in self.asked(Hook::List, &call) {
            let kept = loaded.stage.keep(&call, &listing).await.map_err(|fault| failed(loaded, &fault))?;
            if !kept.verdict.iter().all(|kept| *kept) {
                return Ok(Some(false));
            }
        }
        Ok(Some(true))
    }

    async fn explain(&self, question: &Question) -> Result<String, Failure> {
        let Judgement { verdict, opinions, shown } = self.judge(question).await?;
        let mut text = format!("{question}: {verdict}\n");
        if opinions.is_empty() {
            text.push_str("  no stage of role `rights` is asked about it\n");
        }
        for opinion in opinions {
            text.push_str(&format!("  {}\n", opinion.words()));
        }
        if let Some(shown) = shown {
            text.push_str(if shown { "  it is shown in lists\n" } else { "  it is hidden from lists\n" });
        }
        Ok(text)
    }
}

impl Opinion {
    fn words(&self) -> String {
        let Self { stage, verdict, rule, reason } = self;
        let by = rule.as_ref().filter(|rule| !reason.contains(rule.as_str()));
        let by = by.map(|rule| format!(", by {rule}")).unwrap_or_default();
        let reason = if reason.is_empty() { String::new() } else { format!(": {reason}") };
        format!("stage {stage}: {verdict}{by}{reason}")
    }
}

async fn opinion(loaded: &LoadedStage, call: &Arc<Call>) -> Result<Opinion, Failure> {
    let done = loaded.stage.judge_call(call).await.map_err(|fault| failed(loaded, &fault))?;
    let note = done.effects.scratch.iter().find(|(key, _)| key == DECISION);
    let note = note.and_then(|(_, note)| serde_json::from_slice::<Note>(note).ok());
    let (verdict, reason) = match done.verdict {
        CallVerdict::Pass => ("allowed".to_owned(), String::new()),
        CallVerdict::Answer(_) => ("answered".to_owned(), "the stage answered in the server's place".to_owned()),
        CallVerdict::Refuse(refusal) => (refusal.kind.as_str().to_owned(), refusal.reason),
    };
    let rule = note.map(|note| note.rule).filter(|rule| !rule.is_empty());
    Ok(Opinion { stage: loaded.plan.name.clone(), verdict, rule, reason })
}

fn failed(loaded: &LoadedStage, fault: &HookFault) -> Failure {
    let (stage, kind, inside) = (&loaded.plan.name, fault.kind.as_str(), &fault.inside);
    Failure::unavailable(format!("stage `{stage}` did not decide, so the gateway would refuse: {kind}: {inside}"))
}

/// Whether the plugin's own schema knows the setting.
fn can_explain(plugin: &cardea_config::PluginSource) -> bool {
    let schema = source::read(plugin).ok().and_then(|component| Engine::inspect(&component).ok()?.config_schema);
    let schema: Option<Value> = schema.and_then(|schema| serde_json::from_str(&schema).ok());
    schema.is_some_and(|schema| schema.pointer(&format!("/properties/{EXPLAIN}")).is_some())
}
