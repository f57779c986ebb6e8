//! Code that was compiled when the gateway was built, and lies beside its binary. Loading machine code means trusting it: it
//! is loaded only where nobody could have written it who could not have written the binary.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::cache::compatibility;

/// Code beside the binary.
pub(crate) struct Shipped {
    folder: PathBuf,
    compatibility: u64,
}

impl Shipped {
    /// Opens the folder of a binary, if it is there and as safe as the binary is. Without it everything is compiled here.
    pub(crate) fn open(binary: &Path, engine: &Engine) -> Option<Self> {
        let folder = folder(binary);
        let facts = fs::symlink_metadata(&folder).ok()?;
        let owner = fs::metadata(binary).ok()?.uid();
        if !facts.is_dir() || !is_safe(&facts, owner) {
            tracing::warn!(folder = %folder.display(), "others than the owner of the gateway's binary can write compiled code there; it is not used");
            return None;
        }
        Some(Self { folder, compatibility: compatibility(engine) })
    }

    /// The code of a component, if it was compiled for a machine like this one and is whole. Anything else is a reason to
    /// compile.
    pub(crate) fn load(&self, engine: &Engine, digest: &str) -> Option<Component> {
        let path = path(&self.folder, digest, self.compatibility);
        let facts = fs::symlink_metadata(&path).ok()?;
        let owner = fs::metadata(&self.folder).ok()?.uid();
        let sum = fs::read(path.with_extension("sha256")).ok()?;
        let whole = || fs::read(&path).is_ok_and(|artefact| Sha256::digest(&artefact).as_slice() == sum);
        if !facts.is_file() || !is_safe(&facts, owner) || !whole() {
            tracing::warn!(path = %path.display(), "compiled code beside the binary is not what the build wrote; compiling");
            return None;
        }
        crate::cache::map(engine, &path)
            .inspect_err(|fault| tracing::warn!(path = %path.display(), "compiled code beside the binary cannot be used; compiling: {fault:#}"))
            .ok()
    }
}

/// Compiles components for a binary, for [`Shipped`] to find. What lies there already is not compiled again, and what an earlier
/// build left is deleted.
pub(crate) fn ship(engine: &Engine, binary: &Path, components: &[&[u8]]) -> io::Result<()> {
    let folder = folder(binary);
    DirBuilder::new().recursive(true).mode(0o755).create(&folder)?;
    let mut ours = Vec::new();
    for bytes in components {
        let digest = Sha256::digest(bytes).iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        let path = path(&folder, &digest, compatibility(engine));
        let sum = path.with_extension("sha256");
        ours.extend([path.clone(), sum.clone()]);
        if path.is_file() && sum.is_file() {
            continue;
        }
        let artefact = engine.precompile_component(bytes).map_err(|fault| io::Error::other(format!("{fault:#}")))?;
        write(&path, &artefact)?;
        write(&sum, &Sha256::digest(&artefact))?;
    }
    for entry in fs::read_dir(&folder)?.flatten() {
        if !ours.contains(&entry.path()) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// By way of another name: what a gateway has mapped is never written over.
fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let fresh = path.with_added_extension("new");
    drop(fs::remove_file(&fresh));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(&fresh)?;
    file.write_all(content)?;
    fs::rename(&fresh, path)
}

fn folder(binary: &Path) -> PathBuf {
    binary.with_added_extension("code")
}

fn path(folder: &Path, digest: &str, compatibility: u64) -> PathBuf {
    folder.join(format!("{digest}-{compatibility:016x}.cwasm"))
}

/// Owned by the binary's owner or by root, and writable by nobody else.
fn is_safe(facts: &fs::Metadata, owner: u32) -> bool {
    (facts.uid() == owner || facts.uid() == 0) && facts.mode() & 0o022 == 0
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A binary with the code of one component beside it.
    struct Build {
        home: tempfile::TempDir,
        engine: Engine,
        digest: String,
    }

    impl Build {
        fn new() -> Self {
            let (home, engine) = (tempfile::tempdir().unwrap(), Engine::default());
            let component = wat::parse_str("(component)").unwrap();
            fs::write(home.path().join("cardea"), "the binary").unwrap();
            ship(&engine, &home.path().join("cardea"), &[&component]).unwrap();
            let digest = Sha256::digest(&component).iter().map(|byte| format!("{byte:02x}")).collect();
            Self { home, engine, digest }
        }

        fn open(&self) -> Option<Shipped> {
            Shipped::open(&self.home.path().join("cardea"), &self.engine)
        }

        fn folder(&self) -> PathBuf {
            self.home.path().join("cardea.code")
        }

        fn file(&self) -> PathBuf {
            path(&self.folder(), &self.digest, compatibility(&self.engine))
        }

        fn loads(&self) -> bool {
            self.open().is_some_and(|shipped| shipped.load(&self.engine, &self.digest).is_some())
        }
    }

    #[test]
    fn what_the_build_compiled_is_found() {
        let build = Build::new();
        assert!(build.loads());
        assert!(build.open().unwrap().load(&build.engine, "11ee").is_none());
        assert!(Shipped::open(&build.home.path().join("another"), &build.engine).is_none());
        ship(&build.engine, &build.home.path().join("cardea"), &[]).unwrap();
        assert!(!build.file().exists(), "what belongs to no plugin any more goes");
    }

    #[test]
    fn what_others_can_write_is_not_loaded() {
        let build = Build::new();
        let allow = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        allow(&build.file(), 0o666);
        assert!(!build.loads());
        allow(&build.file(), 0o644);
        assert!(build.loads());
        allow(&build.folder(), 0o777);
        assert!(build.open().is_none());
    }

    #[test]
    fn what_is_not_whole_or_not_a_file_is_not_loaded() {
        let build = Build::new();
        let (file, moved) = (build.file(), build.home.path().join("moved"));
        fs::rename(&file, &moved).unwrap();
        std::os::unix::fs::symlink(&moved, &file).unwrap();
        assert!(!build.loads());
        let mut artefact = fs::read(&moved).unwrap();
        *artefact.last_mut().unwrap() ^= 1;
        fs::remove_file(&file).unwrap();
        fs::write(&file, artefact).unwrap();
        assert!(!build.loads());
    }
}
