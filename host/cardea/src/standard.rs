//! The standard plugins, embedded as components: one binary and one manifest run everything.

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
