//! A conversation with one process.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use cardea_chain::{Fault, Listener};
use cardea_message::Version;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::io::{AsyncWriteExt, BufReader, BufWriter};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::ChildSpec;
use crate::blame::Blame;
use crate::child::lines::{Line, next_line};
use crate::child::process::{Nursery, Process};
use crate::child::restart::Restart;
use crate::conversation::{Conversation, Outward};
use crate::wire::{Connection, Failure, FailureKind, Incoming, Outgoing};

/// Messages that may wait for the process to read.
const OUTBOX: usize = 256;
/// How long the end of a process is waited for after the end of its output, to say how it ended.
const LAST_BREATH: Duration = Duration::from_millis(500);

/// A conversation with one process; it ends when this is dropped.
pub(crate) struct ChildConnection {
    shared: Arc<Shared>,
}

struct Shared {
    conversation: Arc<Conversation<Outbox>>,
    process: Process,
    restart: Arc<Restart>,
    limit: usize,
}

/// What waits to be written to a process.
struct Outbox {
    lines: mpsc::Sender<Bytes>,
    blame: Blame,
}

impl ChildConnection {
    /// Starts the program, unless it keeps ending without a word.
    pub(crate) fn start(
        spec: &ChildSpec,
        blame: &Blame,
        restart: &Arc<Restart>,
        nursery: &Nursery,
    ) -> Result<Self, Fault> {
        if let Some(pause) = restart.pause() {
            let left = pause.as_millis();
            return Err(blame.unreachable(format!("it keeps ending before it answers; the next start is in {left} ms")));
        }
        let (process, pipes) = Process::start(spec, blame, nursery)?;
        let (lines, outgoing) = mpsc::channel(OUTBOX);
        let shared = Arc::new(Shared {
            conversation: Conversation::new(Outbox { lines, blame: blame.clone() }, blame),
            process,
            restart: Arc::clone(restart),
            limit: spec.max_message_bytes,
        });
        let stop = shared.process.stop.clone();
        tokio::spawn(async move {
            // When this ends, by whichever branch, the input is closed.
            tokio::select! {
                () = write(pipes.input, outgoing) => {}
                () = stop.cancelled() => {}
            }
        });
        tokio::spawn(Arc::clone(&shared).read(pipes.output));
        Ok(Self { shared })
    }

    async fn send(&self, request: Outgoing) -> Result<Incoming, Failure> {
        let conversation = &self.shared.conversation;
        let mut call = conversation.begin(&request)?;
        if conversation.outward.lines.send(one_line(request.body)).await.is_err() {
            return Err(FailureKind::Gone.with(conversation.blame.unreachable("its input is closed")));
        }
        call.is_sent(&request.method);
        call.settled().await.map_err(|fault| {
            let kind = if conversation.is_open() { FailureKind::Other } else { FailureKind::Gone };
            kind.with(fault)
        })
    }
}

impl Connection for ChildConnection {
    fn ask(&self, request: Outgoing) -> BoxFuture<'_, Result<Incoming, Failure>> {
        self.send(request).boxed()
    }

    fn tell(&self, notification: Bytes) -> BoxFuture<'_, Result<(), Fault>> {
        async move {
            let conversation = &self.shared.conversation;
            let sent = conversation.outward.lines.send(one_line(notification)).await;
            sent.map_err(|_| conversation.blame.unreachable("its input is closed"))
        }
        .boxed()
    }

    fn settle(&self, _version: Version) {}

    fn follow(&self, listener: &Arc<dyn Listener>) {
        self.shared.conversation.follow(listener);
    }

    fn is_open(&self) -> bool {
        self.shared.conversation.is_open()
    }

    fn close(&self) -> BoxFuture<'static, ()> {
        let shared = Arc::clone(&self.shared);
        shared.conversation.close(&shared.conversation.blame.unreachable("the gateway closed the session"));
        shared.process.stop.cancel();
        async move { drop(shared.process.ended().await) }.boxed()
    }
}

impl Drop for ChildConnection {
    fn drop(&mut self) {
        drop(self.close());
    }
}

impl Shared {
    /// Reads what the process says, to its end.
    async fn read(self: Arc<Self>, output: ChildStdout) {
        let mut reader = BufReader::with_capacity(64 << 10, output);
        loop {
            match next_line(&mut reader, self.limit).await {
                Ok(Some(Line::Whole(line))) => self.take(line),
                Ok(Some(Line::Cut(_))) if !self.conversation.too_large(self.limit) => self.process.stop.cancel(),
                Ok(Some(Line::Cut(_))) => {}
                Ok(None) | Err(_) => break,
            }
        }
        let (conversation, blame) = (&self.conversation, &self.conversation.blame);
        let how = timeout(LAST_BREATH, self.process.ended()).await;
        let how = how.unwrap_or_else(|_| "closed its output".to_owned());
        if conversation.is_open() {
            let fault = blame.unreachable(format!("the process {how}{}", self.process.last_words()));
            tracing::warn!(server = %blame.server(), "{}", fault.inside);
            if !conversation.has_answered() {
                self.restart.failed();
            }
            conversation.close(&fault);
        }
        self.process.stop.cancel();
    }

    fn take(&self, line: Bytes) {
        let had_answered = self.conversation.has_answered();
        let blank = line.iter().all(u8::is_ascii_whitespace);
        match self.conversation.take(line) {
            // Programs print all sorts of things on the wrong stream; one stray line must not end every session.
            Err(fault) if !blank => {
                let server = self.conversation.blame.server();
                tracing::warn!(%server, "a line on stdout is no message: {fault}");
            }
            _ => {}
        }
        if !had_answered && self.conversation.has_answered() {
            self.restart.worked();
        }
    }
}

impl Outward for Outbox {
    fn post(&self, message: Bytes) {
        if self.lines.try_send(one_line(message)).is_err() {
            tracing::debug!(server = %self.blame.server(), "the process does not read, a message is left out");
        }
    }

    fn answering(&self) -> Box<dyn FnOnce(Bytes) -> BoxFuture<'static, ()> + Send> {
        let lines = self.lines.clone();
        // A process that has ended waits for no answer.
        Box::new(|answer| async move { drop(lines.send(one_line(answer)).await) }.boxed())
    }
}

async fn write(input: ChildStdin, mut outgoing: mpsc::Receiver<Bytes>) {
    let mut input = BufWriter::new(input);
    while let Some(message) = outgoing.recv().await {
        let written = async {
            input.write_all(&message).await?;
            input.write_all(b"\n").await?;
            if outgoing.is_empty() { input.flush().await } else { Ok(()) }
        };
        if written.await.is_err() {
            // The end of its output, which the reader sees, says more about it.
            return;
        }
    }
}

/// The message without line breaks. In JSON they stand between values only, where a blank is as good.
fn one_line(message: Bytes) -> Bytes {
    let breaks = |byte: &u8| matches!(byte, b'\n' | b'\r');
    if !message.iter().any(breaks) {
        return message;
    }
    let mut message = BytesMut::from(message);
    message.iter_mut().filter(|byte| breaks(byte)).for_each(|byte| *byte = b' ');
    message.freeze()
}
