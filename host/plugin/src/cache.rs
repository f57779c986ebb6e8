//! Compiled code on disk. Loading machine code means trusting it, so nothing is loaded that this installation did not
//! write: the directory is private, names are content addresses, and each artefact carries an HMAC under a key of its own.

use std::fs::{self, DirBuilder, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::EngineError;

/// One block of SHA-256.
const KEY_BYTES: usize = 64;
/// A file that was being written so long ago never will be whole.
const FORSAKEN: Duration = Duration::from_secs(3600);

/// Compiled code on disk.
pub(crate) struct Cache {
    dir: PathBuf,
    most_bytes: u64,
    key: [u8; KEY_BYTES],
    /// What code must have been compiled for to run here.
    compatibility: u64,
}

impl Cache {
    /// Opens a cache; makes the directory and the key if they are not there.
    pub(crate) fn open(dir: PathBuf, most_bytes: u64, engine: &Engine) -> Result<Self, EngineError> {
        let trouble = |what: &str| EngineError::Cache(format!("{} {what}", dir.display()));
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&dir)
            .map_err(|fault| trouble(&format!("cannot be made: {fault}")))?;
        let facts = fs::metadata(&dir).map_err(|fault| trouble(&format!("cannot be read: {fault}")))?;
        if facts.uid() != rustix::process::geteuid().as_raw() {
            return Err(trouble("belongs to another user; code in it would run as this one. Name another directory"));
        }
        if facts.mode() & 0o022 != 0 {
            return Err(trouble(
                "can be written by other users; code in it would run as this one. Run chmod 700 on it",
            ));
        }
        let key = key(&dir).map_err(|fault| trouble(&format!("has no usable key file: {fault}")))?;
        let cache = Self { key, most_bytes, compatibility: compatibility(engine), dir };
        cache.tidy(None);
        Ok(cache)
    }

    /// The code of a component, if it is here and whole. Anything else is a reason to compile, never an error.
    pub(crate) fn load(&self, engine: &Engine, digest: &str) -> Option<Component> {
        let path = self.path(digest);
        let artefact = fs::read(&path).ok()?;
        let tag = fs::read(path.with_extension("mac")).ok()?;
        if self.mac(digest, &artefact).verify_slice(&tag).is_err() {
            tracing::warn!(path = %path.display(), "compiled code is not what this installation wrote; compiling again");
            return None;
        }
        match map(engine, &path) {
            Ok(component) => {
                used(&path);
                Some(component)
            }
            Err(fault) => {
                tracing::warn!(path = %path.display(), "compiled code cannot be used; compiling again: {fault:#}");
                None
            }
        }
    }

    /// Keeps code. A file that others have mapped is replaced, never written over.
    pub(crate) fn store(&self, digest: &str, artefact: &[u8]) -> io::Result<()> {
        let path = self.path(digest);
        let tag = self.mac(digest, artefact).finalize().into_bytes();
        self.replace(&path, artefact)?;
        self.replace(&path.with_extension("mac"), &tag)?;
        self.tidy(Some(&path));
        Ok(())
    }

    /// Deletes what was not used for longest until the rest fits, and what a process that died left half written. Code that
    /// runs stays mapped when its file is gone. What cannot be deleted is no reason not to run.
    fn tidy(&self, just_written: Option<&Path>) {
        let mut kept = Vec::new();
        for entry in fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            let (path, Ok(facts)) = (entry.path(), entry.metadata()) else { continue };
            let since = facts.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("tmp") if since.elapsed().is_ok_and(|age| age > FORSAKEN) => drop(fs::remove_file(&path)),
                Some("cwasm") if just_written != Some(&*path) => kept.push((since, facts.len(), path)),
                _ => {}
            }
        }
        let written = just_written.and_then(|path| fs::metadata(path).ok()).map_or(0, |facts| facts.len());
        let mut total = written + kept.iter().map(|(_, bytes, _)| bytes).sum::<u64>();
        kept.sort();
        for (_, bytes, path) in kept {
            if total <= self.most_bytes {
                return;
            }
            tracing::debug!(path = %path.display(), "compiled code is deleted to make room");
            drop(fs::remove_file(path.with_extension("mac")));
            drop(fs::remove_file(&path));
            total -= bytes;
        }
    }

    fn path(&self, digest: &str) -> PathBuf {
        self.dir.join(format!("{digest}-{:016x}.cwasm", self.compatibility))
    }

    fn replace(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        let temporary = write_new(&self.dir, content)?;
        fs::rename(&temporary, path).inspect_err(|_| drop(fs::remove_file(&temporary)))
    }

    /// The name is part of what is signed, so no artefact can stand in for another.
    fn mac(&self, digest: &str, artefact: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new(&self.key.into());
        mac.update(digest.as_bytes());
        mac.update(&self.compatibility.to_le_bytes());
        mac.update(artefact);
        mac
    }
}

/// What code must have been compiled for to run in an engine, on this machine.
pub(crate) fn compatibility(engine: &Engine) -> u64 {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.finish()
}

/// The key of this installation, made if it is not there. Two processes that start at once end with the same one.
fn key(dir: &Path) -> io::Result<[u8; KEY_BYTES]> {
    let path = dir.join("key");
    if !path.exists() {
        let fresh: [u8; KEY_BYTES] = rand::random();
        let temporary = write_new(dir, &fresh)?;
        let linked = fs::hard_link(&temporary, &path);
        fs::remove_file(&temporary)?;
        match linked {
            Err(fault) if fault.kind() != io::ErrorKind::AlreadyExists => return Err(fault),
            _ => {}
        }
    }
    let found = fs::read(&path)?;
    let length = found.len();
    found.try_into().map_err(|_| {
        let what = format!("{} has {length} bytes instead of {KEY_BYTES}; delete it", path.display());
        io::Error::new(io::ErrorKind::InvalidData, what)
    })
}

