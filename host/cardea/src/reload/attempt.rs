//! An attempt at the next generation, from the files to a chain that is ready to be published. It touches nothing that serves,
//! and it can be dropped at any point.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use cardea_config::Plan;

use crate::assemble::{self, Built, Examination, Kept};
use crate::gateway::Gateway;
use crate::manifest::{Manifest, Unusable};
use crate::reload::triggers;

/// What came of it.
pub(crate) struct Attempt {
    /// The files it was made of.
    pub(crate) files: BTreeSet<PathBuf>,
    /// The generation; none if nothing has changed; or a report of what is wrong, with places.
    pub(crate) made: Result<Option<Box<Built>>, String>,
}

/// What a generation is made of, to know it again. Not by the meaning of the manifest alone: whoever edits it after it was sent
/// back wants it tried.
#[derive(Clone, PartialEq)]
pub(crate) struct Fingerprint {
    text: String,
    plan: Plan,
    digests: Vec<String>,
}

/// A generation that was sent back.
pub(crate) struct Rejected {
    /// What it was made of.
    pub(crate) fingerprint: Fingerprint,
    /// Its number.
    pub(crate) generation: u64,
    /// Why.
    pub(crate) why: String,
}

impl Fingerprint {
    /// That of a generation which serves.
    pub(crate) fn of_built(built: &Built) -> Self {
        let digests = built.stages.iter().flat_map(|loaded| {
            let shadow = loaded.shadow.as_ref().map(|shadow| shadow.stage().inspection());
            std::iter::once(loaded.stage.inspection()).chain(shadow).map(|inspection| inspection.digest.clone())
        });
        Self { text: built.source.text.clone(), plan: built.plan.clone(), digests: digests.collect() }
    }

    fn of(manifest: &Manifest, examination: &Examination) -> Self {
        let digests = examination.stages.iter().flat_map(|examined| {
            let shadow = examined.shadow.as_ref().map(|(inspection, _)| inspection);
            std::iter::once(&examined.inspection).chain(shadow).map(|inspection| inspection.digest.clone())
        });
        Self { text: manifest.source.text.clone(), plan: manifest.plan.clone(), digests: digests.collect() }
    }

    /// Whether two generations would serve the same.
    fn means(&self, other: &Self) -> bool {
        self.plan == other.plan && self.digests == other.digests
    }
}

/// Makes it: reads, compares, inspects, compiles, warms.
pub(crate) async fn make(path: &Path, gateway: &Gateway, kept: Option<&Kept>, rejected: Option<&Rejected>) -> Attempt {
    let manifest = match Manifest::read(path) {
        Ok(manifest) => manifest,
        Err(Unusable::Unreadable(text)) => return Attempt { files: [path.to_path_buf()].into(), made: Err(text) },
        Err(Unusable::Wrong(source, report)) => {
            return Attempt { files: [path.to_path_buf()].into(), made: Err(report.render(&source, false)) };
        }
    };
    let files = triggers::files(path, &manifest.plan);
    Attempt { files, made: Box::pin(of_manifest(&manifest, gateway, kept, rejected)).await }
}

async fn of_manifest(
    manifest: &Manifest,
    gateway: &Gateway,
    kept: Option<&Kept>,
    rejected: Option<&Rejected>,
) -> Result<Option<Box<Built>>, String> {
    let examination = assemble::examine(&manifest.plan).await;
    let fingerprint = Fingerprint::of(manifest, &examination);
    if let Some(rejected) = rejected.filter(|rejected| rejected.fingerprint == fingerprint) {
        let Rejected { generation, why, .. } = rejected;
        return Err(format!(
            "this is what generation {generation} was made of, which was sent back ({why})\nhelp: it is tried again once the manifest or one of its plugins has changed"
        ));
    }
    let present = gateway.built();
    if fingerprint.means(&Fingerprint::of_built(&present)) {
        return Ok(None);
    }
    let running: Vec<_> = present.stages.iter().chain(kept.iter().flat_map(|kept| &kept.stages)).cloned().collect();
    let number = gateway.history.next_number();
    let built = assemble::assemble(&gateway.parts, manifest, examination, number, Some(&present), &running).await;
    built.map(|built| Some(Box::new(built))).map_err(|report| report.render(&manifest.source, false))
}
