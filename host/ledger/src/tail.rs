//! Reading a journal's folder, beside the gateway that writes it or without one.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use crate::segment::{Segment, firsts};

/// Lines of a journal in order. At the end it can be asked again: more may have come.
pub struct Tail {
    folder: PathBuf,
    /// Cursor of the next line.
    cursor: u64,
    open: Option<Open>,
}

struct Open {
    first: u64,
    reader: BufReader<File>,
    /// What was read of a line whose end is not written yet.
    begun: Vec<u8>,
}

impl Tail {
    /// All lines there are.
    pub fn from_start(folder: &Path) -> io::Result<Self> {
        let first = firsts(folder)?.first().copied().unwrap_or(0);
        Ok(Self { folder: folder.to_path_buf(), cursor: first, open: None })
    }

    /// The last `count` lines, and what comes.
    pub fn from_end(folder: &Path, count: u64) -> io::Result<Self> {
        let (firsts, mut end) = (firsts(folder)?, 0);
        if let Some(last) = firsts.last() {
            end = Segment::scan(folder, *last)?.end();
        }
        let from = end.saturating_sub(count).max(firsts.first().copied().unwrap_or(0));
        let mut tail = Self { folder: folder.to_path_buf(), cursor: 0, open: None };
        tail.cursor = firsts.iter().rev().find(|first| **first <= from).copied().unwrap_or(0);
        while tail.cursor < from && tail.next_line()?.is_some() {}
        Ok(tail)
    }

    /// The next line, without its line feed; none if it is not written yet.
    pub fn next_line(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(open) = &mut self.open {
                open.reader.read_until(b'\n', &mut open.begun)?;
                if open.begun.last() == Some(&b'\n') {
                    let mut line = std::mem::take(&mut open.begun);
                    line.pop();
                    self.cursor += 1;
                    return Ok(Some(line));
                }
            }
            if !self.go_on()? {
                return Ok(None);
            }
        }
    }

    /// Opens the segment that goes on where the open one ends. False if there is none.
    fn go_on(&mut self) -> io::Result<bool> {
        let reached = self.open.as_ref().map(|open| open.first);
        let next = firsts(&self.folder)?.into_iter().find(|first| *first >= self.cursor && Some(*first) != reached);
        let Some(first) = next else { return Ok(false) };
        let reader = match File::open(Segment::path(&self.folder, first)) {
            // Removed between the look at the folder and now: the next look finds what is kept.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return self.go_on(),
            file => BufReader::with_capacity(1 << 18, file?),
        };
        self.cursor = first;
        self.open = Some(Open { first, reader, begun: Vec::new() });
        Ok(true)
    }
}
