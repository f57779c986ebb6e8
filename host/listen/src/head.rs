//! Looks at the bytes of an HTTP/1 request head for the one thing hyper cleans up before we could see it: a message
//! framed twice, by `Content-Length` and by `Transfer-Encoding`.
//!
//! RFC 9112 section 6.3 lets a server take such a request by its `Transfer-Encoding`; a proxy before us may have read it
//! the other way, so it is refused. Only names at the start of a line count. What cannot be seen here, because it was sent
//! before the exchange ahead of it had ended, counts as unseen, and an unseen head with `Transfer-Encoding` is refused too.

/// Reads one head as it arrives, in whatever pieces.
#[derive(Debug, Default)]
pub(crate) struct HeadScanner {
    state: State,
    length: bool,
    encoding: bool,
}

#[derive(Debug, Default)]
enum State {
    /// Before the request line; blank lines may stand there.
    #[default]
    Before,
    /// Somewhere in a line whose rest does not matter.
    Rest,
    /// In the name that begins a line.
    Name { text: [u8; LONGEST], filled: usize },
    /// Behind the blank line that ends the head.
    Ended,
}

const LENGTH: &[u8] = b"content-length";
const ENCODING: &[u8] = b"transfer-encoding";
const LONGEST: usize = ENCODING.len();

impl HeadScanner {
    /// Takes the next bytes of the connection; those behind the head are passed over.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if matches!(self.state, State::Ended) {
                return;
            }
            self.step(byte);
        }
    }

    /// True if a whole head was seen and it is framed once at most.
    pub(crate) fn framed_once(&self) -> bool {
        matches!(self.state, State::Ended) && !(self.length && self.encoding)
    }

    fn step(&mut self, byte: u8) {
        match (&mut self.state, byte) {
            (State::Before, b'\r' | b'\n') | (State::Name { filled: 0, .. }, b'\r') => {}
            (State::Name { filled: 0, .. }, b'\n') => self.state = State::Ended,
            (_, b'\n') => self.state = State::Name { text: [0; LONGEST], filled: 0 },
            (State::Name { text, filled }, b':') => {
                let name = &text[..*filled];
                self.length |= name.eq_ignore_ascii_case(LENGTH);
                self.encoding |= name.eq_ignore_ascii_case(ENCODING);
                self.state = State::Rest;
            }
            (State::Name { text, filled }, letter) if *filled < LONGEST => {
                text[*filled] = letter;
                *filled += 1;
            }
            _ => self.state = State::Rest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed_once(head: &str) -> bool {
        let mut whole = HeadScanner::default();
        whole.feed(head.as_bytes());
        let mut pieces = HeadScanner::default();
        head.as_bytes().chunks(1).for_each(|byte| pieces.feed(byte));
        assert_eq!(whole.framed_once(), pieces.framed_once(), "{head}");
        whole.framed_once()
    }

    #[test]
    fn two_framings_are_seen_in_any_order_case_and_piece() {
        assert!(!framed_once("POST /mcp HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"));
        assert!(!framed_once("POST /mcp HTTP/1.1\r\ntransfer-ENCODING: chunked\r\nX: y\r\ncontent-length: 4\r\n\r\n"));
        assert!(!framed_once("\r\n\r\nPOST / HTTP/1.1\nContent-Length: 4\nTransfer-Encoding: chunked\n\n"));
    }

    #[test]
    fn one_framing_is_fine_and_values_and_bodies_do_not_count() {
        assert!(framed_once("POST /mcp HTTP/1.1\r\nTransfer-Encoding: chunked\r\nX: content-length:\r\n\r\n"));
        assert!(framed_once("POST /mcp HTTP/1.1\r\nContent-Length: 4\r\n\r\n\r\nTransfer-Encoding: chunked\r\n\r\n"));
        assert!(framed_once(
            "POST /mcp HTTP/1.1\r\nX-Transfer-Encoding: a\r\nTransfer-Encodings: b\r\nContent-Length: 1\r\n\r\n"
        ));
    }

    #[test]
    fn an_unfinished_head_proves_nothing() {
        assert!(!framed_once("POST /mcp HTTP/1.1\r\nContent-Length: 4\r\n"));
        assert!(!framed_once(""));
    }
}
