//! HTTP+SSE of 2024-11-05: a stream on which a server says everything, and a second URL, which the stream names first, for
//! what it is told.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use cardea_chain::{Fault, Listener};
use cardea_message::Version;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use futures_util::{FutureExt, StreamExt};
use http::Uri;
use http_body_util::{BodyExt, Limited};
use sse_stream::{Sse, SseByteStream};
use tokio::task::AbortHandle;
use tokio::time::timeout;
use url::Url;

use crate::conversation::{Conversation, Outward};
use crate::http::cancel::Cancellation;
use crate::http::client::HttpClient;
use crate::http::connection::of_version;
use crate::http::reply::{Reading, is_event_stream, metered};
use crate::wire::{Connection, Failure, FailureKind, Headers, Incoming, Outgoing};

/// One stream, which is one session; it ends when this is dropped.
pub(crate) struct EventsConnection {
    conversation: Arc<Conversation<Mailbox>>,
    reading: AbortHandle,
}

/// Where the server takes messages.
struct Mailbox {
    client: Arc<HttpClient>,
    /// As `initialize` settled it.
    version: OnceLock<Version>,
}

/// Bytes of an answer that are read although nobody wants to know them.
const COURTESY: usize = 64 << 10;

type Events = SseByteStream<BoxStream<'static, std::io::Result<Bytes>>>;

impl EventsConnection {
    /// Opens the stream. An error says what is there instead of a server of this kind.
    pub(crate) async fn open(client: &Arc<HttpClient>) -> Result<Self, Fault> {
        let blame = &client.blame;
        let opened = timeout(client.start_timeout(), first_words(client)).await;
        let (events, used, target) = opened.map_err(|_| blame.silent("a GET for HTTP+SSE"))??;
        tracing::debug!(server = %blame.server(), %target, "a stream of HTTP+SSE is open");
        let mailbox = Mailbox { client: Arc::new(client.at(target)), version: OnceLock::new() };
        let conversation = Conversation::new(mailbox, blame);
        let reading = tokio::spawn(read(Arc::clone(&conversation), events, used, client.max_message_bytes()));
        Ok(Self { conversation, reading: reading.abort_handle() })
    }

    /// Posts a request and waits for its reply on the stream. A server may answer before it says that it has taken it.
    async fn send(&self, request: Outgoing) -> Result<Incoming, Failure> {
        let mailbox = &self.conversation.outward;
        let mut call = self.conversation.begin(&request)?;
        call.is_sent(&request.method);
        let mut headers = mailbox.headers();
        headers.extend(request.headers);
        // In a task, so that a connection on which the server is about to answer is not torn down.
        let mut posted = tokio::spawn(deliver(Arc::clone(&mailbox.client), headers, request.body, request.id));
        let mut answered = std::pin::pin!(call.settled());
        let answer = tokio::select! {
            answer = &mut answered => answer,
            posted = &mut posted => match posted {
                Ok(Ok(None)) | Err(_) => answered.await,
                Ok(Ok(Some(answer))) => {
                    self.conversation.has_not_taken(request.id);
                    return Ok(answer);
                }
                Ok(Err(failure)) => {
                    self.conversation.has_not_taken(request.id);
                    return Err(failure);
                }
            },
        };
        answer.map_err(|fault| {
            let kind = if self.conversation.is_open() { FailureKind::Other } else { FailureKind::Gone };
            kind.with(fault)
        })
    }
}

impl Connection for EventsConnection {
    fn ask(&self, request: Outgoing) -> BoxFuture<'_, Result<Incoming, Failure>> {
        self.send(request).boxed()
    }

    fn tell(&self, notification: Bytes) -> BoxFuture<'_, Result<(), Fault>> {
        let Mailbox { client, .. } = &self.conversation.outward;
        let delivery = deliver(Arc::clone(client), self.conversation.outward.headers(), notification, 0);
        async { delivery.await.map(drop).map_err(|failure| failure.fault) }.boxed()
    }

    fn settle(&self, version: Version) {
        self.conversation.outward.version.get_or_init(|| version);
    }

    fn follow(&self, listener: &Arc<dyn Listener>) {
        self.conversation.follow(listener);
    }

    fn is_open(&self) -> bool {
        self.conversation.is_open()
    }

    fn close(&self) -> BoxFuture<'static, ()> {
        // The end of the stream is the end of the session.
        self.reading.abort();
        self.conversation.close(&self.conversation.blame.unreachable("the gateway closed the session"));
        std::future::ready(()).boxed()
    }
}

impl Drop for EventsConnection {
    fn drop(&mut self) {
        drop(self.close());
    }
}

impl Mailbox {
    fn headers(&self) -> Headers {
        of_version(self.version.get())
    }
}

impl Outward for Mailbox {
    fn post(&self, message: Bytes) {
        drop(self.client.aside(http::Method::POST, self.headers(), message));
    }

    fn answering(&self) -> Box<dyn FnOnce(Bytes) -> BoxFuture<'static, ()> + Send> {
        let (client, headers) = (Arc::clone(&self.client), self.headers());
        Box::new(|answer| async move { client.answer(headers, answer).await }.boxed())
    }
}

