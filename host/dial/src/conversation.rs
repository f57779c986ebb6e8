//! What is said on a connection that all calls share, and whose it is: the pipes of a process, the stream of HTTP+SSE.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;
use cardea_chain::{Event, Fault, Listener};
use cardea_message::{Message, Method, Notification, ParseFault, Request, Response, compose};
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream;

use crate::asks::{self, OpenAsks};
use crate::blame::Blame;
use crate::switchboard::{Awaited, Switchboard};
use crate::wire::{Failure, Incoming, Outgoing, Said, ended_early};
use crate::{subscription, translate};

/// How messages that are no requests leave for the server.
pub(crate) trait Outward: Send + Sync + 'static {
    /// Sends what nobody waits for; lost if the server does not take it.
    fn post(&self, message: Bytes);

    /// What sends the answer to an ask, for which a call waits.
    fn answering(&self) -> Box<dyn FnOnce(Bytes) -> BoxFuture<'static, ()> + Send>;
}

/// What is said on one connection.
pub(crate) struct Conversation<O> {
    board: Switchboard,
    asks: Mutex<OpenAsks>,
    /// Whether the server has ever answered.
    answered: AtomicBool,
    /// Who takes what the server says outside calls.
    listener: OnceLock<Arc<dyn Listener>>,
    pub(crate) outward: O,
    pub(crate) blame: Blame,
}

impl<O: Outward> Conversation<O> {
    pub(crate) fn new(outward: O, blame: &Blame) -> Arc<Self> {
        Arc::new(Self {
            board: Switchboard::new(),
            asks: Mutex::default(),
            answered: AtomicBool::new(false),
            listener: OnceLock::new(),
            outward,
            blame: blame.clone(),
        })
    }

    /// A request waits for its reply from here on.
    pub(crate) fn begin(self: &Arc<Self>, request: &Outgoing) -> Result<Ongoing<O>, Failure> {
        let awaited = self.board.wait(request.id, request.method == Method::SUBSCRIPTIONS_LISTEN)?;
        Ok(Ongoing { conversation: Arc::clone(self), id: request.id, cancellable: false, awaited })
    }

    /// The server has said in another way what becomes of a request: nothing is waited for, or to be cancelled.
    pub(crate) fn has_not_taken(&self, id: u64) {
        self.board.leave(id);
    }

    /// Takes a message of the server. An error is about a text that is none.
    pub(crate) fn take(&self, text: Bytes) -> Result<(), ParseFault> {
        match Message::parse_reply(text)? {
            Message::Response(response) => self.end(response),
            Message::Notification(notification) => self.notify(notification),
            Message::Request(request) if request.method.is_ask() => self.asked(&request),
            Message::Request(request) => self.outward.post(asks::answer(&request)),
        }
        Ok(())
    }

    /// A message was too large to be taken. Whose it is cannot be known, unless only one call waits; else all end, and false
    /// says that the conversation is over.
    pub(crate) fn too_large(&self, limit: usize) -> bool {
        let fault = self.blame.too_large(limit);
        match self.board.only() {
            Some(id) => {
                self.board.end(id, Err(fault));
                true
            }
            None => {
                self.board.close(&fault);
                false
            }
        }
    }

    /// Who takes what the server says outside calls. A second one is not taken.
    pub(crate) fn follow(&self, listener: &Arc<dyn Listener>) {
        self.listener.get_or_init(|| Arc::clone(listener));
    }

    /// Whether the server has ever answered.
    pub(crate) fn has_answered(&self) -> bool {
        self.answered.load(Ordering::Relaxed)
    }

    /// False once nothing can be said any more.
    pub(crate) fn is_open(&self) -> bool {
        self.board.is_open()
    }

    /// Ends every call with a fault, and those that come later too.
    pub(crate) fn close(&self, fault: &Fault) {
        self.board.close(fault);
    }

