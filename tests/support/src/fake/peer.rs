//! The way back to the client of one request: what is said before its end, and what is asked of the client meanwhile.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use crate::message::{self, Message};

/// Where the messages of one request go.
#[derive(Clone)]
pub(crate) struct Peer {
    outbox: mpsc::UnboundedSender<String>,
    asks: Arc<Asks>,
    /// The headers of the HTTP request; none over standard input and output.
    pub(crate) headers: Option<Value>,
}

/// Questions to clients that wait for their answer.
#[derive(Default)]
pub(crate) struct Asks {
    last: AtomicU64,
    waiting: Mutex<HashMap<String, oneshot::Sender<String>>>,
}

impl Peer {
    pub(crate) fn new(outbox: mpsc::UnboundedSender<String>, asks: &Arc<Asks>, headers: Option<Value>) -> Self {
        Self { outbox, asks: Arc::clone(asks), headers }
    }

    /// Says one line. A client that is gone does not hear it.
    pub(crate) fn say(&self, line: impl Into<String>) {
        let _ = self.outbox.send(line.into());
    }

    /// Says a notification.
    pub(crate) fn notify(&self, method: &str, params: &Value) {
        self.say(message::notification(method, params));
    }

    /// Asks the client, and waits for what it answers.
    pub(crate) async fn ask(&self, method: &str) -> String {
        let (id, answer) = self.asks.open();
        self.say(format!(r#"{{"jsonrpc":"2.0","id":"{id}","method":"{method}","params":{{}}}}"#));
        answer.await.unwrap_or_else(|_| r#"{"error":"no answer"}"#.to_owned())
    }
}

impl Asks {
    /// Takes the answer to a question. One that nobody asked is dropped.
    pub(crate) fn answered(&self, message: Message) {
        let id = message.id.as_ref().and_then(|id| serde_json::from_str::<String>(id.get()).ok()).unwrap_or_default();
        let asker = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        if let Some((asker, answer)) = asker.zip(message.into_answer()) {
            let _ = asker.send(answer);
        }
    }

    fn open(&self) -> (String, oneshot::Receiver<String>) {
        let id = format!("ask-{}", self.last.fetch_add(1, Ordering::Relaxed) + 1);
        let (sender, receiver) = oneshot::channel();
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), sender);
        (id, receiver)
    }
}
