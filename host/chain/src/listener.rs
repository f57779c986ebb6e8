//! The way to one session of a legacy client, for what a server says outside any call.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use cardea_message::Notification;

/// Hears what a server says outside any call: that a list has changed, that a resource was updated.
pub trait Listener: Send + Sync + 'static {
    /// Takes a notification and comes back at once: nobody waits for a client that does not read. What is kept for it is
    /// bounded; what is let go of is logged.
    fn hear(&self, notification: &Notification);
}

/// A session of a legacy client.
#[derive(Clone)]
pub struct ClientSession {
    id: Arc<str>,
    listener: Option<Arc<dyn Listener>>,
}

impl ClientSession {
    /// A session whose client can be told things outside calls. From a text alone, it is one that cannot.
    pub fn new(id: Arc<str>, listener: Arc<dyn Listener>) -> Self {
        Self { id, listener: Some(listener) }
    }

    /// Its id.
    pub fn id(&self) -> &Arc<str> {
        &self.id
    }

    /// Who takes what is said outside calls; none if no stream leads to the client.
    pub fn listener(&self) -> Option<&Arc<dyn Listener>> {
        self.listener.as_ref()
    }
}

impl Deref for ClientSession {
    type Target = str;

    fn deref(&self) -> &str {
        &self.id
    }
}

impl From<&str> for ClientSession {
    fn from(id: &str) -> Self {
        Self { id: id.into(), listener: None }
    }
}

impl fmt::Debug for ClientSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.id)
    }
}
