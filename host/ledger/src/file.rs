//! The file: appended to by the writer, read by cursor, mended after a crash.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use cardea_chain::Entry;

use crate::Sync;

/// A line's place is remembered for every so many lines; between them, lines are counted.
const STRIDE: u64 = 1024;

pub(crate) struct JournalFile {
    path: PathBuf,
    state: Mutex<State>,
}

struct State {
    file: File,
    lines: u64,
    length: u64,
    /// Offsets of lines 0, STRIDE, 2 · STRIDE, …
    marks: Vec<u64>,
}

impl JournalFile {
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let path = folder.join("journal.jsonl");
        let file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(&path)?;
        hold(&file)?;
        let mut state = State { file, lines: 0, length: 0, marks: Vec::new() };
        state.scan(&path)?;
        Ok(Self { path, state: Mutex::new(state) })
    }

    pub(crate) fn lines(&self) -> u64 {
        self.state().lines
    }

    /// Appends whole lines. After an error the file is cut back to its last whole line, so that the next batch is not glued
    /// to half of this one.
    pub(crate) fn append(&self, text: &[u8], sync: Sync) -> io::Result<()> {
        let mut state = self.state();
        let written = state.file.write_all(text).and_then(|()| match sync {
            Sync::EveryBatch => state.file.sync_data(),
            Sync::Never => Ok(()),
        });
        if let Err(error) = written {
            let _ = state.file.set_len(state.length);
            return Err(error);
        }
        state.count(text);
        Ok(())
    }

    /// Reads through a handle of its own, so that a slow reader never holds up the writer.
    pub(crate) fn read(&self, cursor: u64, max: usize, head: u64) -> io::Result<Vec<Entry>> {
        if cursor >= head || max == 0 {
            return Ok(Vec::new());
        }
        let (mark, offset) = {
            let state = self.state();
            let mark = (cursor / STRIDE) as usize;
            (mark as u64 * STRIDE, state.marks.get(mark).copied().unwrap_or(0))
        };
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(offset))?;
        let lines = BufReader::new(file).lines().zip(mark..head).skip((cursor - mark) as usize).take(max);
        lines.map(|(line, cursor)| Ok(Entry { cursor, json: line? })).collect()
    }

    /// Lets another writer have the file.
    pub(crate) fn release(&self) -> io::Result<()> {
        self.state().file.unlock()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Two writers would number their records alike and cut into each other's lines. The lock goes with the file, however the
/// process ends.
fn hold(file: &File) -> io::Result<()> {
    file.try_lock().map_err(|fault| match fault {
        TryLockError::WouldBlock => io::Error::new(
            io::ErrorKind::ResourceBusy,
            "another gateway writes this journal; give each gateway a `data` folder of its own",
        ),
        TryLockError::Error(error) => error,
    })
}

impl State {
    fn scan(&mut self, path: &Path) -> io::Result<()> {
        let mut reader = BufReader::with_capacity(1 << 20, File::open(path)?);
        let mut chunk = Vec::new();
        loop {
            chunk.clear();
            let read = reader.by_ref().take(1 << 20).read_until(b'\n', &mut chunk)?;
            if read == 0 {
                break;
            }
            if chunk.last() == Some(&b'\n') {
                self.count_line(read as u64);
            } else if !self.rest_of_line(&mut reader, read as u64)? {
                break;
            }
        }
        self.mend(path)
    }

    /// A line longer than the buffer. False if it has no end.
    fn rest_of_line(&mut self, reader: &mut impl BufRead, begun: u64) -> io::Result<bool> {
        let mut length = begun;
        let mut rest = Vec::new();
        loop {
            rest.clear();
            let read = reader.by_ref().take(1 << 20).read_until(b'\n', &mut rest)?;
            length += read as u64;
            if rest.last() == Some(&b'\n') {
                self.count_line(length);
                return Ok(true);
            }
            if read == 0 {
                return Ok(false);
            }
        }
    }

    /// Cuts a torn tail off into a file of its own: it is evidence, and it is no record.
    fn mend(&mut self, path: &Path) -> io::Result<()> {
        let whole = self.file.metadata()?.len();
        if whole == self.length {
            return Ok(());
        }
        let mut torn = vec![0; (whole - self.length) as usize];
        self.file.read_exact_at(&mut torn, self.length)?;
        let aside = path.with_extension(format!("torn-{}", self.lines));
        fs::write(&aside, &torn)?;
        self.file.set_len(self.length)?;
        self.file.sync_all()?;
        tracing::warn!(bytes = torn.len(), cursor = self.lines, aside = %aside.display(), "the journal ended in a torn line; it was moved aside");
        Ok(())
    }

    fn count(&mut self, text: &[u8]) {
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            self.count_line(line.len() as u64);
        }
    }

    fn count_line(&mut self, length: u64) {
        if self.lines.is_multiple_of(STRIDE) {
            self.marks.push(self.length);
        }
        self.lines += 1;
        self.length += length;
    }
}
