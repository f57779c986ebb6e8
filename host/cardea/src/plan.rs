//! `cardea plan`: what a reload would change, compared with the manifest that was last served.

use std::path::{Path, PathBuf};

use cardea_config::{Plan, Source};
use cardea_grant::Scope;

use crate::assemble::{self, LoadedStage};
use crate::gateway::Parts;
use crate::manifest::Manifest;
use crate::{Failure, log};

/// Name of the copy of what serves, in the data directory.
const SERVED: &str = "served.toml";

/// Shows the difference. Everything is checked as `cardea check` does, because a plan that cannot be served is none.
pub(crate) fn run(path: &Path) -> Result<(), Failure> {
    let manifest = Manifest::read(path)?;
    let built = crate::serve::runtime()?.block_on(async {
        let parts = Parts::for_trial(&manifest)?;
        assemble::first(&parts, &manifest).await.map_err(|report| manifest.wrong(&report))
    })?;
    let mut text = match remembered(&manifest) {
        Some(served) => format!("{}", cardea_config::diff(&served.plan, &manifest.plan)),
        None => "nothing was served from this data directory yet; everything is new\n".to_owned(),
    };
    for loaded in &built.stages {
        text.push_str(&stage(loaded));
    }
    log::print(&text)
}

/// What a stage is, and what it may do: what its plugin asks for, what the manifest grants, and what holds, which is both.
fn stage(loaded: &LoadedStage) -> String {
    let inspection = loaded.stage.inspection();
    let hooks: Vec<_> = inspection.hooks.iter().map(cardea_chain::Hook::as_str).collect();
    let (name, role, digest) = (&loaded.plan.name, inspection.role().as_str(), &inspection.digest[..12]);
    let mut text = format!("stage {name}: {} as {role}, digest {digest}\n", hooks.join(" "));
    let asks = inspection.manifest.as_ref().map(|manifest| manifest.asks.lines()).unwrap_or_default();
    let grants = Scope::from(&loaded.plan.grants).lines();
    for (what, lines) in [("asks", asks), ("grants", grants), ("may", loaded.stage.allowed().scope().lines())] {
        text.extend(lines.iter().map(|line| format!("  {what:<6} {line}\n")));
    }
    text
}

/// Keeps the manifest that serves now, for a later `cardea plan`. Its text has no secrets, only their names.
pub(crate) fn remember(plan: &Plan, source: &Source) {
    let file = served(plan);
    let written = std::fs::create_dir_all(&plan.data_directory).and_then(|()| std::fs::write(&file, &source.text));
    if let Err(error) = written {
        tracing::warn!(file = %file.display(), %error, "cannot keep a copy of the manifest; `cardea plan` will not know it");
    }
}

fn remembered(manifest: &Manifest) -> Option<Manifest> {
    let text = std::fs::read_to_string(served(&manifest.plan)).ok()?;
    // Read as if it stood where the manifest stands, so that relative paths mean the same.
    Manifest::parse(Path::new(&manifest.source.name), text).ok()
}

/// The manifest that served last, if it kept what it keeps in the usual place: for when the present one cannot be read.
pub(crate) fn served_beside(path: &Path) -> Option<Manifest> {
    let folder = std::path::absolute(path).ok()?.parent()?.to_path_buf();
    let text = std::fs::read_to_string(folder.join(".cardea").join(SERVED)).ok()?;
    Manifest::parse(path, text).ok()
}

fn served(plan: &Plan) -> PathBuf {
    plan.data_directory.join(SERVED)
}
