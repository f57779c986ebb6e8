//! What happened, appended to a file a test can wait on.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

/// The diary; without a file it keeps nothing.
pub(crate) struct Diary {
    file: Option<PathBuf>,
}

impl Diary {
    pub(crate) fn new(file: Option<PathBuf>) -> Self {
        Self { file }
    }

    /// Appends a line. One write, so that several processes with one diary do not tear each other's lines.
    pub(crate) fn note(&self, line: &str) {
        let Some(file) = &self.file else { return };
        let opened = OpenOptions::new().create(true).append(true).open(file);
        let written = opened.and_then(|mut diary| diary.write_all(format!("{line}\n").as_bytes()));
        if let Err(error) = written {
            eprintln!("cardea-fake-server: cannot write {}: {error}", file.display());
        }
    }
}
