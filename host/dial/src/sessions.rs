//! The sessions that are open with one server: who shares which, how many there may be, and when an unused one goes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cardea_chain::{Call, Fault, Side};
use cardea_message::Era;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::SessionPolicy;
use crate::blame::Blame;
use crate::flight::Flight;
use crate::session::Session;
use crate::wire::Connection;

/// Who shares a session.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    era: Era,
    owner: Owner,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Owner {
    Everybody,
    ClientSession(Arc<str>),
    Identity(String),
}

impl Key {
    /// That of one session of a client.
    fn of_client(session: &str) -> Self {
        Self { era: Era::Legacy, owner: Owner::ClientSession(Arc::from(session)) }
    }

    /// Who shares the session of a call; none if nobody does.
    pub(crate) fn of(policy: SessionPolicy, era: Era, call: &Call) -> Option<Self> {
        let owner = match (era, policy) {
            (Era::Modern, _) | (Era::Legacy, SessionPolicy::Shared) => Owner::Everybody,
            (Era::Legacy, SessionPolicy::Client) => match &call.client.session {
                Some(session) => Owner::ClientSession(Arc::clone(session.id())),
                None => {
                    let capabilities = String::from_utf8_lossy(&call.client.capabilities);
                    Owner::Identity(format!("{} {capabilities}", call.subject.key()))
                }
            },
            (Era::Legacy, SessionPolicy::Subject) => Owner::Identity(call.subject.key()),
            (Era::Legacy, SessionPolicy::Call) => return None,
        };
        Some(Self { era, owner })
    }
}

/// The open sessions.
pub(crate) struct Sessions<C> {
    slots: Mutex<HashMap<Key, Slot<C>>>,
    room: Arc<Semaphore>,
    max: usize,
    blame: Blame,
}

struct Slot<C> {
    flight: Flight<Arc<Session<C>>>,
    used: Instant,
}

impl<C: Connection> Sessions<C> {
    pub(crate) fn new(max: usize, blame: &Blame) -> Self {
        Self { slots: Mutex::default(), room: Arc::new(Semaphore::new(max)), max, blame: blame.clone() }
    }

    /// The session of a key, opened by `open` if there is none that can be used.
    pub(crate) fn share(&self, key: &Key, open: impl FnOnce() -> Flight<Arc<Session<C>>>) -> Flight<Arc<Session<C>>> {
        let mut slots = self.slots();
        let slot = match slots.remove(key).filter(Slot::usable) {
            Some(slot) => Slot { used: Instant::now(), ..slot },
            None => Slot { flight: open(), used: Instant::now() },
        };
        let flight = slot.flight.clone();
        slots.insert(key.clone(), slot);
        flight
    }

    /// Leave to open one more.
    pub(crate) fn room(&self) -> Result<OwnedSemaphorePermit, Fault> {
        Arc::clone(&self.room).try_acquire_owned().map_err(|_| {
            self.blame.overloaded(Side::House, format!("all {} sessions the manifest allows are open", self.max))
        })
    }

    /// True if a key has a session that can be used, or one that is being opened.
    pub(crate) fn has(&self, key: &Key) -> bool {
        self.slots().get(key).is_some_and(Slot::usable)
    }

    /// Gives up a session the server no longer knows; a newer one under its key stays.
    pub(crate) fn give_up(&self, key: &Key, dead: &Arc<Session<C>>) {
        let mut slots = self.slots();
        let same = |slot: &Slot<C>| matches!(slot.flight.peek(), Some(Ok(held)) if Arc::ptr_eq(held, dead));
        if slots.get(key).is_some_and(same) {
            slots.remove(key);
        }
    }

    /// Takes out the session that was kept for one session of a client.
    pub(crate) fn take_client(&self, session: &str) -> Vec<Arc<Session<C>>> {
        self.slots().remove(&Key::of_client(session)).and_then(Slot::into_session).into_iter().collect()
    }

    /// The session that is kept for one session of a client.
    pub(crate) fn of_client(&self, session: &str) -> impl Iterator<Item = Arc<Session<C>>> {
        let slots = self.slots();
        let opened =
            slots.get(&Key::of_client(session)).and_then(|slot| slot.flight.peek()?.as_ref().ok().map(Arc::clone));
        opened.into_iter()
    }

    /// Takes out the sessions nobody has used for so long.
    pub(crate) fn take_idle(&self, idle: Duration) -> Vec<Arc<Session<C>>> {
        let mut slots = self.slots();
        slots.values_mut().filter(|slot| slot.was_used()).for_each(|slot| slot.used = Instant::now());
        let taken = slots.extract_if(|_, slot| slot.used.elapsed() >= idle || !slot.usable());
        taken.filter_map(|(_, slot)| slot.into_session()).collect()
    }

    /// Takes out all of them.
    pub(crate) fn take_all(&self) -> Vec<Arc<Session<C>>> {
        self.slots().drain().filter_map(|(_, slot)| slot.into_session()).collect()
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<Key, Slot<C>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: Connection> Slot<C> {
    fn usable(&self) -> bool {
        match self.flight.peek() {
            None => true,
            Some(Ok(session)) => session.is_open(),
            Some(Err(_)) => false,
        }
    }

    /// Whether someone beside the slot holds the session, or made a call on it since the last look.
    fn was_used(&self) -> bool {
        match self.flight.peek() {
            None => true,
            Some(Ok(session)) => session.was_used() || Arc::strong_count(session) > 1,
            Some(Err(_)) => false,
        }
    }

    fn into_session(self) -> Option<Arc<Session<C>>> {
        self.flight.peek().and_then(|opened| opened.as_ref().ok()).map(Arc::clone)
    }
}
