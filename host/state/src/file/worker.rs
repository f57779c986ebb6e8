//! A thread that owns a connection to the file. What waits together is committed together, and answered after that.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::broken;
use crate::StateFault;

/// Jobs that may wait for the thread.
const WAITING: usize = 4096;
/// Jobs of one commit.
const TOGETHER: usize = 256;

type Answer = Box<dyn FnOnce(&Result<(), StateFault>) + Send>;
type Run = Box<dyn FnOnce(&Connection) -> Answer + Send>;

struct Job {
    durable: bool,
    run: Run,
}

/// What the thread does by itself, some time after it was nudged.
pub(super) type Chore = Box<dyn FnMut(&Connection) -> Result<(), StateFault> + Send>;

enum Message {
    Job(Job),
    Nudge,
}

/// The thread. It finishes what waits when this is dropped.
pub(super) struct Worker {
    messages: Option<SyncSender<Message>>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts the thread. It does its chore `after` it was nudged, and once more at the end.
    pub(super) fn start(connection: Connection, after: Duration, chore: Chore) -> std::io::Result<Self> {
        let (messages, receiver) = sync_channel(WAITING);
        let work = move || Thread { connection, after, chore, due: None }.work(&receiver);
        let thread = std::thread::Builder::new().name("cardea-state".to_owned()).spawn(work)?;
        Ok(Self { messages: Some(messages), thread: Some(thread) })
    }

    /// Does something in a transaction and answers when it is committed; if it is to be `durable`, when the disk has it.
    /// What failed leaves nothing behind.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        durable: bool,
        work: impl FnOnce(&Connection) -> Result<T, StateFault> + Send + 'static,
    ) -> Result<T, StateFault> {
        let (answer, answered) = oneshot::channel();
        let run: Run = Box::new(move |connection| {
            let done = alone(connection, work);
            Box::new(move |committed| {
                // Whoever asked may be gone.
                let _ = answer.send(committed.clone().and(done));
            })
        });
        self.send(Message::Job(Job { durable, run }))?;
        answered.await.unwrap_or_else(|_| Err(ended()))
    }

    /// Reminds the thread of its chore. One that is too busy for that is reminded by the next nudge.
    pub(super) fn nudge(&self) {
        let _ = self.send(Message::Nudge);
    }

    fn send(&self, message: Message) -> Result<(), StateFault> {
        let messages = self.messages.as_ref().ok_or_else(ended)?;
        messages.try_send(message).map_err(|error| match error {
            TrySendError::Full(_) => {
                StateFault::Full(format!("{WAITING} changes of the state file wait to be written already"))
            }
            TrySendError::Disconnected(_) => ended(),
        })
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.messages = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of the state file panicked");
        }
    }
}

struct Thread {
    connection: Connection,
    after: Duration,
    chore: Chore,
    due: Option<Instant>,
}

impl Thread {
    fn work(mut self, messages: &Receiver<Message>) {
        loop {
            match self.next(messages) {
                Ok(Message::Job(first)) => self.commit(first, messages),
                Ok(Message::Nudge) => self.remember(),
                Err(RecvTimeoutError::Timeout) => self.chore(),
                Err(RecvTimeoutError::Disconnected) => return self.chore(),
            }
        }
    }

    fn next(&self, messages: &Receiver<Message>) -> Result<Message, RecvTimeoutError> {
        match self.due {
            Some(due) => messages.recv_timeout(due.saturating_duration_since(Instant::now())),
            None => messages.recv().map_err(|_| RecvTimeoutError::Disconnected),
        }
    }

    fn remember(&mut self) {
        self.due.get_or_insert_with(|| Instant::now() + self.after);
    }

    fn chore(&mut self) {
        self.due = None;
        if let Err(fault) = transaction(&self.connection, false, || (self.chore)(&self.connection)) {
            tracing::error!("counters are not written down: {fault}");
            self.remember();
        }
    }

    fn commit(&mut self, first: Job, messages: &Receiver<Message>) {
        let mut jobs = vec![first];
        while jobs.len() < TOGETHER
            && let Ok(message) = messages.try_recv()
        {
            match message {
                Message::Job(job) => jobs.push(job),
                Message::Nudge => self.remember(),
            }
        }
        let durable = jobs.iter().any(|job| job.durable);
        let mut answers = Vec::new();
        let committed = transaction(&self.connection, durable, || {
            answers.extend(jobs.into_iter().map(|job| (job.run)(&self.connection)));
            Ok(())
        });
        answers.into_iter().for_each(|answer| answer(&committed));
        // A stream of jobs must not put off the chore for ever.
        if self.due.is_some_and(|due| due <= Instant::now()) {
            self.chore();
        }
    }
}

fn transaction(
    connection: &Connection,
    durable: bool,
    work: impl FnOnce() -> Result<(), StateFault>,
) -> Result<(), StateFault> {
    let level = if durable { "FULL" } else { "NORMAL" };
    connection.execute_batch(&format!("PRAGMA synchronous = {level}; BEGIN")).map_err(broken)?;
    let done = work().and_then(|()| connection.execute_batch("COMMIT").map_err(broken));
    if done.is_err() && !connection.is_autocommit() {
        // If even this fails, the next BEGIN says so.
        let _ = connection.execute_batch("ROLLBACK");
    }
    done
}

/// One job among others: if it fails, it alone is undone.
fn alone<T>(connection: &Connection, work: impl FnOnce(&Connection) -> Result<T, StateFault>) -> Result<T, StateFault> {
    connection.execute_batch("SAVEPOINT job").map_err(broken)?;
    let done = work(connection);
    let end = if done.is_ok() { "RELEASE job" } else { "ROLLBACK TO job; RELEASE job" };
    connection.execute_batch(end).map_err(broken)?;
    done
}

fn ended() -> StateFault {
    StateFault::Unavailable("the state file is closed".to_owned())
}
