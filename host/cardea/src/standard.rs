//! The standard plugins, embedded as components: one binary and one manifest run everything.

use cardea_plugin::{Engine, EngineSettings};

use crate::Failure;

/// Name and component of every standard plugin.
static STANDARD: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/standard.rs"));

/// The component of a standard plugin.
pub(crate) fn component(name: &str) -> Option<&'static [u8]> {
    STANDARD.iter().find(|(standard, _)| *standard == name).map(|(_, component)| *component)
}

/// Their names.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    STANDARD.iter().map(|(name, _)| *name)
}

/// Compiles them for the machine this runs on, and leaves the code beside the binary.
pub(crate) fn precompile() -> Result<(), Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::unavailable(format!("cannot precompile: {error}"));
    let binary = std::env::current_exe().map_err(|error| failed(&error))?;
    let engine = Engine::new(EngineSettings::default()).map_err(|error| failed(&error))?;
    let components: Vec<_> = STANDARD.iter().map(|(_, component)| *component).collect();
    engine.ship(&binary, &components).map_err(|error| failed(&error))
}