/// Remembers when code was used last; the time at which it was written is of no use to anybody.
fn used(path: &Path) {
    let touched = OpenOptions::new().append(true).open(path).and_then(|file| file.set_modified(SystemTime::now()));
    if let Err(fault) = touched {
        tracing::debug!(path = %path.display(), "the time of use is not kept: {fault}");
    }
}

fn write_new(dir: &Path, content: &[u8]) -> io::Result<PathBuf> {
    let path = dir.join(format!("{:032x}.tmp", rand::random::<u128>()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    file.write_all(content).and_then(|()| file.sync_all()).inspect_err(|_| drop(fs::remove_file(&path)))?;
    Ok(path)
}

#[allow(unsafe_code, reason = "wasmtime cannot know who wrote the file; whoever calls this does")]
pub(crate) fn map(engine: &Engine, path: &Path) -> wasmtime::Result<Component> {
    // SAFETY: the artefact at `path` was written by this installation and passed its HMAC a moment ago, or by the build of this
    // binary, beside which nobody else can write, and passed its checksum. Files of both kinds are replaced by renaming, never
    // changed, so the mapping stays as it is.
    unsafe { Component::deserialize_file(engine, path) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const DIGEST: &str = "00ff";
    const ROOM: u64 = 1 << 20;

    fn engine() -> Engine {
        Engine::default()
    }

    fn artefact(engine: &Engine) -> Vec<u8> {
        engine
            .precompile_component(b"(component)")
            .or_else(|_| {
                let bytes = wat::parse_str("(component)").unwrap();
                engine.precompile_component(&bytes)
            })
            .unwrap()
    }

    #[test]
    fn code_is_found_again_by_the_same_installation_only() {
        let (home, engine) = (tempfile::tempdir().unwrap(), engine());
        let dir = home.path().join("cache");
        let cache = Cache::open(dir.clone(), ROOM, &engine).unwrap();
        assert!(cache.load(&engine, DIGEST).is_none());
        cache.store(DIGEST, &artefact(&engine)).unwrap();
        assert!(Cache::open(dir.clone(), ROOM, &engine).unwrap().load(&engine, DIGEST).is_some());
        fs::remove_file(dir.join("key")).unwrap();
        assert!(Cache::open(dir, ROOM, &engine).unwrap().load(&engine, DIGEST).is_none());
    }

    #[test]
    fn changed_or_moved_code_is_not_loaded() {
        let (home, engine) = (tempfile::tempdir().unwrap(), engine());
        let cache = Cache::open(home.path().join("cache"), ROOM, &engine).unwrap();
        cache.store(DIGEST, &artefact(&engine)).unwrap();
        for extension in ["cwasm", "mac"] {
            let (from, to) = (cache.path(DIGEST), cache.path("11ee"));
            fs::copy(from.with_extension(extension), to.with_extension(extension)).unwrap();
        }
        assert!(cache.load(&engine, "11ee").is_none());
        let mut changed = fs::read(cache.path(DIGEST)).unwrap();
        *changed.last_mut().unwrap() ^= 1;
        cache.replace(&cache.path(DIGEST), &changed).unwrap();
        assert!(cache.load(&engine, DIGEST).is_none());
    }

    #[test]
    fn what_was_not_used_for_longest_goes_and_what_is_half_written_too() {
        let (home, engine) = (tempfile::tempdir().unwrap(), engine());
        let dir = home.path().join("cache");
        let artefact = artefact(&engine);
        let room = 2 * artefact.len() as u64;
        let cache = Cache::open(dir.clone(), room, &engine).unwrap();
        let aged = |path: &Path, hours: u32| {
            let then = SystemTime::now() - 2 * FORSAKEN * hours;
            OpenOptions::new().append(true).open(path).unwrap().set_modified(then).unwrap();
        };
        for (digest, hours) in [("aa", 3), ("bb", 2)] {
            cache.store(digest, &artefact).unwrap();
            aged(&cache.path(digest), hours);
        }
        assert!(cache.load(&engine, "aa").is_some(), "and so it is the one used last");
        cache.store("cc", &artefact).unwrap();
        let held = |digest: &str| cache.load(&engine, digest).is_some();
        assert_eq!([held("aa"), held("bb"), held("cc")], [true, false, true]);
        let half = write_new(&dir, b"half").unwrap();
        aged(&half, 1);
        let young = write_new(&dir, b"half").unwrap();
        aged(&cache.path("cc"), 1);
        let cache = Cache::open(dir.clone(), room / 2, &engine).unwrap();
        assert_eq!((half.exists(), young.exists()), (false, true));
        assert!(cache.load(&engine, "cc").is_none() && cache.load(&engine, "aa").is_some());
        let files = fs::read_dir(&dir).unwrap().count();
        assert_eq!(files, 4, "the key, the code, its tag, and the file that is being written");
    }

    #[test]
    fn files_are_private_and_a_directory_others_write_to_is_refused() {
        let (home, engine) = (tempfile::tempdir().unwrap(), engine());
        let dir = home.path().join("cache");
        let cache = Cache::open(dir.clone(), ROOM, &engine).unwrap();
        cache.store(DIGEST, b"x").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!((mode(&dir), mode(&dir.join("key")), mode(&cache.path(DIGEST))), (0o700, 0o600, 0o600));
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o777)).unwrap();
        let refused = Cache::open(dir, ROOM, &engine).err().unwrap().to_string();
        assert!(refused.contains("chmod 700"), "{refused}");
    }
}
