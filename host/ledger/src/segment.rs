//! One file of the journal: lines with consecutive cursors, found again by cursor.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use cardea_chain::Entry;

use crate::Link;

/// A line's place is remembered for every so many lines; between them, lines are counted.
const STRIDE: u64 = 1024;

/// Where the lines of a segment are.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) path: PathBuf,
    /// Cursor of the first line.
    pub(crate) first: u64,
    pub(crate) lines: u64,
    /// Bytes of whole lines.
    pub(crate) length: u64,
    /// Link of the last line; of the line before the segment while it has none.
    pub(crate) head: Link,
    /// Offsets of lines 0, STRIDE, 2 · STRIDE, …
    marks: Vec<u64>,
}

impl Segment {
    /// The file of the segment that begins with this cursor. Names sort as cursors do.
    pub(crate) fn path(folder: &Path, first: u64) -> PathBuf {
        folder.join(format!("{first:020}.jsonl"))
    }

    pub(crate) fn empty(folder: &Path, first: u64, head: Link) -> Self {
        Self { path: Self::path(folder, first), first, lines: 0, length: 0, head, marks: Vec::new() }
    }

    /// Reads a segment's file for the places of its lines. What follows the last line feed is not counted.
    pub(crate) fn scan(folder: &Path, first: u64) -> io::Result<Self> {
        let mut segment = Self::empty(folder, first, Link::GENESIS);
        let mut reader = BufReader::with_capacity(1 << 20, File::open(&segment.path)?);
        // Only the last line is hashed: a start must not take longer with every year that is kept.
        let (mut line, mut last) = (Vec::new(), Vec::new());
        while reader.read_until(b'\n', &mut line)? > 0 && line.last() == Some(&b'\n') {
            segment.place(line.len());
            std::mem::swap(&mut line, &mut last);
            line.clear();
        }
        if segment.lines > 0 {
            segment.head = Link::of(&last[..last.len() - 1]);
        }
        Ok(segment)
    }

    /// Counts a line that was appended, with its line feed.
    pub(crate) fn count(&mut self, line: &[u8]) {
        self.place(line.len());
        self.head = Link::of(line.strip_suffix(b"\n").unwrap_or(line));
    }

    fn place(&mut self, bytes: usize) {
        if self.lines.is_multiple_of(STRIDE) {
            self.marks.push(self.length);
        }
        self.lines += 1;
        self.length += bytes as u64;
    }

    /// The cursor after the last line.
    pub(crate) fn end(&self) -> u64 {
        self.first + self.lines
    }

    /// At most `max` lines from `cursor` on. Reads through a handle of its own, so that a slow reader never holds up the writer.
    pub(crate) fn read(&self, cursor: u64, max: usize) -> io::Result<Vec<Entry>> {
        let skipped = cursor - self.first;
        let mark = skipped / STRIDE;
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.marks.get(mark as usize).copied().unwrap_or(0)))?;
        let lines = BufReader::new(file).lines().zip(self.first + mark * STRIDE..self.end());
        let wanted = lines.skip((skipped - mark * STRIDE) as usize).take(max);
        wanted.map(|(line, cursor)| Ok(Entry { cursor, json: line? })).collect()
    }
}

/// The cursors that segments of this folder begin with, in order.
pub(crate) fn firsts(folder: &Path) -> io::Result<Vec<u64>> {
    let mut firsts: Vec<u64> = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let digits = name.to_str().and_then(|name| name.strip_suffix(".jsonl")).filter(|digits| digits.len() == 20);
        firsts.extend(digits.and_then(|digits| digits.parse::<u64>().ok()));
    }
    firsts.sort_unstable();
    Ok(firsts)
}
