//! What happens on one connection: exchanges under way, silence, heads that arrive too slowly.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::Version;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::Limits;
use crate::head::HeadScanner;
use crate::sse::Stoppable;

/// Shared by a connection's transport, which reports bytes, and its service, which reports exchanges.
#[derive(Debug)]
pub(crate) struct Activity {
    now: Mutex<Now>,
    /// Told when the connection has served its share of exchanges.
    pub(crate) worn: Notify,
    /// Told when the connection is asked to go: what would never end by itself ends then.
    pub(crate) leaving: CancellationToken,
    max_exchanges: u64,
}

#[derive(Debug)]
struct Now {
    under_way: usize,
    served: u64,
    http2: bool,
    quiet_since: Instant,
    head_since: Option<Instant>,
    head: HeadScanner,
    /// Event streams of which a piece was handed out and no further one asked for, with the moment of it.
    unread: HashMap<u64, (Instant, Stoppable)>,
}

/// An exchange under way; its drop is the end.
#[derive(Debug)]
pub(crate) struct Exchange {
    activity: Arc<Activity>,
    number: u64,
    waits: bool,
    /// True if its head is known to be framed once at most.
    pub(crate) framed_once: bool,
}

/// What a connection that is looked at deserves.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Leave it.
    Fine,
    /// Nothing happened for too long.
    Idle,
    /// A request head, or the first one, takes too long.
    Loitering,
}

impl Activity {
    pub(crate) fn new(max_exchanges: u64) -> Arc<Self> {
        let now = Now {
            under_way: 0,
            served: 0,
            http2: false,
            quiet_since: Instant::now(),
            head_since: None,
            head: HeadScanner::default(),
            unread: HashMap::new(),
        };
        Arc::new(Self { now: Mutex::new(now), worn: Notify::new(), leaving: CancellationToken::new(), max_exchanges })
    }

    /// Bytes came from the client.
    pub(crate) fn read(&self, bytes: &[u8]) {
        let mut now = self.now();
        if now.under_way == 0 && !now.http2 {
            now.head_since.get_or_insert_with(Instant::now);
            now.head.feed(bytes);
        }
    }

    /// A request has arrived with its whole head.
    pub(crate) fn begin(self: &Arc<Self>, version: Version) -> Exchange {
        let mut now = self.now();
        now.under_way += 1;
        now.served += 1;
        now.http2 = version == Version::HTTP_2;
        now.head_since = None;
        if now.served == self.max_exchanges {
            self.worn.notify_one();
        }
        let framed_once = now.http2 || std::mem::take(&mut now.head).framed_once();
        Exchange { activity: Arc::clone(self), number: now.served, waits: false, framed_once }
    }

    /// How the connection stands.
    pub(crate) fn standing(&self, limits: &Limits) -> Standing {
        let now = self.now();
        if now.under_way > 0 {
            return Standing::Fine;
        }
        let waits_for_head = if now.served == 0 { Some(now.quiet_since) } else { now.head_since };
        match waits_for_head {
            Some(since) if since.elapsed() > limits.header_timeout => Standing::Loitering,
            _ if now.quiet_since.elapsed() > limits.idle_timeout => Standing::Idle,
            _ => Standing::Fine,
        }
    }

    /// Ends event streams that are not read. Over HTTP/2 they do not show on the wire, where the others go on.
    pub(crate) fn cut_unread(&self, limits: &Limits) {
        let stalled: Vec<(Instant, Stoppable)> = {
            let mut now = self.now();
            now.unread.extract_if(|_, (since, _)| since.elapsed() > limits.write_stall).map(|(_, cut)| cut).collect()
        };
        // Dropping a call runs code of others: not under our lock.
        stalled.into_iter().for_each(|(_, events)| events.stop());
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Exchange {
    /// Says that the connection is asked to go.
    pub(crate) fn leaving(&self) -> &CancellationToken {
        &self.activity.leaving
    }

    /// A piece of an event stream was handed out.
    pub(crate) fn handed_out(&mut self, events: &Stoppable) {
        self.waits = true;
        self.activity.now().unread.insert(self.number, (Instant::now(), events.clone()));
    }

    /// The next piece is asked for: the one before went its way.
    pub(crate) fn asked_for(&mut self) {
        if std::mem::take(&mut self.waits) {
            self.activity.now().unread.remove(&self.number);
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.asked_for();
        let mut now = self.activity.now();
        now.under_way -= 1;
        now.quiet_since = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::time::Duration;

    use tokio::sync::mpsc;

    use super::*;
    use crate::sse::Events;

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_idle_only_without_an_exchange() {
        let limits = Limits::default();
        let activity = Activity::new(10);
        let exchange = activity.begin(Version::HTTP_11);
        tokio::time::advance(limits.idle_timeout * 2).await;
        assert_eq!(activity.standing(&limits), Standing::Fine);
        drop(exchange);
        assert_eq!(activity.standing(&limits), Standing::Fine);
        tokio::time::advance(limits.idle_timeout + Duration::from_millis(1)).await;
        assert_eq!(activity.standing(&limits), Standing::Idle);
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_trickles_in_loiters_and_so_does_a_client_that_never_begins() {
        let limits = Limits::default();
        let beginning = limits.header_timeout + Duration::from_millis(1);
        let silent = Activity::new(10);
        let slow = Activity::new(10);
        drop(slow.begin(Version::HTTP_11));
        slow.read(b"POST /mcp HT");
        tokio::time::advance(beginning).await;
        slow.read(b"TP/1.1\r\n");
        assert_eq!(silent.standing(&limits), Standing::Loitering);
        assert_eq!(slow.standing(&limits), Standing::Loitering);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_is_not_read_is_stopped_and_one_that_waits_for_its_server_is_not() {
        let limits = Limits::default();
        let activity = Activity::new(10);
        let mut exchange = activity.begin(Version::HTTP_2);
        let (_sender, notes) = mpsc::channel::<Box<cardea_message::Message>>(1);
        let events = Stoppable::new(Events::new(notes, Box::pin(pending()), limits.keep_alive));
        exchange.handed_out(&events);
        exchange.asked_for();
        tokio::time::advance(limits.write_stall * 2).await;
        activity.cut_unread(&limits);
        assert!(!events.is_stopped());
        exchange.handed_out(&events);
        tokio::time::advance(limits.write_stall + Duration::from_millis(1)).await;
        activity.cut_unread(&limits);
        assert!(events.is_stopped());
    }

    #[tokio::test]
    async fn what_was_sent_ahead_of_its_turn_is_not_known_to_be_framed_once() {
        let activity = Activity::new(10);
        activity.read(
            b"POST /mcp HTTP/1.1\r\nContent-Length: 0\r\n\r\nPOST /mcp HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        );
        assert!(activity.begin(Version::HTTP_11).framed_once);
        assert!(!activity.begin(Version::HTTP_11).framed_once);
    }
}
