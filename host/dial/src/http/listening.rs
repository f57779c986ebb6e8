//! The stream on which a legacy server says what belongs to no call, kept open for as long as its session.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use cardea_chain::Listener;
use cardea_message::Message;
use futures_util::StreamExt;
use hyper::body::Incoming as Body;
use sse_stream::{Sse, SseByteStream};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::http::client::HttpClient;
use crate::http::reply::metered;
use crate::http::resume::{self, Reopened, Resume};
use crate::wire::Headers;
use crate::{asks, translate};

/// How long the first answer to the GET is waited for. Some servers send no head before they have something to say.
const OPENING: Duration = Duration::from_secs(1);

/// A stream that is listened to until this is dropped.
pub(crate) struct Listening {
    /// Whether the server has answered yet, with a stream or without.
    answered: watch::Receiver<bool>,
    _stop: DropGuard,
}

impl Listening {
    /// Begins to listen in a session, whose headers these are.
    pub(crate) fn begin(client: &Arc<HttpClient>, session: Headers, listener: Arc<dyn Listener>) -> Self {
        let (told, answered) = watch::channel(false);
        let stop = CancellationToken::new();
        let (ear, stopped) =
            (Ear { client: Arc::clone(client), session, listener, resume: Resume::default() }, stop.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = ear.listen(told) => {}
                () = stopped.cancelled() => {}
            }
        });
        Self { answered, _stop: stop.drop_guard() }
    }

    /// Waits until the server has answered, if it does before long.
    pub(crate) async fn answered(&self) {
        let mut answered = self.answered.clone();
        // Who waits goes on in any case: what is lost then is news, and never an answer.
        let _ = timeout(OPENING, answered.wait_for(|answered| *answered)).await;
    }
}

struct Ear {
    client: Arc<HttpClient>,
    session: Headers,
    listener: Arc<dyn Listener>,
    resume: Resume,
}

impl Ear {
    /// Opens the stream, and opens it again behind the last event whenever it ends, until the server has none.
    async fn listen(mut self, told: watch::Sender<bool>) {
        let server = Arc::clone(self.client.blame.server());
        loop {
            let last = self.resume.last().cloned();
            let resumed = last.is_some();
            match resume::reopen(&self.client, &self.session, last).await {
                Reopened::Events(body) => {
                    told.send_replace(true);
                    let heard = self.hear(body).await;
                    if resumed && !heard {
                        // Some servers answer an event they do not know with a stream that says nothing.
                        self.resume.forget();
                    }
                }
                Reopened::Later(why) => tracing::debug!(%server, "the stream of a session is not open yet: {why}"),
                Reopened::Never(_) if resumed => self.resume.forget(),
                Reopened::Never(status) => {
                    tracing::info!(%server, %status, "the server has no stream for what belongs to no call");
                    told.send_replace(true);
                    return;
                }
            }
            sleep(self.resume.attempt()).await;
        }
    }

    /// Hears a stream to its end. True if it said anything at all.
    async fn hear(&mut self, body: Body) -> bool {
        let limit = self.client.max_message_bytes();
        let used = Arc::<AtomicUsize>::default();
        let mut events = SseByteStream::new(metered(body, limit, Arc::clone(&used)).boxed());
        let mut heard = false;
        while let Some(Ok(event)) = events.next().await {
            used.store(0, Ordering::Relaxed);
            self.resume.note(&event);
            heard = true;
            self.take(event);
        }
        heard
    }

    fn take(&self, event: Sse) {
        let Some(data) = event.data.filter(|data| !data.is_empty()) else { return };
        let server = self.client.blame.server();
        match Message::parse_reply(Bytes::from(data)) {
            Ok(Message::Notification(said)) if translate::is_of_session(&said.method) => self.listener.hear(&said),
            Ok(Message::Request(request)) => {
                drop(self.client.aside(http::Method::POST, self.session.clone(), asks::answer(&request)));
            }
            Ok(_) => tracing::debug!(%server, "a message on the stream of a session is passed over"),
            Err(fault) => tracing::warn!(%server, "an event on the stream of a session is no message: {fault}"),
        }
    }
}
