//! Who waits for what on one connection that all calls share.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use cardea_chain::{Event, Fault};
use cardea_message::Response;
use tokio::sync::{mpsc, oneshot};

use crate::wire::{Failure, FailureKind};

/// Notifications and asks of a call that may wait for its client to read. One more is lost: a slow client must not hold up
/// the others. Of progress and log messages that can be borne; a subscription ends there, and an ask that is lost is refused.
const SAID: usize = 64;

/// The calls under way on one connection.
#[derive(Debug)]
pub(crate) struct Switchboard {
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    Open(HashMap<u64, Waiting>),
    Closed(Fault),
}

#[derive(Debug)]
struct Waiting {
    end: oneshot::Sender<Result<Response, Fault>>,
    said: mpsc::Sender<Event>,
    subscribes: bool,
}

/// What a call waits on.
#[derive(Debug)]
pub(crate) struct Awaited {
    pub(crate) end: oneshot::Receiver<Result<Response, Fault>>,
    pub(crate) said: mpsc::Receiver<Event>,
}

impl Switchboard {
    pub(crate) fn new() -> Self {
        Self { state: Mutex::new(State::Open(HashMap::new())) }
    }

    /// A call waits from here on. What one that `subscribes` is told names it.
    pub(crate) fn wait(&self, id: u64, subscribes: bool) -> Result<Awaited, Failure> {
        match &mut *self.state() {
            State::Closed(fault) => Err(FailureKind::Gone.with(fault.clone())),
            State::Open(waiting) => {
                let ((end, ended), (say, said)) = (oneshot::channel(), mpsc::channel(SAID));
                waiting.insert(id, Waiting { end, said: say, subscribes });
                Ok(Awaited { end: ended, said })
            }
        }
    }

    /// A call waits no longer. False if it had its end already.
    pub(crate) fn leave(&self, id: u64) -> bool {
        match &mut *self.state() {
            State::Open(waiting) => waiting.remove(&id).is_some(),
            State::Closed(_) => false,
        }
    }

    /// Hands over an end. False if nobody waits for it.
    pub(crate) fn end(&self, id: u64, end: Result<Response, Fault>) -> bool {
        match &mut *self.state() {
            State::Open(waiting) => waiting.remove(&id).is_some_and(|call| call.end.send(end).is_ok()),
            State::Closed(_) => false,
        }
    }

    /// Hands over what comes before an end: to the call of that id, or without one to the only call beside subscriptions.
    /// False if it is lost.
    pub(crate) fn say(&self, id: Option<u64>, event: Event) -> bool {
        let state = self.state();
        let State::Open(waiting) = &*state else { return false };
        let call = match id {
            Some(id) => waiting.get(&id),
            None => {
                let mut calls = waiting.values().filter(|call| !call.subscribes);
                calls.next().filter(|_| calls.next().is_none())
            }
        };
        call.is_some_and(|call| call.said.try_send(event).is_ok())
    }

    /// Whether the call of that id is a subscription.
    pub(crate) fn subscribes(&self, id: u64) -> bool {
        match &*self.state() {
            State::Open(waiting) => waiting.get(&id).is_some_and(|call| call.subscribes),
            State::Closed(_) => false,
        }
    }

    /// The id of the only call there is.
    pub(crate) fn only(&self) -> Option<u64> {
        match &*self.state() {
            State::Open(waiting) if waiting.len() == 1 => waiting.keys().next().copied(),
            _ => None,
        }
    }

    /// Ends every call with a fault, and those that come later too.
    pub(crate) fn close(&self, fault: &Fault) {
        let mut state = self.state();
        if let State::Open(waiting) = &mut *state {
            for (_, call) in waiting.drain() {
                // Who left meanwhile needs no end.
                let _ = call.end.send(Err(fault.clone()));
            }
            *state = State::Closed(fault.clone());
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        matches!(&*self.state(), State::Open(_))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
