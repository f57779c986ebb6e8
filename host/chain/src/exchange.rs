//! What a server says between taking a call and ending it, and where the corridor lets it out again.

use std::pin::Pin;

use cardea_message::{Notification, Response};
use futures_util::Stream;
use tokio::sync::mpsc;

use crate::Fault;

/// A call under way at a server. Dropping it cancels the call there.
pub enum Exchange {
    /// The server has answered already: the common case, which costs no stream.
    Ended(Response),
    /// The gateway answered in the server's place, for example `server/discover` for a legacy server: raw result.
    Composed(bytes::Bytes),
    /// Notifications first, one end last. A stream that ends without [`Event::End`] is a dead server.
    Open(Pin<Box<dyn Stream<Item = Result<Event, Fault>> + Send>>),
}

/// One thing a server says about a call.
#[derive(Debug)]
pub enum Event {
    /// Progress, a log message, or a notification the gateway does not know. Its tokens are the client's own again.
    Notification(Notification),
    /// The end.
    End(Response),
}

/// Where notifications of a call go. Bounded: a client that reads slowly slows its server down, and nobody else.
#[derive(Clone, Debug)]
pub struct Outlet(mpsc::Sender<Box<Notification>>);

impl Outlet {
    /// An outlet and the end it leads to.
    ///
    /// Boxed, because a channel makes room for 32 at once, and most calls send none.
    pub fn new(bound: usize) -> (Self, mpsc::Receiver<Box<Notification>>) {
        let (sender, receiver) = mpsc::channel(bound);
        (Self(sender), receiver)
    }

    /// Lets a notification out. Without a reader it is gone, which is what a client that left asked for.
    pub async fn send(&self, notification: Notification) {
        let _ = self.0.send(Box::new(notification)).await;
    }

    /// Waits until nobody reads any more: the client left, or its door wants to hear no more.
    pub async fn closed(&self) {
        self.0.closed().await;
    }
}
