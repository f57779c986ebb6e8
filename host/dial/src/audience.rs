//! Who hears what a legacy server says outside calls in one session: the client whose session it is, and those who listen as
//! 2026-07-28 has it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use cardea_chain::Listener;
use cardea_message::{Filter, Notification};
use tokio::sync::mpsc;

/// News that one who listens may leave unread.
const UNREAD: usize = 64;

/// Everybody who hears what is said in one session.
#[derive(Default)]
pub(crate) struct Audience {
    /// How often the server said that a list has changed.
    changes: Arc<AtomicU64>,
    client: OnceLock<Arc<dyn Listener>>,
    ears: Mutex<Ears>,
}

#[derive(Default)]
struct Ears {
    next: u64,
    open: HashMap<u64, Ear>,
    /// How many of them want to hear of a URI.
    uris: HashMap<String, usize>,
}

struct Ear {
    wanted: Filter,
    news: mpsc::Sender<Notification>,
    overrun: Arc<AtomicBool>,
}

/// The news for one who listens.
pub(crate) struct News {
    /// Names it among those of its session.
    pub(crate) ear: u64,
    heard: mpsc::Receiver<Notification>,
    overrun: Arc<AtomicBool>,
}

impl Audience {
    /// An audience before which changes are counted here.
    pub(crate) fn counted(changes: &Arc<AtomicU64>) -> Arc<Self> {
        Arc::new(Self { changes: Arc::clone(changes), ..Self::default() })
    }

    /// Lets the client hear whose session it is. A second one does not.
    pub(crate) fn admit(&self, client: &Arc<dyn Listener>) {
        self.client.get_or_init(|| Arc::clone(client));
    }

    /// Notes a notification that does not come this way.
    pub(crate) fn note(&self, notification: &Notification) {
        if notification.method.is_list_changed() {
            self.changes.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Opens an ear for lists. URIs are [added](Self::add) one by one.
    pub(crate) fn open(&self, lists: Filter) -> News {
        let (news, heard) = mpsc::channel(UNREAD);
        let overrun = Arc::<AtomicBool>::default();
        let mut ears = self.ears();
        let ear = ears.next;
        ears.next += 1;
        ears.open.insert(ear, Ear { wanted: lists, news, overrun: Arc::clone(&overrun) });
        News { ear, heard, overrun }
    }

    /// Adds a URI to what an ear wants. True if no other wants it yet.
    pub(crate) fn add(&self, ear: u64, uri: &str) -> bool {
        let mut ears = self.ears();
        let Some(open) = ears.open.get_mut(&ear) else { return false };
        open.wanted.uris.push(uri.to_owned());
        let count = ears.uris.entry(uri.to_owned()).or_default();
        *count += 1;
        *count == 1
    }

    /// Takes a URI out again that the server does not tell of.
    pub(crate) fn take_back(&self, ear: u64, uri: &str) {
        let mut ears = self.ears();
        if let Some(open) = ears.open.get_mut(&ear) {
            open.wanted.uris.retain(|wanted| wanted != uri);
            ears.let_go(uri);
        }
    }

    /// Closes an ear. Comes back with the URIs that nobody wants any more.
    pub(crate) fn close(&self, ear: u64) -> Vec<String> {
        let mut ears = self.ears();
        let Some(Ear { wanted, .. }) = ears.open.remove(&ear) else { return Vec::new() };
        wanted.uris.into_iter().filter(|uri| ears.let_go(uri)).collect()
    }

    /// Whether any ear wants to hear of a URI.
    pub(crate) fn wants(&self, uri: &str) -> bool {
        self.ears().uris.contains_key(uri)
    }

    /// Whether anybody listens as 2026-07-28 has it.
    pub(crate) fn has_ears(&self) -> bool {
        !self.ears().open.is_empty()
    }

    fn ears(&self) -> MutexGuard<'_, Ears> {
        self.ears.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener for Audience {
    fn hear(&self, notification: &Notification) {
        self.note(notification);
        self.client.get().inspect(|client| client.hear(notification));
        for ear in self.ears().open.values().filter(|ear| ear.wanted.wants(notification)) {
            if ear.news.try_send(notification.clone()).is_err() {
                ear.overrun.store(true, Ordering::Relaxed);
            }
        }
    }
}

impl Ears {
    /// One less wants to hear of a URI. True if it was the last.
    fn let_go(&mut self, uri: &str) -> bool {
        let Some(count) = self.uris.get_mut(uri) else { return false };
        *count -= 1;
        let last = *count == 0;
        if last {
            self.uris.remove(uri);
        }
        last
    }
}

impl News {
    /// The next; none once so many came unread that some are lost.
    pub(crate) async fn next(&mut self) -> Option<Notification> {
        if self.overrun.load(Ordering::Relaxed) {
            return None;
        }
        self.heard.recv().await
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use cardea_message::{Message, compose};
    use futures_util::FutureExt;

    use super::*;

    fn note(method: &str, params: &str) -> Notification {
        match Message::parse(compose::notification(method, Some(params.as_bytes()))).unwrap() {
            Message::Notification(notification) => notification,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_ear_hears_what_it_wants_and_a_uri_is_wanted_until_the_last_lets_go() {
        let audience = Audience::default();
        let mut lists = audience.open(Filter { tools: true, ..Filter::default() });
        let mut first = audience.open(Filter::default());
        let second = audience.open(Filter::default());
        assert!(audience.add(first.ear, "a:b") && !audience.add(second.ear, "a:b"));
        audience.hear(&note("notifications/resources/updated", r#"{"uri":"a:b"}"#));
        assert!(first.next().now_or_never().flatten().is_some() && lists.next().now_or_never().is_none());
        audience.hear(&note("notifications/tools/list_changed", "{}"));
        assert!(first.next().now_or_never().is_none() && lists.next().now_or_never().flatten().is_some());
        assert_eq!(audience.changes.load(Ordering::Relaxed), 1);
        assert!(audience.close(first.ear).is_empty());
        assert_eq!(audience.close(second.ear), ["a:b"]);
        assert!(audience.has_ears() && audience.close(lists.ear).is_empty() && !audience.has_ears());
    }

    #[test]
    fn who_does_not_read_hears_no_more() {
        let audience = Audience::default();
        let mut news = audience.open(Filter { tools: true, ..Filter::default() });
        for _ in 0..=UNREAD {
            audience.hear(&note("notifications/tools/list_changed", "{}"));
        }
        assert!(news.next().now_or_never().unwrap().is_none());
    }
}
