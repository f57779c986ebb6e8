//! A question of a server to the client of a call, and the way back for its answer.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use cardea_message::{ErrorObject, Id, Method, compose};
use tokio::sync::oneshot;

/// What a client answers: a raw result, or an error.
pub type Answered = Result<Bytes, ErrorObject>;

/// What a server asks of the client in the middle of a call. Dropped without an answer, it is refused.
#[derive(Debug)]
pub struct Ask {
    /// The gateway's own id of it, under which clients hear it. No two asks of a process share one.
    pub id: u64,
    /// `elicitation/create`, `sampling/createMessage` or `roots/list`.
    pub method: Method,
    /// Its `params`, raw JSON.
    pub params: Option<Bytes>,
    answer: oneshot::Sender<Answered>,
}

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

impl Ask {
    /// A question, and where its answer comes out: an error of the channel if there is none.
    pub fn new(method: Method, params: Option<Bytes>) -> (Self, oneshot::Receiver<Answered>) {
        let (answer, answered) = oneshot::channel();
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        (Self { id, method, params, answer }, answered)
    }

    /// The same question once more, under the same id, for somebody who sees its answer before it goes on.
    pub(crate) fn relayed(&self, params: Option<Bytes>) -> (Self, oneshot::Receiver<Answered>) {
        let (answer, answered) = oneshot::channel();
        (Self { id: self.id, method: self.method.clone(), params, answer }, answered)
    }

    /// The request a client with a session gets.
    pub fn message(&self) -> Bytes {
        compose::request(&Id::number(self.id), self.method.as_str(), self.params.as_deref())
    }

    /// Hands the answer over. A server that no longer waits for it hears nothing.
    pub fn answer(self, answered: Answered) {
        let _ = self.answer.send(answered);
    }

    /// Comes back once the server no longer waits for an answer.
    pub(crate) async fn withdrawn(&mut self) {
        self.answer.closed().await;
    }

    /// True once the server no longer waits for an answer.
    pub fn is_withdrawn(&self) -> bool {
        self.answer.is_closed()
    }
}
