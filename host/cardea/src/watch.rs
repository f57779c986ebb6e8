//! Notices that files changed, however they are replaced: written in place, renamed over, or swapped by symlink.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use sha2::{Digest, Sha256};
use tokio::sync::Notify;
use tokio::time::timeout;

/// inotify misses network and overlay file systems and some symlink swaps, so the files are looked at this often anyway.
const LOOK: Duration = Duration::from_secs(5);

/// Editors write in several steps; this long after the last one, the file is taken to be whole.
const SETTLE: Duration = Duration::from_millis(50);

/// The longest to wait for that: a folder in which something is always written must not hold a change up.
const MOST_SETTLE: Duration = Duration::from_millis(300);

/// What is in a file: its digest, or why it cannot be read.
type Content = Result<[u8; 32], std::io::ErrorKind>;

/// Watches a set of files by their content.
pub(crate) struct Watch {
    files: BTreeSet<PathBuf>,
    /// What was in each of them when it was last looked at.
    seen: BTreeMap<PathBuf, Content>,
    changed: Arc<Notify>,
    watcher: Option<RecommendedWatcher>,
}

impl Watch {
    /// Watches files, as they are now.
    pub(crate) fn new(files: BTreeSet<PathBuf>) -> Self {
        let changed = Arc::new(Notify::new());
        let mut watch = Self { seen: BTreeMap::new(), watcher: watcher(&changed), changed, files: BTreeSet::new() };
        watch.follow(files);
        watch
    }

    /// Watches another set. What changed in the files that were in the old one is still noticed.
    pub(crate) fn follow(&mut self, files: BTreeSet<PathBuf>) {
        let folders: BTreeSet<PathBuf> = files.iter().map(|file| folder(file)).collect();
        let known: BTreeSet<PathBuf> = self.files.iter().map(|file| folder(file)).collect();
        if let Some(watcher) = &mut self.watcher {
            for gone in known.difference(&folders) {
                let _ = watcher.unwatch(gone);
            }
            for new in folders.difference(&known) {
                if let Err(error) = watcher.watch(new, RecursiveMode::NonRecursive) {
                    tracing::warn!(folder = %new.display(), %error, "cannot watch; looking every {LOOK:?} instead");
                }
            }
        }
        self.seen.retain(|file, _| files.contains(file));
        for file in &files {
            self.seen.entry(file.clone()).or_insert_with(|| content(file));
        }
        self.files = files;
        // A change that was on its way to be noticed still is.
        self.changed.notify_one();
    }

    /// Comes back when the content of a file differs from what was last seen.
    pub(crate) async fn change(&mut self) {
        loop {
            if timeout(LOOK, self.changed.notified()).await.is_ok() {
                let settled = async { while timeout(SETTLE, self.changed.notified()).await.is_ok() {} };
                let _ = timeout(MOST_SETTLE, settled).await;
            }
            let now = contents(&self.files);
            if now != self.seen {
                self.seen = now;
                return;
            }
        }
    }
}

fn watcher(changed: &Arc<Notify>) -> Option<RecommendedWatcher> {
    let changed = Arc::clone(changed);
    // Reading a file is an event too, and we read the files to look at them.
    let matters = |event: &notify::Result<notify::Event>| !matches!(event, Ok(event) if event.kind.is_access());
    notify::recommended_watcher(move |event| {
        if matters(&event) {
            changed.notify_one();
        }
    })
    .inspect_err(|error| tracing::warn!(%error, "cannot watch files; looking every {LOOK:?} instead"))
    .ok()
}

/// The folder is watched, not the file: a file that is renamed over is another file.
fn folder(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

fn contents(files: &BTreeSet<PathBuf>) -> BTreeMap<PathBuf, Content> {
    files.iter().map(|file| (file.clone(), content(file))).collect()
}

fn content(file: &Path) -> Content {
    std::fs::read(file).map(|content| Sha256::digest(&content).into()).map_err(|error| error.kind())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_write_and_a_rename_are_both_noticed_and_a_touch_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("cardea.toml");
        std::fs::write(&file, "one").unwrap();
        let mut watch = Watch::new([file.clone()].into());

        std::fs::write(&file, "two").unwrap();
        timeout(LOOK, watch.change()).await.unwrap();

        let beside = folder.path().join("new");
        std::fs::write(&beside, "three").unwrap();
        std::fs::rename(&beside, &file).unwrap();
        timeout(LOOK, watch.change()).await.unwrap();

        std::fs::write(&file, "three").unwrap();
        assert!(timeout(Duration::from_millis(300), watch.change()).await.is_err(), "same content is no change");
    }

    #[tokio::test]
    async fn a_neighbour_that_is_always_written_does_not_hold_a_change_up() {
        let folder = tempfile::tempdir().unwrap();
        let (file, log) = (folder.path().join("cardea.toml"), folder.path().join("gateway.log"));
        std::fs::write(&file, "one").unwrap();
        let mut watch = Watch::new([file.clone()].into());
        let busy = tokio::spawn(async move {
            for n in 0_u64.. {
                std::fs::write(&log, n.to_string()).unwrap();
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        std::fs::write(&file, "two").unwrap();
        timeout(Duration::from_secs(1), watch.change()).await.expect("in force within a second");
        busy.abort();
    }
}
