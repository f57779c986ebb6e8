//! What asks for a reload from outside: a file that has changed, and SIGHUP.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cardea_config::{Plan, PluginSource, StagePlan};
use cardea_plugin::WasmStage;
use sha2::{Digest, Sha256};
use tokio::signal::unix::Signal;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::assemble::{Built, LoadedStage};
use crate::gateway::Gateway;
use crate::reload::run::Source;
use crate::source;
use crate::watch::Watch;

/// Asks until the gateway stops. `watched` says which files decide what serves, or would; `watch` knows those there are now.
pub(crate) async fn follow(
    gateway: Arc<Gateway>,
    mut watch: Watch,
    mut watched: watch::Receiver<BTreeSet<PathBuf>>,
    mut hangup: Signal,
    shutdown: CancellationToken,
) {
    if is_stale(&gateway.built()) {
        drop(gateway.inbox.reload(Source::File));
    }
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            Ok(()) = watched.changed() => watch.follow(watched.borrow_and_update().clone()),
            () = watch.change() => drop(gateway.inbox.reload(Source::File)),
            _ = hangup.recv() => {
                tracing::info!("SIGHUP: reading the manifest again");
                drop(gateway.inbox.reload(Source::Signal));
            }
        }
    }
}

/// Whether a file has changed between its reading and the beginning of the watch: at the first start, plugins are compiled in
/// between.
fn is_stale(built: &Built) -> bool {
    let text = std::fs::read_to_string(&built.source.name);
    let other = |loaded: &LoadedStage| {
        let shadow = loaded.plan.shadow.as_ref().zip(loaded.shadow.as_ref());
        is_other(&loaded.plan.plugin, &loaded.stage)
            || shadow.is_some_and(|(plan, shadow)| is_other(&plan.plugin, shadow.stage()))
    };
    text.is_ok_and(|text| text != built.source.text) || built.stages.iter().any(other)
}

fn is_other(plugin: &PluginSource, loaded: &WasmStage) -> bool {
    match (plugin, source::read(plugin)) {
        (PluginSource::File(_), Ok(bytes)) => digest(&bytes) != loaded.inspection().digest,
        (PluginSource::File(_), Err(_)) => true,
        (PluginSource::Embedded(_), _) => false,
    }
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Everything whose content decides what serves.
pub(crate) fn files(path: &Path, plan: &Plan) -> BTreeSet<PathBuf> {
    let shadow = |stage: &StagePlan| stage.shadow.as_ref().and_then(|shadow| source::file(&shadow.plugin));
    let plugins = plan.stages.iter().flat_map(|stage| source::file(&stage.plugin).into_iter().chain(shadow(stage)));
    let settings = plan.stages.iter().flat_map(|stage| stage.files.iter().cloned());
    let tls = plan.listen.tls.iter().flat_map(|tls| [tls.certificate.clone(), tls.key.clone()]);
    plugins.chain(settings).chain(tls).chain([path.to_path_buf()]).collect()
}
