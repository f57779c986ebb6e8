//! The two ways to a server behind a URL: streamable HTTP, and HTTP+SSE, which it replaced.

use std::sync::Arc;

use bytes::Bytes;
use cardea_chain::{Fault, Listener};
use cardea_message::Version;
use futures_util::future::BoxFuture;

use crate::http::connection::HttpConnection;
use crate::http::events::EventsConnection;
use crate::wire::{Connection, Failure, Incoming, Outgoing};

/// A connection, whichever way it goes.
pub(crate) enum Road {
    Streamable(HttpConnection),
    Events(EventsConnection),
}

impl Road {
    fn connection(&self) -> &dyn Connection {
        match self {
            Self::Streamable(connection) => connection,
            Self::Events(connection) => connection,
        }
    }
}

impl Connection for Road {
    fn ask(&self, request: Outgoing) -> BoxFuture<'_, Result<Incoming, Failure>> {
        self.connection().ask(request)
    }

    fn tell(&self, notification: Bytes) -> BoxFuture<'_, Result<(), Fault>> {
        self.connection().tell(notification)
    }

    fn settle(&self, version: Version) {
        self.connection().settle(version);
    }

    fn follow(&self, listener: &Arc<dyn Listener>) {
        self.connection().follow(listener);
    }

    fn listen(&self) -> BoxFuture<'_, ()> {
        self.connection().listen()
    }

    fn is_open(&self) -> bool {
        self.connection().is_open()
    }

    fn close(&self) -> BoxFuture<'static, ()> {
        self.connection().close()
    }
}
