//! `cardea plugin inspect` and `cardea plugin list`: what a component says of itself, without running it.

use std::path::PathBuf;

use cardea_config::PluginSource;
use cardea_plugin::{Engine, Inspection};

use crate::{Failure, log, source, standard};

/// Shows hooks, imports, size and digest of a file or a standard plugin.
pub(crate) fn run(plugin: &str) -> Result<(), Failure> {
    let source = match standard::component(plugin) {
        Some(_) => PluginSource::Embedded(plugin.to_owned()),
        None => PluginSource::File(PathBuf::from(plugin)),
    };
    let component = source::read(&source).map_err(Failure::usage)?;
    let inspection = Engine::inspect(&component)
        .map_err(|error| Failure::config(format!("{plugin}: {}\nhelp: {}", error.problem, error.remedy)))?;
    log::print(&page(&inspection, component.len()))
}

/// Lists the standard plugins with their roles.
pub(crate) fn list() -> Result<(), Failure> {
    let mut text = String::new();
    for name in standard::names() {
        let component = standard::component(name).unwrap_or_default();
        let inspection = Engine::inspect(component).map_err(|error| Failure::config(format!("{name}: {error}")))?;
        let about =
            inspection.manifest.as_ref().and_then(|manifest| manifest.description.as_deref()).unwrap_or_default();
        text.push_str(&format!("{name:<12} {:<9} {about}\n", inspection.role().as_str()));
    }
    log::print(&text)
}

fn page(inspection: &Inspection, size: usize) -> String {
    let mut lines = Vec::new();
    if let Some(manifest) = &inspection.manifest {
        lines.push(format!("name      {} {}", manifest.name, manifest.version));
        lines.extend(manifest.description.iter().map(|text| format!("about     {text}")));
        lines.extend(manifest.license.iter().map(|text| format!("license   {text}")));
    }
    lines.push(format!("role      {}", inspection.role().as_str()));
    lines.push(format!(
        "hooks     {}",
        inspection.hooks.iter().map(cardea_chain::Hook::as_str).collect::<Vec<_>>().join(" ")
    ));
    lines.push(format!("imports   {}", words(&inspection.imports)));
    lines.push(format!("grants    {}", words(&inspection.grants_wanted())));
    if let Some(manifest) = &inspection.manifest {
        lines.extend(manifest.asks.lines().into_iter().map(|ask| format!("asks      {ask}")));
        lines.extend(manifest.durable.then(|| "keeps     what must outlive a restart".to_owned()));
        lines.extend((manifest.state_version > 1).then(|| format!("state     version {}", manifest.state_version)));
    }
    lines.push(format!("size      {size} bytes"));
    lines.push(format!("sha256    {}", inspection.digest));
    if let Some(schema) = &inspection.config_schema {
        lines.push(format!("config, as JSON Schema:\n{}", schema.trim_end()));
    }
    lines.join("\n")
}

fn words<S: AsRef<str>>(words: &[S]) -> String {
    let words: Vec<_> = words.iter().map(AsRef::as_ref).collect();
    if words.is_empty() { "none".to_owned() } else { words.join(" ") }
}
