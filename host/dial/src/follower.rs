//! What a client's session has subscribed to at a server: kept beyond the server's own session or stream, which may be lost
//! and renewed.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cardea_chain::Listener;
use cardea_message::Method;

/// The URIs that one session of a client has subscribed to.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    uris: Mutex<BTreeSet<Box<str>>>,
}

/// The client's session that alone has to do with a session of a server.
#[derive(Clone)]
pub(crate) struct Follower {
    /// Who takes what the server says outside calls.
    pub(crate) listener: Arc<dyn Listener>,
    pub(crate) subscriptions: Arc<Subscriptions>,
}

impl Subscriptions {
    /// A server has taken a request of the client's.
    pub(crate) fn taken(&self, method: &Method, uri: &str) {
        if *method == Method::RESOURCES_SUBSCRIBE {
            self.uris().insert(uri.into());
        } else if *method == Method::RESOURCES_UNSUBSCRIBE {
            self.uris().remove(uri);
        }
    }

    /// A server does not take it any more.
    pub(crate) fn lost(&self, uri: &str) {
        self.uris().remove(uri);
    }

    /// All of them, as they are now.
    pub(crate) fn all(&self) -> Vec<Box<str>> {
        self.uris().iter().cloned().collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.uris().is_empty()
    }

    fn uris(&self) -> MutexGuard<'_, BTreeSet<Box<str>>> {
        self.uris.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// True for what only a client that can be told something outside calls has a use for.
pub(crate) fn subscribes(method: &Method) -> bool {
    *method == Method::RESOURCES_SUBSCRIBE || *method == Method::RESOURCES_UNSUBSCRIBE
}
