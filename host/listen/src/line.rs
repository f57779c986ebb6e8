//! The one line to a client that hears everything on it: replies, questions, and what servers say outside calls.

use bytes::Bytes;
use cardea_chain::Listener;
use cardea_message::Notification;
use tokio::sync::mpsc;

use crate::walking::Walking;

/// Messages that may wait for the client to read.
const WAITING: usize = 64;

/// Where messages to the client go in. They come out in the same order.
#[derive(Clone, Debug)]
pub(crate) struct Line(mpsc::Sender<Vec<Bytes>>);

impl Line {
    /// A line, and the end the client reads: each message in pieces.
    pub(crate) fn new() -> (Self, mpsc::Receiver<Vec<Bytes>>) {
        let (sender, receiver) = mpsc::channel(WAITING);
        (Self(sender), receiver)
    }

    /// Says a message, once a client that reads slowly has room for it. False if nobody hears any more.
    pub(crate) async fn say(&self, message: Vec<Bytes>) -> bool {
        self.0.send(message).await.is_ok()
    }

    /// Says what a call says, to its end.
    pub(crate) async fn bring(self, walking: Walking) {
        let Walking { asked, mut notes, mut end } = walking;
        let last = loop {
            tokio::select! {
                biased;
                Some(note) = notes.recv() => if !self.say(vec![note.bytes().clone()]).await { return },
                reply = &mut end => break reply,
            }
        };
        while let Ok(note) = notes.try_recv() {
            self.say(vec![note.bytes().clone()]).await;
        }
        if let Some(reply) = last {
            self.say(reply.into_message(&asked.id, &asked.method, asked.name.as_deref())).await;
        }
    }
}

impl Listener for Line {
    fn hear(&self, notification: &Notification) {
        if self.0.try_send(vec![notification.bytes().clone()]).is_err() {
            tracing::warn!(method = notification.method.as_str(), "lost: the client does not read what is said to it");
        }
    }
}
