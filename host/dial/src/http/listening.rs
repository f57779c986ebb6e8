//! The stream on which a legacy server says what belongs to no request. Of all that can be, it is listened to for questions
//! alone: many servers put those there, though a call of their client waits for them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cardea_chain::Event;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

use crate::http::cancel::Cancellation;
use crate::http::client::HttpClient;
use crate::http::reply::{Reading, is_event_stream};
use crate::wire::{Failure, Headers, Incoming, Said};

/// How long the first answer is waited for: what is asked before the stream is there is lost.
const PATIENCE: Duration = Duration::from_secs(2);
/// How soon a stream that ended is opened again.
const PAUSE: Duration = Duration::from_secs(1);
/// Questions of a call that may wait to be heard.
const ASKS: usize = 16;

/// Listens until it is dropped.
pub(crate) struct Listening {
    callers: Arc<Callers>,
    task: AbortHandle,
}

/// The calls of one session that are under way.
#[derive(Default)]
struct Callers(Mutex<HashMap<u64, mpsc::Sender<Event>>>);

impl Listening {
    /// Opens the stream of a session, and says so. A server may have none.
    pub(crate) async fn open(client: &Arc<HttpClient>, headers: Headers) -> Self {
        let callers = Arc::<Callers>::default();
        let (opened, open) = oneshot::channel();
        let task = tokio::spawn(listen(Arc::clone(client), headers, Arc::clone(&callers), opened));
        // Whether it is open, was refused or takes its time: calls can be made.
        let _ = timeout(PATIENCE, open).await;
        Self { callers, task: task.abort_handle() }
    }

    /// Listens no longer.
    pub(crate) fn stop(&self) {
        self.task.abort();
    }

    /// What is asked while a call is the only one; none once nobody listens.
    pub(crate) fn join(&self, id: u64) -> Option<mpsc::Receiver<Event>> {
        if self.task.is_finished() {
            return None;
        }
        let (sender, asks) = mpsc::channel(ASKS);
        self.callers.open().insert(id, sender);
        Some(asks)
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Callers {
    /// Whose call a question belongs to cannot be known, unless only one is under way; any other is dropped, and so refused.
    fn tell(&self, event: Event) {
        let open = self.open();
        if let (Some(only), 1) = (open.values().next(), open.len()) {
            let _ = only.try_send(event);
        }
    }

    /// Without those that have ended.
    fn open(&self) -> MutexGuard<'_, HashMap<u64, mpsc::Sender<Event>>> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|_, caller| !caller.is_closed());
        open
    }
}

/// A reply with the questions that come beside it, also those that come before its first word.
pub(crate) async fn beside(
    mut reply: BoxFuture<'static, Result<Incoming, Failure>>,
    mut asks: mpsc::Receiver<Event>,
) -> Result<Incoming, Failure> {
    let first = tokio::select! {
        biased;
        incoming = &mut reply => return Ok(match incoming? {
            Incoming::Open(events) => Incoming::Open(merged(events, asks)),
            ended @ Incoming::Ended(_) => ended,
        }),
        Some(first) = asks.recv() => first,
    };
    let rest = reply.map(|incoming| match incoming {
        Ok(incoming) => incoming.into_events(),
        Err(failure) => stream::iter([Err(failure.fault)]).boxed(),
    });
    let rest = merged(rest.flatten_stream().boxed(), asks);
    Ok(Incoming::Open(stream::iter([Ok(first)]).chain(rest).boxed()))
}

/// Both, until the reply ends.
fn merged(events: Said, asks: mpsc::Receiver<Event>) -> Said {
    stream::unfold((events, asks), |(mut events, mut asks)| async {
        let event = tokio::select! {
            biased;
            Some(ask) = asks.recv() => Some(Ok(ask)),
            event = events.next() => event,
        };
        event.map(|event| (event, (events, asks)))
    })
    .boxed()
}

async fn listen(client: Arc<HttpClient>, headers: Headers, callers: Arc<Callers>, opened: oneshot::Sender<()>) {
    let mut opened = Some(opened);
    while let Ok(response) = client.get(headers.clone()).await {
        if !is_event_stream(&response) {
            break;
        }
        drop(opened.take());
        // No request has this id: what answers one is passed over.
        let reading = Reading { client: &client, id: 0, answers: Some(headers.clone()), in_session: true };
        let mut events = reading.events(response.into_body(), Cancellation::none());
        while let Some(Ok(event)) = events.next().await {
            if matches!(event, Event::Ask(_)) {
                callers.tell(event);
            }
        }
        sleep(PAUSE).await;
    }
    tracing::debug!(server = %client.blame.server(), "the server has no stream to listen to");
}
