//! A conversation with one process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use cardea_chain::{Event, Fault};
use cardea_message::{Message, Method, Notification, Response, Version, compose};
use futures_util::FutureExt;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use tokio::io::{AsyncWriteExt, BufReader, BufWriter};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::blame::Blame;
use crate::child::lines::{Line, next_line};
use crate::child::process::Process;
use crate::child::restart::Restart;
use crate::child::switchboard::{Awaited, Switchboard};
use crate::wire::{Connection, Failure, FailureKind, Incoming, Outgoing, ended_early};
use crate::{ChildSpec, asks, listening, translate};

/// Messages that may wait for the process to read.
const OUTBOX: usize = 256;
/// How long the end of a process is waited for after the end of its output, to say how it ended.
const LAST_BREATH: Duration = Duration::from_millis(500);

/// A conversation with one process; it ends when this is dropped.
pub(crate) struct ChildConnection {
    shared: Arc<Shared>,
}

struct Shared {
    board: Switchboard,
    outbox: mpsc::Sender<Bytes>,
    process: Process,
    restart: Arc<Restart>,
    /// Whether the process has ever answered.
    answered: AtomicBool,
    limit: usize,
    blame: Blame,
}

impl ChildConnection {
    /// Starts the program, unless it keeps ending without a word.
    pub(crate) fn start(spec: &ChildSpec, blame: &Blame, restart: &Arc<Restart>) -> Result<Self, Fault> {
        if let Some(pause) = restart.pause() {
            let left = pause.as_millis();
            return Err(blame.unreachable(format!("it keeps ending before it answers; the next start is in {left} ms")));
        }
        let (process, pipes) = Process::start(spec, blame)?;
        let (outbox, outgoing) = mpsc::channel(OUTBOX);
        let shared = Arc::new(Shared {
            board: Switchboard::new(),
            outbox,
            process,
            restart: Arc::clone(restart),
            answered: AtomicBool::new(false),
            limit: spec.max_message_bytes,
            blame: blame.clone(),
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
        let shared = &self.shared;
        let awaited = shared.board.wait(request.id, request.method == Method::SUBSCRIPTIONS_LISTEN)?;
        let mut call = Ongoing { shared: Arc::clone(shared), id: request.id, cancellable: false };
        if shared.outbox.send(one_line(request.body)).await.is_err() {
            return Err(FailureKind::Gone.with(shared.blame.unreachable("its input is closed")));
        }
        call.cancellable = request.method != Method::INITIALIZE;
        Incoming::settled(call.events(awaited), &shared.blame).await.map_err(|fault| {
            let kind = if shared.board.is_open() { FailureKind::Other } else { FailureKind::Gone };
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
            let sent = self.shared.outbox.send(one_line(notification)).await;
            sent.map_err(|_| self.shared.blame.unreachable("its input is closed"))
        }
        .boxed()
    }

    fn settle(&self, _version: Version) {}

    fn is_open(&self) -> bool {
        self.shared.board.is_open()
    }

    fn close(&self) -> BoxFuture<'static, ()> {
        let shared = Arc::clone(&self.shared);
        shared.board.close(&shared.blame.unreachable("the gateway closed the session"));
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
                Ok(Some(Line::Cut(_))) => self.too_large(),
                Ok(None) | Err(_) => break,
            }
        }
        let how = timeout(LAST_BREATH, self.process.ended()).await;
        let how = how.unwrap_or_else(|_| "closed its output".to_owned());
        if self.board.is_open() {
            let fault = self.blame.unreachable(format!("the process {how}{}", self.process.last_words()));
            tracing::warn!(server = %self.blame.server(), "{}", fault.inside);
            if !self.answered.load(Ordering::Relaxed) {
                self.restart.failed();
            }
            self.board.close(&fault);
        }
        self.process.stop.cancel();
    }

