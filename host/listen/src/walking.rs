//! A call on its way through the chain, and the choice between one JSON body and an event stream.

use std::sync::Arc;
use std::time::Duration;

use cardea_chain::{Call, Outlet, Reply};
use cardea_message::Message;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::sleep;

use crate::account::Account;
use crate::body::Share;
use crate::limits::{Limits, OUTLET};
use crate::questions::Caller;
use crate::respond::{self, Answered, Asked};
use crate::sse::{self, Events};
use crate::visit::Visit;

/// A call that has begun, seen from the client's side.
pub(crate) struct Walking {
    /// What it was asked.
    pub(crate) asked: Asked,
    /// Notifications and asks on the way to the client.
    pub(crate) notes: mpsc::Receiver<Box<Message>>,
    /// The end; none if the call was cancelled.
    pub(crate) end: BoxFuture<'static, Option<Reply>>,
}

/// What a call does first.
pub(crate) enum First {
    End(Option<Reply>),
    Note(Box<Message>),
    /// Nothing, for long enough.
    Silence,
}

/// What a call holds from its begin to its end.
pub(crate) struct Holds {
    /// Its place among the calls under way.
    pub(crate) _place: OwnedSemaphorePermit,
    /// Its share of the bytes in memory.
    pub(crate) _share: Arc<Share>,
}

/// Readies the walk of a call. Nothing happens before the future is polled; dropping it cancels the call.
pub(crate) fn begin(
    visit: &Visit,
    call: Call,
    asked: &Asked,
    holds: Holds,
) -> (impl Future<Output = Reply> + Send + 'static, mpsc::Receiver<Box<Message>>) {
    through(Outlet::new(OUTLET), visit, call, asked, holds)
}

/// The same for a client that can be asked in the middle of it.
pub(crate) fn begin_asking(
    caller: Caller,
    visit: &Visit,
    call: Call,
    asked: &Asked,
    holds: Holds,
) -> (impl Future<Output = Reply> + Send + 'static, mpsc::Receiver<Box<Message>>) {
    let (outlet, notes) = Outlet::new(OUTLET);
    through((outlet.to(Arc::new(caller)), notes), visit, call, asked, holds)
}

fn through(
    (outlet, notes): (Outlet, mpsc::Receiver<Box<Message>>),
    visit: &Visit,
    call: Call,
    asked: &Asked,
    holds: Holds,
) -> (impl Future<Output = Reply> + Send + 'static, mpsc::Receiver<Box<Message>>) {
    let (chain, admitted) = (Arc::clone(&visit.generation.chain), visit.admitted.clone());
    let account = Account::open(&call);
    let asked = asked.clone();
    let walk = async move {
        let reply = chain.walk(Arc::new(call), admitted, &outlet).await;
        account.close(&reply, &asked);
        drop(holds);
        reply
    };
    (walk, notes)
}

impl Walking {
    /// The HTTP response. As long as nothing was said, the end can still choose a status: so the stream begins only with
    /// the first notification or ask, or when silence has lasted so long that the client needs a sign of life.
    pub(crate) async fn into_response(mut self, limits: &Limits) -> Answered {
        match self.first(limits.keep_alive).await {
            First::End(Some(reply)) if self.notes.is_empty() => respond::reply(reply, &self.asked),
            First::End(reply) => {
                self.end = std::future::ready(reply).boxed();
                respond::events(self.into_events(limits))
            }
            First::Note(message) => {
                let mut events = self.into_events(limits);
                events.begin_with(sse::MESSAGE, message.bytes().clone());
                respond::events(events)
            }
            First::Silence => {
                let mut events = self.into_events(limits);
                events.begin_with_beat();
                respond::events(events)
            }
        }
    }

    /// Waits for what the call does first.
    pub(crate) async fn first(&mut self, patience: Duration) -> First {
        tokio::select! {
            biased;
            reply = self.end.as_mut() => First::End(reply),
            Some(notification) = self.notes.recv() => First::Note(notification),
            () = sleep(patience) => First::Silence,
        }
    }

    /// The events from here on.
    pub(crate) fn into_events(self, limits: &Limits) -> Events {
        let Self { asked, notes, end } = self;
        let message = move |reply: Reply| reply.into_message(&asked.id, &asked.method, asked.name.as_deref());
        Events::new(notes, end.map(|reply| reply.map(message)).boxed(), limits.keep_alive)
    }
}
