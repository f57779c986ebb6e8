//! Checking a journal from outside: every link, every cursor, every anchor.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use serde::Deserialize;

use crate::Link;
use crate::anchor::{self, Anchor, VerifyingKey};
use crate::segment::{Segment, firsts};

/// What a sound journal holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Cursor of the first line that is kept.
    pub first: u64,
    /// The cursor after the last line.
    pub end: u64,
    /// The link of the last line.
    pub head: Link,
    /// Anchors that match the chain.
    pub anchors: usize,
    /// Records that the journal itself says it has not got.
    pub lost: u64,
    /// Bytes after the last whole line: a line that is being written, or that a crash cut short.
    pub torn: usize,
}

/// The first place where a journal is not what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// The file, by its name in the folder.
    pub file: String,
    /// The line in it, from 1; none if the file as a whole is meant.
    pub line: Option<u64>,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}, line {line}: {}", self.file, self.what),
            None => write!(f, "{}: {}", self.file, self.what),
        }
    }
}

/// Checks a journal's folder. With a key, every anchor must be signed by it. The gateway may be writing meanwhile.
pub fn verify(folder: &Path, key: Option<&VerifyingKey>) -> io::Result<Result<Verified, Breach>> {
    // Read first: an anchor is written after its lines, so all lines it speaks of are there afterwards.
    let mut anchors = anchor::read(folder)?;
    if let Some(breach) = key.and_then(|key| unsigned(&anchors, key)) {
        return Ok(Err(breach));
    }
    anchors.sort_by_key(|anchor| anchor.cursor);
    let mut chain = Chain::new(&anchors);
    let firsts = firsts(folder)?;
    for (position, first) in firsts.iter().enumerate() {
        let is_last = position + 1 == firsts.len();
        if let Err(breach) = chain.segment(folder, *first, is_last)? {
            return Ok(Err(breach));
        }
    }
    Ok(chain.end())
}

fn unsigned(anchors: &[Anchor], key: &VerifyingKey) -> Option<Breach> {
    let position = anchors.iter().position(|anchor| !anchor.is_signed_by(key))?;
    let what = match anchors[position].signature {
        Some(_) => "the anchor's signature was not made with this key, or the anchor was changed",
        None => "the anchor is not signed",
    };
    Some(Breach { file: "anchors.jsonl".to_owned(), line: Some(position as u64 + 1), what: what.to_owned() })
}

/// The chain as far as it was followed.
struct Chain<'a> {
    /// In the order of their cursors.
    anchors: &'a [Anchor],
    first: Option<u64>,
    cursor: u64,
    /// None before the first line: what it follows may no longer be kept.
    head: Option<Link>,
    met: usize,
    lost: u64,
    torn: usize,
}

/// What a line says about its own place.
#[derive(Deserialize)]
struct Place {
    cursor: u64,
    prev: String,
    kind: String,
    #[serde(default)]
    lost: u64,
}

impl<'a> Chain<'a> {
    fn new(anchors: &'a [Anchor]) -> Self {
        Self { anchors, first: None, cursor: 0, head: None, met: 0, lost: 0, torn: 0 }
    }

    fn segment(&mut self, folder: &Path, first: u64, is_last: bool) -> io::Result<Result<(), Breach>> {
        let path = Segment::path(folder, first);
        let file = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let breach = |line, what| Ok(Err(Breach { file: file.clone(), line, what }));
        match self.first {
            None => {
                (self.first, self.cursor) = (Some(first), first);
                self.head = if first == 0 { Some(Link::GENESIS) } else { self.anchored(first) };
            }
            Some(_) if first != self.cursor => {
                return breach(
                    None,
                    format!("lines {} to {} are missing before it", self.cursor, first.saturating_sub(1)),
                );
            }
            Some(_) => {}
        }
        let mut reader = BufReader::with_capacity(1 << 20, File::open(&path)?);
        let (mut text, mut line) = (Vec::new(), 0);
        while reader.read_until(b'\n', &mut text)? > 0 {
            line += 1;
            if text.pop() != Some(b'\n') {
                self.torn = text.len() + 1;
                if is_last {
                    break;
                }
                return breach(Some(line), "the line has no end".to_owned());
            }
            if let Err(what) = self.line(&text) {
                return breach(Some(line), what);
            }
            text.clear();
        }
        Ok(Ok(()))
    }

    fn line(&mut self, text: &[u8]) -> Result<(), String> {
        let place: Place = serde_json::from_slice(text).map_err(|error| format!("is no line of a journal: {error}"))?;
        if place.cursor != self.cursor {
            return Err(format!("has cursor {}, and {} is due", place.cursor, self.cursor));
        }
        let prev = Link::parse(&place.prev).ok_or("its `prev` is not a hash")?;
        if self.head.is_some_and(|head| head != prev) {
            return Err(
                "does not follow from the line before it: one of the two was changed, added or removed".to_owned()
            );
        }
        if place.kind == "gap" {
            self.lost += place.lost;
        }
        self.cursor += 1;
        self.head = Some(Link::of(text));
        if let Some(anchored) = self.anchored(self.cursor) {
            self.met += 1;
            if self.head != Some(anchored) {
                return Err(format!("is not the line that was anchored at cursor {}", self.cursor));
            }
        }
        Ok(())
    }

    fn anchored(&self, cursor: u64) -> Option<Link> {
        let at = self.anchors.partition_point(|anchor| anchor.cursor < cursor);
        Link::parse(&self.anchors.get(at).filter(|anchor| anchor.cursor == cursor)?.link)
    }

    fn end(self) -> Result<Verified, Breach> {
        if let Some(anchor) = self.anchors.iter().find(|anchor| anchor.cursor > self.cursor) {
            let what = format!("lines {} to {} were anchored and are gone", self.cursor, anchor.cursor - 1);
            return Err(Breach { file: "the journal's end".to_owned(), line: None, what });
        }
        Ok(Verified {
            first: self.first.unwrap_or(0),
            end: self.cursor,
            head: self.head.unwrap_or(Link::GENESIS),
            anchors: self.met,
            lost: self.lost,
            torn: self.torn,
        })
    }
}