/// Posts a message. Nothing comes back for one that is taken; one that is not may be answered at once. A server that keeps
/// the POST open while it works has taken it.
async fn deliver(
    client: Arc<HttpClient>,
    headers: Headers,
    message: Bytes,
    id: u64,
) -> Result<Option<Incoming>, Failure> {
    let posting = async {
        let response = client.post(headers, message).await?;
        if !response.status().is_success() {
            let reading = Reading { client: &client, id, answers: None, in_session: true };
            return reading.reply(response, Cancellation::none()).await.map(Some);
        }
        // Read to its end, so that the connection can serve another one. What it says does not matter.
        drop(Limited::new(response.into_body(), COURTESY).collect().await);
        Ok(None)
    };
    timeout(client.start_timeout(), posting).await.unwrap_or(Ok(None))
}

/// Opens the stream, and reads as far as the URL for messages.
async fn first_words(client: &Arc<HttpClient>) -> Result<(Events, Arc<AtomicUsize>, Uri), Fault> {
    let blame = &client.blame;
    let response = client.get(Headers::new()).await.map_err(|failure| failure.fault)?;
    if !is_event_stream(&response) {
        return Err(blame.bad_reply(format!("a GET was answered with HTTP {} and no stream", response.status())));
    }
    let (limit, used) = (client.max_message_bytes(), Arc::<AtomicUsize>::default());
    let mut events = Events::new(metered(response.into_body(), limit, Arc::clone(&used)).boxed());
    while let Some(Ok(event)) = events.next().await {
        used.store(0, Ordering::Relaxed);
        let Some(data) = event.data.as_deref() else { continue };
        if event.event.as_deref() != Some("endpoint") {
            break;
        }
        let target = target(client.url(), data).ok_or_else(|| {
            let shown: String = data.chars().take(200).collect();
            blame.bad_reply(format!("its stream names {shown:?} for messages, which is not a URL of its own origin"))
        })?;
        return Ok((events, used, target));
    }
    Err(blame.bad_reply("its stream does not begin with the event `endpoint`"))
}

/// The URL that a stream names for messages. Only one of the server's own origin is taken: what a server says is no reason to
/// speak to anybody else, least of all with the server's credentials.
fn target(stream: &Uri, named: &str) -> Option<Uri> {
    let stream = Url::parse(&stream.to_string()).ok()?;
    let target = stream.join(named.trim()).ok()?;
    let own = target.origin() == stream.origin() && target.username().is_empty() && target.password().is_none();
    if own { target.as_str().parse().ok() } else { None }
}

/// Reads what the server says, to the end of the stream.
async fn read(conversation: Arc<Conversation<Mailbox>>, mut events: Events, used: Arc<AtomicUsize>, limit: usize) {
    let server = conversation.blame.server();
    while let Some(Ok(event)) = events.next().await {
        used.store(0, Ordering::Relaxed);
        let Some(data) = message(event) else { continue };
        if data.len() > limit {
            if !conversation.too_large(limit) {
                return;
            }
        } else if let Err(fault) = conversation.take(data.into()) {
            tracing::warn!(%server, "an event is no message: {fault}");
        }
    }
    if used.load(Ordering::Relaxed) > limit {
        conversation.too_large(limit);
    }
    if conversation.is_open() {
        tracing::info!(%server, "the stream of a session ended; the next call opens another");
        conversation.close(&conversation.blame.unreachable("the stream of the session ended"));
    }
}

/// What an event says; none for a sign of life, and for what belongs to no protocol.
fn message(event: Sse) -> Option<String> {
    let is_message = event.event.as_deref().is_none_or(|name| name.is_empty() || name == "message");
    event.data.filter(|data| is_message && !data.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_go_to_the_streams_own_origin_and_nowhere_else() {
        for (stream, named, expected) in [
            ("http://a.example/sse", "/message?sessionId=1", Some("http://a.example/message?sessionId=1")),
            ("http://a.example/x/sse", "message?s=1", Some("http://a.example/x/message?s=1")),
            ("http://a.example/x/sse", "?s=1", Some("http://a.example/x/sse?s=1")),
            ("http://a.example:80/sse", "http://a.example/m", Some("http://a.example/m")),
            ("https://a.example/sse", "https://A.example:443/m", Some("https://a.example/m")),
            ("http://a.example/sse", "http://b.example/m", None),
            ("http://a.example/sse", "//b.example/m", None),
            ("http://a.example/sse", "https://a.example/m", None),
            ("http://a.example/sse", "http://a.example:8080/m", None),
            ("http://a.example/sse", "http://ann:pass@a.example/m", None),
            ("http://a.example/sse", "file:///etc/passwd", None),
            ("http://a.example/sse", "http://[", None),
        ] {
            let target = stream.parse().ok().and_then(|stream| target(&stream, named));
            assert_eq!(target.map(|target| target.to_string()).as_deref(), expected, "{named}");
        }
    }
}
