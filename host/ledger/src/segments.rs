//! The folder: segments in a row, the last of them appended to; mended after a crash, and emptied from its old end.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use cardea_chain::Entry;

use crate::segment::{Segment, firsts};
use crate::settings::{Keep, Sync};
use crate::{Link, anchor};

pub(crate) struct Segments {
    pub(crate) folder: PathBuf,
    /// Held for as long as the journal is written.
    lock: File,
    state: Mutex<State>,
}

struct State {
    /// The open end of the last segment.
    file: File,
    /// Never empty; the last is the one `file` appends to.
    segments: Vec<Segment>,
}

impl Segments {
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let lock = hold(folder)?;
        let mut segments =
            firsts(folder)?.into_iter().map(|first| Segment::scan(folder, first)).collect::<io::Result<Vec<_>>>()?;
        if segments.is_empty() {
            segments.push(begun(folder)?);
        }
        let head = head(folder, &segments)?;
        let file = match segments.last_mut() {
            Some(last) => {
                last.head = head;
                let file = append_to(&last.path)?;
                mend(&file, last)?;
                file
            }
            None => return Err(io::Error::other("a journal has a segment")),
        };
        File::open(folder)?.sync_all()?;
        Ok(Self { folder: folder.to_path_buf(), lock, state: Mutex::new(State { file, segments }) })
    }

    /// The cursor after the last line, and that line's link.
    pub(crate) fn head(&self) -> (u64, Link) {
        let state = self.state();
        let last = state.last();
        (last.end(), last.head)
    }

    /// Bytes of the segment that is written.
    pub(crate) fn length(&self) -> u64 {
        self.state().last().length
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
            let _ = state.file.set_len(state.last().length);
            return Err(error);
        }
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            state.last_mut().count(line);
        }
        Ok(())
    }

    /// Closes the segment that is written and begins another.
    pub(crate) fn rotate(&self) -> io::Result<()> {
        let mut state = self.state();
        state.file.sync_all()?;
        let next = Segment::empty(&self.folder, state.last().end(), state.last().head);
        let file = append_to(&next.path)?;
        File::open(&self.folder)?.sync_all()?;
        state.file = file;
        state.segments.push(next);
        Ok(())
    }

    /// Removes the oldest segments that need not be kept. Says which cursors went.
    pub(crate) fn retire(&self, keep: Keep, now: SystemTime) -> io::Result<Option<(u64, u64)>> {
        let doomed: Vec<Segment> = {
            let mut state = self.state();
            let count = surplus(&state.segments, keep, now);
            state.segments.drain(..count).collect()
        };
        for segment in &doomed {
            fs::remove_file(&segment.path)?;
        }
        Ok(doomed.first().zip(doomed.last()).map(|(first, last)| (first.first, last.end())))
    }

    /// The oldest cursor that is still there.
    pub(crate) fn oldest(&self) -> u64 {
        self.state().segments.first().map_or(0, |segment| segment.first)
    }

    /// At most `max` lines from `cursor` on, in order; from the oldest one if `cursor` is gone.
    pub(crate) fn read(&self, cursor: u64, max: usize) -> io::Result<Vec<Entry>> {
        let mut cursor = cursor.max(self.oldest());
        let mut entries = Vec::new();
        while entries.len() < max {
            let found = self.state().segments.iter().find(|segment| cursor < segment.end()).cloned();
            let Some(segment) = found else { break };
            entries.extend(segment.read(cursor, max - entries.len())?);
            cursor = segment.end();
        }
        Ok(entries)
    }

    /// Lets another writer have the journal.
    pub(crate) fn release(&self) -> io::Result<()> {
        self.lock.unlock()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    #[allow(clippy::expect_used, reason = "a journal is opened with a segment, and only closed ones are removed")]
    fn last(&self) -> &Segment {
        self.segments.last().expect("a journal has a segment")
    }

    #[allow(clippy::expect_used, reason = "a journal is opened with a segment, and only closed ones are removed")]
    fn last_mut(&mut self) -> &mut Segment {
        self.segments.last_mut().expect("a journal has a segment")
    }
}

/// Two writers would number their records alike and cut into each other's lines. The lock goes with the file, however the
/// process ends.
fn hold(folder: &Path) -> io::Result<File> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(folder.join("lock"))?;
    file.try_lock().map_err(|fault| match fault {
        TryLockError::WouldBlock => io::Error::new(
            io::ErrorKind::ResourceBusy,
            "another gateway writes this journal; give each gateway a `data` folder of its own",
        ),
        TryLockError::Error(error) => error,
    })?;
    Ok(file)
}

/// The first segment of a folder without any. If there are anchors, segments were taken away; the chain goes on from the last.
fn begun(folder: &Path) -> io::Result<Segment> {
    let first = anchor::read(folder)?.pop().map_or(0, |anchor| anchor.cursor);
    Ok(Segment::empty(folder, first, Link::GENESIS))
}

/// The link of the last line there is; if the lines before an empty segment are gone, their anchor tells.
fn head(folder: &Path, segments: &[Segment]) -> io::Result<Link> {
    if let Some(segment) = segments.iter().rev().find(|segment| segment.lines > 0) {
        return Ok(segment.head);
    }
    let first = segments.last().map_or(0, |segment| segment.first);
    let anchors = anchor::read(folder)?;
    let anchor = anchors.iter().rev().find(|anchor| anchor.cursor == first);
    Ok(anchor.and_then(|anchor| Link::parse(&anchor.link)).unwrap_or(Link::GENESIS))
}

fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)
}

/// Cuts a torn tail off into a file of its own: it is evidence, and it is no record.
fn mend(mut file: &File, segment: &Segment) -> io::Result<()> {
    let whole = file.metadata()?.len();
    if whole == segment.length {
        return Ok(());
    }
    let mut torn = Vec::new();
    file.seek(SeekFrom::Start(segment.length))?;
    file.read_to_end(&mut torn)?;
    let cursor = segment.end();
    let aside = segment.path.with_file_name(format!("torn-{cursor}"));
    fs::write(&aside, &torn)?;
    file.set_len(segment.length)?;
    file.sync_all()?;
    tracing::warn!(bytes = torn.len(), cursor, aside = %aside.display(), "the journal ended in a torn line; it was moved aside");
    Ok(())
}

/// How many of the oldest segments go. The last one never does.
fn surplus(segments: &[Segment], keep: Keep, now: SystemTime) -> usize {
    let closed = segments.len() - 1;
    let mut total: u64 = segments.iter().map(|segment| segment.length).sum();
    let too_old = |segment: &Segment| {
        let written = fs::metadata(&segment.path).and_then(|metadata| metadata.modified());
        let age = written.ok().and_then(|written| now.duration_since(written).ok());
        keep.age.zip(age).is_some_and(|(most, age)| age > most)
    };
    let mut count = 0;
    while count < closed && (keep.bytes.is_some_and(|most| total > most) || too_old(&segments[count])) {
        total -= segments[count].length;
        count += 1;
    }
    count
}