    fn end(&self, response: Response) {
        self.answered.store(true, Ordering::Relaxed);
        let id = match &response.id {
            Some(id) => id.as_number(),
            None => self.board.only(),
        };
        if !id.is_some_and(|id| self.board.end(id, Ok(response))) {
            tracing::debug!(server = %self.blame.server(), "a response nobody waits for is passed over");
        }
    }

    fn notify(&self, notification: Notification) {
        if let Some(listener) = self.listener.get().filter(|_| translate::is_of_session(&notification.method)) {
            return listener.hear(&notification);
        }
        let ends = subscription::cancelled(&notification).is_some_and(|id| self.board.subscribes(id));
        // Modern servers have subscriptions and no asks, legacy ones asks and no subscriptions.
        let passed = if ends { Some(notification) } else { self.asks().pass(notification) };
        let Some(notification) = passed else { return };
        let subscription = subscription::id_of(&notification);
        let told = match notification.method.as_str() {
            "notifications/progress" => self.told(translate::progress_token(&notification), notification),
            "notifications/cancelled" => self.told(subscription::cancelled(&notification), notification),
            _ => self.board.say(subscription, Event::Notification(notification)),
        };
        if told {
            return;
        }
        if let Some(id) = subscription.filter(|id| self.board.end(*id, Err(subscription::outrun(&self.blame)))) {
            self.cancel(id);
        }
        tracing::debug!(server = %self.blame.server(), "a notification that belongs to no call is passed over");
    }

    /// Tells a call of what names it and could be about no other.
    fn told(&self, id: Option<u64>, notification: Notification) -> bool {
        id.is_some_and(|id| self.board.say(Some(id), Event::Notification(notification)))
    }

    /// Tells the server that nobody waits for a reply any more.
    fn cancel(&self, id: u64) {
        let params = format!(r#"{{"requestId":{id},"reason":"the client left"}}"#);
        self.outward.post(compose::notification(Method::CANCELLED.as_str(), Some(params.as_bytes())));
    }

    /// Which call an ask belongs to cannot be known, unless only one waits; any other is dropped, and so refused.
    fn asked(&self, request: &Request) {
        let answer = self.outward.answering();
        if let Some(ask) = self.asks().open(request, answer) {
            self.board.say(None, Event::Ask(ask));
        }
    }

    fn asks(&self) -> MutexGuard<'_, OpenAsks> {
        self.asks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call under way: cancelled at the server when this is dropped before its end.
pub(crate) struct Ongoing<O: Outward> {
    conversation: Arc<Conversation<O>>,
    id: u64,
    cancellable: bool,
    awaited: Awaited,
}

impl<O: Outward> Ongoing<O> {
    /// The server may have heard of the call.
    pub(crate) fn is_sent(&mut self, method: &Method) {
        self.cancellable = *method != Method::INITIALIZE;
    }

    /// The reply, up to its end or its first event.
    pub(crate) async fn settled(self) -> Result<Incoming, Fault> {
        let blame = self.conversation.blame.clone();
        Incoming::settled(self.events(), &blame).await
    }

    fn events(self) -> Said {
        stream::unfold(Some((self, None)), |state| async {
            let (mut call, mut end) = state?;
            if end.is_none() {
                tokio::select! {
                    biased;
                    Some(said) = call.awaited.said.recv() => return Some((Ok(said), Some((call, None)))),
                    ended = &mut call.awaited.end => {
                        end = Some(ended.unwrap_or_else(|_| Err(ended_early(&call.conversation.blame))));
                    }
                }
            }
            // What was said before the end is said first.
            if let Ok(said) = call.awaited.said.try_recv() {
                return Some((Ok(said), Some((call, end))));
            }
            end.map(|end| (end.map(Event::End), None))
        })
        .boxed()
    }
}

impl<O: Outward> Drop for Ongoing<O> {
    fn drop(&mut self) {
        if self.conversation.board.leave(self.id) && self.cancellable {
            self.conversation.cancel(self.id);
        }
    }
}
