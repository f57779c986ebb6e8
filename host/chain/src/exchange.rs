//! What a server says between taking a call and ending it, and where the corridor lets it out again.

use std::pin::Pin;
use std::sync::Arc;

use cardea_message::{Message, Notification, Response};
use futures_util::Stream;
use tokio::sync::mpsc;

use crate::{Ask, Fault};

/// A call under way at a server. Dropping it cancels the call there.
pub enum Exchange {
    /// The server has answered already: the common case, which costs no stream.
    Ended(Response),
    /// The gateway answered in the server's place, for example `server/discover` for a legacy server: raw result.
    Composed(bytes::Bytes),
    /// Notifications and asks first, one end last. A stream that ends without [`Event::End`] is a dead server.
    Open(Pin<Box<dyn Stream<Item = Result<Event, Fault>> + Send>>),
}

/// One thing a server says about a call.
#[derive(Debug)]
pub enum Event {
    /// Progress, a log message, or a notification the gateway does not know. Its tokens are the client's own again.
    Notification(Notification),
    /// It wants to know something of the client before it goes on.
    Ask(Ask),
    /// The end.
    End(Response),
}

/// Whoever can be asked in the middle of a call: a client with a session, which answers in a message of its own.
pub trait Answerer: Send + Sync + 'static {
    /// Keeps an ask until it is answered or its call ends. False if no more can be kept; the ask is then refused.
    fn keep(&self, ask: Ask) -> bool;
}

/// Where a server's messages leave for the client of a call. Bounded: a client that reads slowly slows its server down, and
/// nobody else.
#[derive(Clone)]
pub struct Outlet {
    messages: mpsc::Sender<Box<Message>>,
    answerer: Option<Arc<dyn Answerer>>,
}

impl Outlet {
    /// An outlet and the end it leads to. Nobody behind it can be asked.
    ///
    /// Boxed, because a channel makes room for 32 at once, and most calls send none.
    pub fn new(bound: usize) -> (Self, mpsc::Receiver<Box<Message>>) {
        let (messages, receiver) = mpsc::channel(bound);
        (Self { messages, answerer: None }, receiver)
    }

    /// The same outlet, with somebody behind it who can be asked.
    #[must_use]
    pub fn to(self, answerer: Arc<dyn Answerer>) -> Self {
        Self { answerer: Some(answerer), ..self }
    }

    /// Lets a notification out. Without a reader it is gone, which is what a client that left asked for.
    pub async fn send(&self, notification: Notification) {
        let _ = self.messages.send(Box::new(Message::Notification(notification))).await;
    }

    /// Lets an ask out. False if nobody can be asked: the ask is then refused already.
    pub async fn ask(&self, ask: Ask) -> bool {
        let Some(answerer) = &self.answerer else { return false };
        let Ok(Message::Request(request)) = Message::parse_reply(ask.message()) else { return false };
        // The place first: an ask that is kept is one that reaches the client, and its answer finds it kept.
        let Ok(place) = self.messages.reserve().await else { return false };
        let kept = answerer.keep(ask);
        if kept {
            place.send(Box::new(Message::Request(request)));
        }
        kept
    }
}

impl std::fmt::Debug for Outlet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outlet").field("asks", &self.answerer.is_some()).finish_non_exhaustive()
    }
}
