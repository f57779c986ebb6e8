//! A legacy client whose connection is its session, and who hears everything on one line: over HTTP+SSE of 2024-11-05, and
//! over standard input and output.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use cardea_chain::{ClientSession, Reply};
use cardea_message::{Message, Method, Request, compose};
use http::StatusCode;
use tokio_util::task::TaskTracker;

use crate::body::Share;
use crate::front::Front;
use crate::initialize::{self, Greeted};
use crate::legacy::{self, Taken};
use crate::line::Line;
use crate::respond::{Asked, Rejection};
use crate::session::Session;
use crate::visit::Visit;
use crate::{batch, ids};

/// What is said between one client and the gateway, from the first message to the last.
#[derive(Debug)]
pub(crate) struct Conversation {
    pub(crate) id: Arc<str>,
    line: Line,
    /// Once `initialize` was answered.
    session: OnceLock<Arc<Session>>,
    /// Whether `initialize` came, and was not refused.
    introducing: AtomicBool,
    /// What is still to be answered.
    answers: TaskTracker,
}

impl Conversation {
    /// One that has not begun, with a client that hears what is said on `line`.
    pub(crate) fn new(line: Line) -> Arc<Self> {
        Arc::new(Self {
            id: ids::session_id().into(),
            line,
            session: OnceLock::new(),
            introducing: AtomicBool::new(false),
            answers: TaskTracker::new(),
        })
    }

    /// Takes a message. Whatever answers it, a refusal too, is said on the line.
    pub(crate) async fn take(
        self: &Arc<Self>,
        front: &Arc<Front>,
        visit: &Arc<Visit>,
        message: Message,
        share: &Arc<Share>,
    ) {
        let id = match &message {
            Message::Request(request) => Some(request.id.clone()),
            Message::Notification(_) | Message::Response(_) => None,
        };
        let taken = match (message, self.session.get()) {
            (Message::Request(request), session) if request.method == Method::INITIALIZE => {
                if session.is_none() && !self.introducing.swap(true, Ordering::AcqRel) {
                    let (conversation, front) = (Arc::clone(self), Arc::clone(front));
                    let (visit, share) = (Arc::clone(visit), Arc::clone(share));
                    self.answers.spawn(async move { conversation.begin(&front, &visit, &request, &share).await });
                    return;
                }
                Err(Rejection::invalid(StatusCode::BAD_REQUEST, "This connection is initialized already"))
            }
            (Message::Request(request), None) if request.method == Method::PING => {
                Ok(Taken::Answered(compose::result(&request.id, b"{}")))
            }
            (Message::Request(_), None) => Err(not_begun()),
            (Message::Notification(_) | Message::Response(_), None) => Ok(Taken::Silent),
            (message, Some(session)) => legacy::take(front, visit, session, message, share),
        };
        match taken {
            Ok(Taken::Silent) => {}
            Ok(Taken::Answered(message)) => drop(self.line.say(vec![message]).await),
            Ok(Taken::Begun(walking)) => drop(self.answers.spawn(self.line.clone().bring(walking))),
            Err(rejection) => {
                self.line.say(vec![compose::error(id.as_ref(), &rejection.into_error())]).await;
            }
        }
    }

    /// Takes a batch; its answer, if it has one, is one message of the line.
    pub(crate) fn take_batch(
        &self,
        front: &Front,
        visit: &Visit,
        text: &Bytes,
        share: &Arc<Share>,
    ) -> Result<(), Box<Rejection>> {
        let session = self.session.get().ok_or_else(not_begun)?;
        let (answer, line) = (batch::begin(front, visit, session, text, share)?, self.line.clone());
        self.answers.spawn(async move {
            if let Some(answer) = answer.await {
                line.say(vec![answer]).await;
            }
        });
        Ok(())
    }

    /// Whether the client has introduced itself, or is about to.
    pub(crate) fn has_begun(&self) -> bool {
        self.introducing.load(Ordering::Acquire)
    }

    /// Waits until everything that was taken is answered.
    pub(crate) async fn answered(&self) {
        self.answers.close();
        self.answers.wait().await;
    }

    /// The client is gone: what it waits for is cancelled, and the servers hear of it.
    pub(crate) fn end(&self, front: &Front) {
        if let Some(session) = self.session.get() {
            front.sessions.end(session);
            front.tell_servers_of_the_end(session);
        }
    }

    async fn begin(&self, front: &Front, visit: &Visit, request: &Request, share: &Arc<Share>) {
        let client = ClientSession::new(Arc::clone(&self.id), Arc::new(self.line.clone()));
        let answer = match initialize::greet(front, visit, request, share, client).await {
            Ok(Greeted::Opened(facts, welcome)) => {
                let listener = Arc::new(self.line.clone());
                self.session.get_or_init(|| front.sessions.alone(*facts, listener));
                vec![welcome]
            }
            Ok(Greeted::Refused(reply, asked)) => self.refused(*reply, &asked),
            Err(rejection) => {
                self.introducing.store(false, Ordering::Release);
                vec![compose::error(Some(&request.id), &rejection.into_error())]
            }
        };
        if !self.line.say(answer).await {
            // It left before there was a session to end.
            self.end(front);
        }
    }

    /// A client that was refused may introduce itself again.
    fn refused(&self, reply: Reply, asked: &Asked) -> Vec<Bytes> {
        self.introducing.store(false, Ordering::Release);
        reply.into_message(&asked.id, &asked.method, asked.name.as_deref())
    }
}

fn not_begun() -> Box<Rejection> {
    Rejection::invalid(StatusCode::BAD_REQUEST, "`initialize` comes first on a connection of this kind")
}
