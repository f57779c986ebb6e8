//! The folder of a case: its manifest, its files, the gateway's data.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::{Outcome, gateway};

/// A folder of its own, gone when the case ends.
pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    pub(crate) fn new() -> Outcome<Self> {
        let folder = tempfile::Builder::new().prefix("cardea-case-").tempdir();
        Ok(Self { folder: folder.map_err(|error| format!("no temporary folder: {error}"))? })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file whole.
    pub(crate) fn write(&self, name: &str, content: &[u8]) -> Outcome<()> {
        let file = self.path().join(name);
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
        }
        gateway::replace(&file, content)
    }

    /// The text of a file; none if it is not there.
    pub(crate) fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.path().join(name)).ok()
    }

    /// The files below a folder in which a word stands, in their content or their name.
    pub(crate) fn files_with(&self, below: &str, word: &str) -> Outcome<Vec<String>> {
        let mut found = Vec::new();
        let mut folders = vec![self.path().join(below)];
        while let Some(folder) = folders.pop() {
            let entries =
                fs::read_dir(&folder).map_err(|error| format!("cannot list {}: {error}", folder.display()))?;
            for entry in entries.flatten() {
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                    // Compiled plugins are shared by all cases, and linked in.
                    Ok(kind) if kind.is_symlink() => {}
                    _ => found.extend(holds(&entry.path(), word)),
                }
            }
        }
        Ok(found)
    }
}

fn holds(file: &PathBuf, word: &str) -> Option<String> {
    let content = fs::read(file).ok()?;
    let inside = content.windows(word.len()).any(|window| window == word.as_bytes());
    (inside || file.to_string_lossy().contains(word)).then(|| file.display().to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_word_is_found_in_any_file_below() {
        let place = Place::new().unwrap();
        place.write("data/a/b.txt", b"\xff the word \xff").unwrap();
        assert_eq!(place.files_with("data", "word").unwrap().len(), 1);
        assert!(place.files_with("data", "words").unwrap().is_empty());
        assert!(place.files_with("nothing", "word").is_err());
    }
}
