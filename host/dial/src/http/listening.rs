//! The stream on which a legacy server says what belongs to no request: that something has changed, and questions, which many
//! servers put there, though a call of their client waits for them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use cardea_chain::{Event, Listener};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream};
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

use crate::http::cancel::Cancellation;
use crate::http::client::HttpClient;
use crate::http::reply::Reading;
use crate::http::resume::{self, Reopened, Resume};
use crate::translate;
use crate::wire::{Failure, Headers, Incoming, Said};

/// How long the first answer is waited for: what is asked before the stream is there is lost.
const PATIENCE: Duration = Duration::from_secs(2);
/// Questions of a call that may wait to be heard.
const ASKS: usize = 16;

/// Listens until it is dropped.
pub(crate) struct Listening {
    callers: Arc<Callers>,
    /// Whether the server has answered yet, with a stream or without.
    answered: watch::Receiver<bool>,
    task: AbortHandle,
}

/// The calls of one session that are under way.
#[derive(Default)]
struct Callers(Mutex<HashMap<u64, mpsc::Sender<Event>>>);

impl Listening {
    /// Begins to listen in a session, whose headers these are.
    pub(crate) fn begin(
        client: &Arc<HttpClient>,
        session: Headers,
        listener: &Arc<OnceLock<Arc<dyn Listener>>>,
    ) -> Self {
        let callers = Arc::<Callers>::default();
        let (told, answered) = watch::channel(false);
        let ear =
            Ear { client: Arc::clone(client), session, callers: Arc::clone(&callers), listener: Arc::clone(listener) };
        let task = tokio::spawn(ear.listen(told));
        Self { callers, answered, task: task.abort_handle() }
    }

    /// Waits until the server has answered, if it does before long. A server may have no stream.
    pub(crate) async fn answered(&self) {
        let mut answered = self.answered.clone();
        // Whether it is open, was refused or takes its time: calls can be made.
        let _ = timeout(PATIENCE, answered.wait_for(|answered| *answered)).await;
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

struct Ear {
    client: Arc<HttpClient>,
    session: Headers,
    callers: Arc<Callers>,
    listener: Arc<OnceLock<Arc<dyn Listener>>>,
}

impl Ear {
    /// Opens the stream, and opens it again whenever it ends, until the server has none.
    async fn listen(self, told: watch::Sender<bool>) {
        let server = self.client.blame.server();
        let mut pauses = Resume::default();
        loop {
            match resume::reopen(&self.client, &self.session, None).await {
                Reopened::Events(body) => {
                    told.send_replace(true);
                    pauses = Resume::default();
                    // No request has this id: what answers one is passed over. Whoever reads resumes behind the last event.
                    let answers = Some(self.session.clone());
                    let reading = Reading { client: &self.client, id: 0, answers, in_session: true };
                    let mut events = reading.events(body, Cancellation::none());
                    while let Some(Ok(event)) = events.next().await {
                        self.take(event);
                    }
                }
                Reopened::Later(why) => tracing::debug!(%server, "the stream of a session is not open yet: {why}"),
                Reopened::Never(status) => {
                    tracing::debug!(%server, %status, "the server has no stream to listen to");
                    told.send_replace(true);
                    return;
                }
            }
            sleep(pauses.attempt()).await;
        }
    }

    fn take(&self, event: Event) {
        match event {
            Event::Ask(_) => self.callers.tell(event),
            Event::Notification(said) if translate::is_of_session(&said.method) => {
                self.listener.get().inspect(|listener| listener.hear(&said));
            }
            Event::Notification(_) | Event::End(_) => {}
        }
    }
}
