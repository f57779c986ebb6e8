//! What asks for a reload from outside: a file that has changed, and SIGHUP.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cardea_config::Plan;
use tokio::signal::unix::Signal;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::gateway::Gateway;
use crate::reload::run::Source;
use crate::source;
use crate::watch::Watch;

/// Asks until the gateway stops. `watched` says which files decide what serves, or would.
pub(crate) async fn follow(
    gateway: Arc<Gateway>,
    mut watched: watch::Receiver<BTreeSet<PathBuf>>,
    mut hangup: Signal,
    shutdown: CancellationToken,
) {
    let mut watch = Watch::new(watched.borrow_and_update().clone());
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

/// Everything whose content decides what serves.
pub(crate) fn files(path: &Path, plan: &Plan) -> BTreeSet<PathBuf> {
    let plugins = plan.stages.iter().filter_map(|stage| source::file(&stage.plugin));
    let tls = plan.listen.tls.iter().flat_map(|tls| [tls.certificate.clone(), tls.key.clone()]);
    plugins.chain(tls).chain([path.to_path_buf()]).collect()
}
