//! HTTP+SSE, the transport of 2024-11-05: a GET opens a stream and with it a session, POSTs beside it bring the client's
//! messages, and everything the gateway says goes out on the stream.

use std::sync::Arc;

use cardea_message::ParseFault;
use dashmap::DashMap;
use http::{HeaderValue, StatusCode, Uri};
use tokio::time::sleep;

use crate::conversation::Conversation;
use crate::era::{self, Path};
use crate::front::{Front, PROTOCOL_VERSION, Posted};
use crate::line::Line;
use crate::respond::{self, Answered, Rejection};
use crate::session::Place;
use crate::sse::Events;
use crate::visit::Visit;
use crate::{gate, legacy, paths};

/// The streams that are open, by the ids of their sessions.
#[derive(Debug, Default)]
pub(crate) struct Conversations(DashMap<Arc<str>, Arc<Open>>);

/// One stream that is open, and whose it is.
#[derive(Debug)]
struct Open {
    conversation: Arc<Conversation>,
    endpoint: Arc<str>,
    subject: String,
    _place: Place,
}

/// Ends the session when its stream is dropped: without it the client hears nothing any more.
struct HangUp {
    front: Arc<Front>,
    open: Arc<Open>,
}

/// Opens a stream. Its first event says where the client posts.
pub(crate) fn open(front: &Arc<Front>, visit: &Visit) -> Result<Answered, Box<Rejection>> {
    gate::wants_events(&visit.headers)?;
    let place = front.sessions.place().ok_or_else(legacy::too_many_sessions)?;
    let (line, said) = Line::new();
    let open = Arc::new(Open {
        conversation: Conversation::new(line),
        endpoint: Arc::clone(&visit.endpoint),
        subject: visit.subject.key(),
        _place: place,
    });
    let id = Arc::clone(&open.conversation.id);
    front.conversations.0.insert(Arc::clone(&id), Arc::clone(&open));
    let hang_up = HangUp { front: Arc::clone(front), open };
    let end = Box::pin(async move {
        hang_up.over().await;
        None
    });
    let mut events = Events::new(said, end, front.settings.limits.keep_alive);
    events.begin_with("endpoint", format!("{}?sessionId={id}", outside_path(front, &visit.endpoint)).into());
    Ok(respond::events(events))
}

/// Takes a message. A request is answered on the stream, also where it is refused: many clients wait only there.
pub(crate) async fn post(
    front: &Arc<Front>,
    visit: Visit,
    target: &Uri,
    posted: Posted,
) -> Result<Answered, Box<Rejection>> {
    let id = posted.request_id().cloned();
    let about = |rejection: Box<Rejection>| rejection.about(id.as_ref());
    speaks_legacy(&visit, &posted).map_err(about)?;
    let open = front.conversations.find(target, &visit).map_err(about)?;
    match posted.message {
        Ok(message) => open.conversation.take(front, &Arc::new(visit), message, &posted.share).await,
        Err(ParseFault::Batch) => open.conversation.take_batch(front, &visit, &posted.text, &posted.share)?,
        Err(fault) => return Err(about(Rejection::new(StatusCode::BAD_REQUEST, fault.code(), fault.message()))),
    }
    Ok(respond::empty(StatusCode::ACCEPTED))
}

impl Conversations {
    /// The session that a POST names, if it is this subject's at this endpoint; to anybody else there is none.
    fn find(&self, target: &Uri, visit: &Visit) -> Result<Arc<Open>, Box<Rejection>> {
        let named = target.query().into_iter().flat_map(|query| query.split('&'));
        let Some(id) = named.filter_map(|pair| pair.strip_prefix("sessionId=")).next() else {
            let message = "The query must name the session, `?sessionId=…`, as the event `endpoint` of its stream does";
            return Err(Rejection::invalid(StatusCode::BAD_REQUEST, message));
        };
        let open = self.0.get(id).map(|entry| Arc::clone(entry.value()));
        let own = |open: &Arc<Open>| open.endpoint == visit.endpoint && open.subject == visit.subject.key();
        open.filter(own).ok_or_else(|| {
            let message = "Session not found; a session ends with its stream, and a GET begins another";
            Rejection::invalid(StatusCode::NOT_FOUND, message)
        })
    }
}

impl HangUp {
    /// Waits until the gateway has nothing more to say: it stops, and has answered what it took; or the client, having opened
    /// a stream, never says a word.
    async fn over(&self) {
        let conversation = &self.open.conversation;
        let unused = async {
            sleep(self.front.settings.limits.body_timeout).await;
            if conversation.has_begun() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = self.front.closing.cancelled() => conversation.answered().await,
            () = unused => tracing::debug!("a stream on which nobody introduces itself is closed"),
        }
    }
}

impl Drop for HangUp {
    fn drop(&mut self) {
        self.front.conversations.0.remove(&self.open.conversation.id);
        self.open.conversation.end(&self.front);
    }
}

/// The path of an endpoint's messages as clients know it: a proxy before us may have put something in front.
fn outside_path(front: &Front, endpoint: &str) -> String {
    let public = front.settings.public_url.as_deref().and_then(|url| url.parse::<Uri>().ok());
    let before = public.as_ref().map_or("", Uri::path).trim_end_matches('/');
    format!("{before}{}", paths::messages(endpoint))
}

fn speaks_legacy(visit: &Visit, posted: &Posted) -> Result<(), Box<Rejection>> {
    let header = visit.headers.get(PROTOCOL_VERSION).map(HeaderValue::as_bytes);
    let claimed = posted.envelope.as_ref().ok().and_then(|envelope| envelope.version.as_deref());
    if era::path(header, claimed) == Path::Legacy {
        return Ok(());
    }
    let message = format!("HTTP+SSE is older than this version; post to {} instead", visit.endpoint);
    Err(Rejection::invalid(StatusCode::BAD_REQUEST, message))
}
