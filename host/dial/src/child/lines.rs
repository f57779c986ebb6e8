//! Lines of bounded length.

use std::io;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncBufRead, AsyncBufReadExt};

/// One line, or the news that there was one too many.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// Without its line end.
    Whole(Bytes),
    /// Longer than the limit: its beginning, of as many bytes as the limit. The rest was passed over.
    Cut(Bytes),
}

/// The next line; none at the end. A last line without a line end is not a line: its writer died over it.
pub(crate) async fn next_line<R: AsyncBufRead + Unpin>(reader: &mut R, limit: usize) -> io::Result<Option<Line>> {
    let mut line = BytesMut::new();
    let mut cut = false;
    loop {
        let available = reader.fill_buf().await?;
        if available.is_empty() {
            return Ok(None);
        }
        let end = available.iter().position(|&byte| byte == b'\n');
        let part = &available[..end.unwrap_or(available.len())];
        let taken = part.len().min(limit - line.len());
        cut |= taken < part.len();
        line.extend_from_slice(&part[..taken]);
        let consumed = part.len() + usize::from(end.is_some());
        reader.consume(consumed);
        if end.is_some() {
            let line = line.freeze();
            return Ok(Some(if cut { Line::Cut(line) } else { Line::Whole(line) }));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use tokio::io::BufReader;

    use super::*;

    #[tokio::test]
    async fn lines_are_cut_at_the_limit_and_reading_goes_on_behind_them() {
        for buffer in [1, 2, 3, 64] {
            let mut reader = BufReader::with_capacity(buffer, &b"one\n\nsevenly\nfour\nlost"[..]);
            let mut next = async || next_line(&mut reader, 4).await.unwrap();
            assert_eq!(next().await, Some(Line::Whole("one".into())));
            assert_eq!(next().await, Some(Line::Whole("".into())));
            assert_eq!(next().await, Some(Line::Cut("seve".into())));
            assert_eq!(next().await, Some(Line::Whole("four".into())));
            assert_eq!(next().await, None, "an unfinished line is no message");
        }
    }
}
