//! What a guest prints: whole lines to the log, and no more of them than a hook may write.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

/// Bytes a hook may print; the rest is dropped and said to be.
const MOST_BYTES: usize = 8 << 10;

/// Both streams of one guest.
#[derive(Clone)]
pub(crate) struct Output {
    stage: Arc<str>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    left: usize,
    cut: bool,
}

/// One of the two.
#[derive(Clone)]
pub(crate) struct Stream {
    output: Output,
    errors: bool,
    line: Vec<u8>,
}

impl Output {
    pub(crate) fn new(stage: &Arc<str>) -> Self {
        let state = State { left: MOST_BYTES, cut: false };
        Self { stage: Arc::clone(stage), state: Arc::new(Mutex::new(state)) }
    }

    pub(crate) fn stdout(&self) -> Stream {
        Stream { output: self.clone(), errors: false, line: Vec::new() }
    }

    pub(crate) fn stderr(&self) -> Stream {
        Stream { output: self.clone(), errors: true, line: Vec::new() }
    }

    /// A hook begins: it has the whole allowance again.
    pub(crate) fn begin(&self) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = State { left: MOST_BYTES, cut: false };
    }

    /// Takes from the allowance, and says how much of it there was.
    fn take(&self, wanted: usize) -> usize {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = wanted.min(state.left);
        state.left -= taken;
        if taken < wanted && !state.cut {
            state.cut = true;
            tracing::warn!(stage = %self.stage, "the plugin prints more than {MOST_BYTES} bytes in one hook; the rest is dropped");
        }
        taken
    }
}

impl Stream {
    fn put(&mut self, bytes: &[u8]) {
        let taken = self.output.take(bytes.len());
        for byte in &bytes[..taken] {
            if *byte == b'\n' {
                self.log();
            } else {
                self.line.push(*byte);
            }
        }
    }

    fn log(&mut self) {
        let line = String::from_utf8_lossy(&self.line);
        let (stage, line) = (&self.output.stage, line.trim_end());
        match (line.is_empty(), self.errors) {
            (true, _) => {}
            (false, true) => tracing::warn!(%stage, "stderr: {line}"),
            (false, false) => tracing::info!(%stage, "stdout: {line}"),
        }
        self.line.clear();
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.log();
    }
}

impl IsTerminal for Stream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Stream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        // WASI 0.3 would write here; its interfaces are not linked.
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for Stream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.put(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(MOST_BYTES)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Stream {
    async fn ready(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_hook_prints_is_bounded_and_the_next_hook_starts_anew() {
        let output = Output::new(&"s".into());
        assert_eq!(output.take(MOST_BYTES - 1), MOST_BYTES - 1);
        assert_eq!(output.take(5), 1);
        assert_eq!(output.take(5), 0);
        output.begin();
        assert_eq!(output.take(5), 5);
    }

    #[test]
    fn lines_are_put_together_from_pieces() {
        let mut stream = Output::new(&"s".into()).stderr();
        stream.put(b"panicked");
        stream.put(b" at x\nnext");
        assert_eq!(stream.line, b"next");
    }
}
