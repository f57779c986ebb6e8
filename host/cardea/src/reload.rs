//! Follows the manifest, the plugin files and the certificate: one reconciler, one change at a time. A change that cannot be
//! served leaves the present generation serving and says why.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use cardea_config::{Plan, TlsPlan};
use cardea_listen::tls::Certificate;
use tokio::signal::unix::Signal;
use tokio_util::sync::CancellationToken;

use crate::gateway::Gateway;
use crate::manifest::{Manifest, Unusable};
use crate::watch::Watch;
use crate::{assemble, plan, source};

/// Applies changes until the gateway stops.
pub(crate) async fn follow(
    path: PathBuf,
    gateway: Arc<Gateway>,
    certificate: Option<Arc<Certificate>>,
    mut hangup: Signal,
    shutdown: CancellationToken,
) {
    let mut watch = Watch::new(files(&path, &gateway.built().plan));
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = watch.change() => {}
            _ = hangup.recv() => tracing::info!("SIGHUP: reading the manifest again"),
        }
        match apply(&path, &gateway).await {
            Ok(()) => watch.follow(files(&path, &gateway.built().plan)),
            Err(problem) => {
                tracing::error!(
                    generation = gateway.built().generation.number,
                    "reload refused, the present generation goes on:\n{problem}"
                );
                gateway.refused(problem);
            }
        }
        if let (Some(certificate), Some(tls)) = (&certificate, &gateway.built().plan.listen.tls) {
            renew(certificate, tls);
        }
    }
}

async fn apply(path: &Path, gateway: &Gateway) -> Result<(), String> {
    let started = Instant::now();
    let manifest = Manifest::read(path).map_err(|unusable| match unusable {
        Unusable::Unreadable(text) => text,
        Unusable::Wrong(source, report) => report.render(&source, false),
    })?;
    let present = gateway.built();
    let number = present.generation.number + 1;
    let next = assemble::assemble(&gateway.parts, &manifest, number, Some(&present))
        .await
        .map_err(|report| report.render(&manifest.source, false))?;
    let kept = next.stages.iter().filter(|new| present.stages.iter().any(|old| Arc::ptr_eq(&old.stage, &new.stage)));
    let (stages, kept) = (next.stages.len(), kept.count());
    gateway.publish(next);
    plan::remember(&manifest);
    let millis = started.elapsed().as_millis() as u64;
    tracing::info!(generation = number, stages, kept, millis, "generation published");
    let restart = cardea_config::diff(&present.plan, &manifest.plan).restart;
    if !restart.is_empty() {
        tracing::warn!(keys = restart.join(", "), "changed in the manifest; takes effect with the next start");
    }
    Ok(())
}

/// Everything whose content decides what serves.
fn files(path: &Path, plan: &Plan) -> BTreeSet<PathBuf> {
    let plugins = plan.stages.iter().filter_map(|stage| source::file(&stage.plugin));
    let settings = plan.stages.iter().flat_map(|stage| stage.files.iter().cloned());
    let tls = plan.listen.tls.iter().flat_map(|tls| [tls.certificate.clone(), tls.key.clone()]);
    plugins.chain(settings).chain(tls).chain([path.to_path_buf()]).collect()
}

/// Reads certificate and key. The error is a sentence for people.
pub(crate) fn read_certificate(tls: &TlsPlan) -> Result<(Vec<u8>, Vec<u8>), String> {
    let read = |file: &Path| {
        std::fs::read(file).map_err(|error| format!("[listen.tls]: cannot read {}: {error}", file.display()))
    };
    Ok((read(&tls.certificate)?, read(&tls.key)?))
}

fn renew(certificate: &Arc<Certificate>, tls: &TlsPlan) {
    let renewed = read_certificate(tls)
        .and_then(|(pem, key)| certificate.replace(&pem, &key).map_err(|error| format!("[listen.tls]: {error}")));
    if let Err(problem) = renewed {
        tracing::error!("certificate not renewed, the present one goes on: {problem}");
    }
}