    fn take(&self, line: Bytes) {
        let blank = line.iter().all(u8::is_ascii_whitespace);
        match Message::parse_reply(line) {
            Ok(Message::Response(response)) => self.end(response),
            Ok(Message::Notification(notification)) => self.notify(notification),
            Ok(Message::Request(request)) => self.post(asks::answer(&request)),
            Err(_) if blank => {}
            // Programs print all sorts of things on the wrong stream; one stray line must not end every session.
            Err(fault) => tracing::warn!(server = %self.blame.server(), "a line on stdout is no message: {fault}"),
        }
    }

    fn end(&self, response: Response) {
        if !self.answered.swap(true, Ordering::Relaxed) {
            self.restart.worked();
        }
        let id = match &response.id {
            Some(id) => id.as_number(),
            None => self.board.only(),
        };
        if !id.is_some_and(|id| self.board.end(id, Ok(response))) {
            tracing::debug!(server = %self.blame.server(), "a response nobody waits for is passed over");
        }
    }

    fn notify(&self, notification: Notification) {
        let subscription = listening::id_of(&notification);
        let told = match notification.method.as_str() {
            "notifications/progress" => self.told(translate::progress_token(&notification), notification),
            "notifications/cancelled" => self.told(listening::cancelled(&notification), notification),
            _ => self.board.notify(subscription, notification),
        };
        if told {
            return;
        }
        if let Some(id) = subscription.filter(|id| self.board.end(*id, Err(listening::outrun(&self.blame)))) {
            self.cancel(id);
        }
        tracing::debug!(server = %self.blame.server(), "a notification that belongs to no call is passed over");
    }

    /// Tells a call of what names it and could be about no other.
    fn told(&self, id: Option<u64>, notification: Notification) -> bool {
        id.is_some_and(|id| self.board.notify(Some(id), notification))
    }

    /// Tells the process that nobody waits for a reply any more.
    fn cancel(&self, id: u64) {
        let params = format!(r#"{{"requestId":{id},"reason":"the client left"}}"#);
        self.post(compose::notification(Method::CANCELLED.as_str(), Some(params.as_bytes())));
    }

    /// Whose answer an oversized line is cannot be known, unless only one call waits.
    fn too_large(&self) {
        let fault = self.blame.too_large(self.limit);
        match self.board.only() {
            Some(id) => drop(self.board.end(id, Err(fault))),
            None => {
                self.board.close(&fault);
                self.process.stop.cancel();
            }
        }
    }

    /// Sends what nobody waits for; lost if the process does not read.
    fn post(&self, message: Bytes) {
        if self.outbox.try_send(one_line(message)).is_err() {
            tracing::debug!(server = %self.blame.server(), "the process does not read, a message is left out");
        }
    }
}

/// A call under way: cancelled at the server when this is dropped before its end.
struct Ongoing {
    shared: Arc<Shared>,
    id: u64,
    cancellable: bool,
}

impl Ongoing {
    fn events(self, awaited: Awaited) -> BoxStream<'static, Result<Event, Fault>> {
        stream::unfold(Some((self, awaited, None)), |state| async {
            let (call, mut awaited, mut end) = state?;
            if end.is_none() {
                tokio::select! {
                    biased;
                    Some(notification) = awaited.notifications.recv() => {
                        return Some((Ok(Event::Notification(notification)), Some((call, awaited, None))));
                    }
                    ended = &mut awaited.end => end = Some(ended.unwrap_or_else(|_| Err(ended_early(&call.shared.blame)))),
                }
            }
            // What was said before the end is said first.
            if let Ok(notification) = awaited.notifications.try_recv() {
                return Some((Ok(Event::Notification(notification)), Some((call, awaited, end))));
            }
            end.map(|end| (end.map(Event::End), None))
        })
        .boxed()
    }
}

impl Drop for Ongoing {
    fn drop(&mut self) {
        if self.shared.board.leave(self.id) && self.cancellable {
            self.shared.cancel(self.id);
        }
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
