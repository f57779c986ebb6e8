//! Where a plugin's bytes come from: the binary itself, or a file.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use cardea_config::PluginSource;

use crate::standard;

/// The largest plugin file that is read; the loader's own limit is lower.
const LARGEST: u64 = 256 << 20;

/// Reads a plugin. The error is a sentence for people with what to do.
pub(crate) fn read(source: &PluginSource) -> Result<Bytes, String> {
    match source {
        PluginSource::Embedded(name) => standard::component(name).map(Bytes::from_static).ok_or_else(|| {
            let known = standard::names().collect::<Vec<_>>().join("`, `");
            format!(
                "no standard plugin is called `{name}`; there are `{known}`; a file is written as \"./{name}.wasm\""
            )
        }),
        PluginSource::File(path) => read_file(path),
    }
}

/// The file a source stands in, if it is one: what the watcher watches.
pub(crate) fn file(source: &PluginSource) -> Option<PathBuf> {
    match source {
        PluginSource::Embedded(_) => None,
        PluginSource::File(path) => Some(path.clone()),
    }
}

/// The source as the manifest writes it, for messages.
pub(crate) fn shown(source: &PluginSource) -> String {
    match source {
        PluginSource::Embedded(name) => name.clone(),
        PluginSource::File(path) => path.display().to_string(),
    }
}

fn read_file(path: &Path) -> Result<Bytes, String> {
    let unreadable = |error: std::io::Error| format!("cannot read the plugin {}: {error}", path.display());
    let length = std::fs::metadata(path).map_err(unreadable)?.len();
    if length > LARGEST {
        return Err(format!("the plugin {} has {length} bytes; the most that is read is {LARGEST}", path.display()));
    }
    std::fs::read(path).map(Bytes::from).map_err(unreadable)
}
