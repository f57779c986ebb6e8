//! What a way to a server must be able to do, whatever it is made of.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use cardea_chain::{Event, Fault, Listener};
use cardea_message::{Id, Method, Response, Version};
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, stream};
use http::{HeaderName, HeaderValue};

use crate::blame::Blame;
use crate::greeting::Greeting;

/// A way to a server: a URL, or a command.
pub(crate) trait Transport: Send + Sync + 'static {
    /// What it leads to.
    type Connection: Connection;

    /// Whether a server that passes over an unknown first message is a legacy one. Over HTTP silence is an outage.
    const SILENCE_IS_LEGACY: bool;

    /// Opens a connection. Nothing has been said on it yet.
    fn connect(&self) -> BoxFuture<'_, Result<Self::Connection, Fault>>;

    /// Opens a connection in the way that was there before the present one; none if there is no other.
    fn connect_older(&self) -> Option<BoxFuture<'_, Result<Self::Connection, Fault>>> {
        None
    }

    /// What the server speaks is about to be found out again: what was believed of the way to it counts no more.
    fn ask_anew(&self) {}

    /// Until when the server's answer to the probe is believed.
    fn believe_until(&self, greeting: &Greeting) -> Instant;
}

/// A connection on which requests are sent. Dropping it closes it, gracefully and in the background.
pub(crate) trait Connection: Send + Sync + 'static {
    /// Sends a request. Dropping the future or what it yields cancels the request at the server.
    fn ask(&self, request: Outgoing) -> BoxFuture<'_, Result<Incoming, Failure>>;

    /// Sends a notification.
    fn tell(&self, notification: Bytes) -> BoxFuture<'_, Result<(), Fault>>;

    /// `initialize` has settled on a legacy version: from here on this is a session.
    fn settle(&self, version: Version);

    /// Who takes what the server says outside calls, wherever it may say it. A second listener is not taken.
    fn follow(&self, listener: &Arc<dyn Listener>);

    /// From here on, what the server asks or says outside calls is heard wherever it may do so.
    fn listen(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    /// False once nothing can be sent on it any more.
    fn is_open(&self) -> bool;

    /// Begins to close it and says when that is done.
    fn close(&self) -> BoxFuture<'static, ()>;
}

/// A request on its way out.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    /// Its id on this connection; its progress token too.
    pub(crate) id: u64,
    /// Its method.
    pub(crate) method: Method,
    /// The whole message.
    pub(crate) body: Bytes,
    /// HTTP headers of this request alone.
    pub(crate) headers: Headers,
}

/// Headers on their way into a request: few, and each named once.
pub(crate) type Headers = Vec<(HeaderName, HeaderValue)>;

/// What comes back for a request.
pub(crate) enum Incoming {
    /// The end at once.
    Ended(Response),
    /// Notifications and asks first, the end last. Progress tokens are the gateway's.
    Open(Said),
}

/// What a server says about a request, as it says it.
pub(crate) type Said = BoxStream<'static, Result<Event, Fault>>;

/// A request that got nothing back.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// What that says about the server.
    pub(crate) kind: FailureKind,
    /// What to tell.
    pub(crate) fault: Fault,
}

/// What a failure says about a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// The connection broke while nothing had come back.
    Gone,
    /// The server refused the message without a word of MCP, as one of another era or transport does.
    Rejected,
    /// The server does not know the session any more and did nothing.
    SessionUnknown,
    /// Nothing that tells more.
    Other,
}

impl FailureKind {
    /// A failure of this kind.
    pub(crate) fn with(self, fault: Fault) -> Failure {
        Failure { kind: self, fault }
    }
}

impl Incoming {
    /// The same, with the first event looked at: most calls end without a notification and cost no stream.
    pub(crate) async fn settled(mut events: Said, blame: &Blame) -> Result<Self, Fault> {
        match events.next().await {
            Some(Ok(Event::End(response))) => Ok(Self::Ended(response)),
            Some(Ok(event)) => Ok(Self::Open(stream::iter([Ok(event)]).chain(events).boxed())),
            Some(Err(fault)) => Err(fault),
            None => Err(ended_early(blame)),
        }
    }

    /// All of it as a stream.
    pub(crate) fn into_events(self) -> Said {
        match self {
            Self::Ended(response) => stream::iter([Ok(Event::End(response))]).boxed(),
            Self::Open(events) => events,
        }
    }

    /// The end, with what is said before it passed over. Whatever is asked in between is refused.
    pub(crate) async fn end(self, blame: &Blame) -> Result<Response, Fault> {
        let mut events = match self {
            Self::Ended(response) => return Ok(response),
            Self::Open(events) => events,
        };
        while let Some(event) = events.next().await {
            if let Event::End(response) = event? {
                return Ok(response);
            }
        }
        Err(ended_early(blame))
    }
}

/// Whether a response is the one to a request. An error may lack an id: then it is about the only request there is.
pub(crate) fn answers(response: &Response, id: u64, alone: bool) -> bool {
    match &response.id {
        Some(answered) => answered.as_number() == Some(id) || *answered == Id::number(id),
        None => alone,
    }
}

/// The server stopped talking before it answered.
pub(crate) fn ended_early(blame: &Blame) -> Fault {
    blame.unreachable("the stream of the reply ended without a response")
}
