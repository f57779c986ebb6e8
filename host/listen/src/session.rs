//! Sessions of legacy clients: what `initialize` settled, and which calls run.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use cardea_chain::{Client, ClientSession, Listener};
use cardea_message::{Id, Version};
use dashmap::DashMap;
use http::HeaderName;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::Limits;
use crate::questions::Questions;
use crate::replay::{Keeping, Streams};

/// Header that names a session.
pub(crate) const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");

/// All sessions of a listener.
#[derive(Debug)]
pub(crate) struct Sessions {
    open: DashMap<Arc<str>, Arc<Session>>,
    places: Arc<Semaphore>,
    keeping: Arc<Keeping>,
}

/// Room for one session.
#[derive(Debug)]
pub(crate) struct Place {
    _permit: OwnedSemaphorePermit,
}

/// What a session was opened with; never changes.
#[derive(Debug)]
pub(crate) struct Facts {
    /// Its id.
    pub(crate) id: Arc<str>,
    /// The endpoint it was opened at.
    pub(crate) endpoint: Arc<str>,
    /// Key of the subject that opened it.
    pub(crate) subject: String,
    /// The version both sides settled on.
    pub(crate) version: Version,
    /// What the client declared, a JSON object.
    pub(crate) capabilities: Bytes,
    /// The client's name and version.
    pub(crate) info: Option<Bytes>,
    /// Whether the server can log.
    pub(crate) logging: bool,
    /// Whether the endpoint declared to tell anything outside calls.
    pub(crate) changes: bool,
}

/// One session.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) facts: Facts,
    /// What it says outside one connection.
    pub(crate) streams: Arc<Streams>,
    /// What servers have asked the client.
    pub(crate) questions: Questions,
    /// What servers know it by. Where none of them promised to tell it anything, none is to open a stream for it.
    client: ClientSession,
    state: Mutex<State>,
    _place: Option<Place>,
}

#[derive(Debug)]
struct State {
    used: Instant,
    log_level: Option<Box<str>>,
    running: HashMap<Id, CancellationToken>,
}

/// A call under way in a session. Its id is free again once this is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    session: Arc<Session>,
    id: Id,
    /// Told when the client cancels the call or ends the session.
    pub(crate) cancelled: CancellationToken,
}

impl Sessions {
    pub(crate) fn new(limits: &Limits) -> Self {
        let places = Arc::new(Semaphore::new(limits.max_sessions));
        Self { open: DashMap::new(), places, keeping: Keeping::new(limits) }
    }

    /// How many are open.
    pub(crate) fn count(&self) -> usize {
        self.open.len()
    }

    /// Room for one more, if there is any.
    pub(crate) fn place(&self) -> Option<Place> {
        Arc::clone(&self.places).try_acquire_owned().ok().map(|_permit| Place { _permit })
    }

    /// The streams of a session that is about to open.
    pub(crate) fn streams(&self) -> Arc<Streams> {
        Streams::new(&self.keeping)
    }

    /// Opens a session.
    pub(crate) fn open(&self, facts: Facts, streams: Arc<Streams>, place: Place) {
        let id = Arc::clone(&facts.id);
        let listener = Arc::<Streams>::clone(&streams);
        self.open.insert(id, Arc::new(Session::new(facts, streams, listener, Some(place))));
    }

    /// A session that only its own connection leads to; what is said outside calls goes to its listener.
    pub(crate) fn alone(&self, facts: Facts, listener: Arc<dyn Listener>) -> Arc<Session> {
        Arc::new(Session::new(facts, self.streams(), listener, None))
    }

    /// The session of that id at that endpoint, if it is this subject's; to anybody else there is no such session.
    pub(crate) fn find(&self, id: &str, endpoint: &str, subject: &str) -> Option<Arc<Session>> {
        let session = Arc::clone(self.open.get(id)?.value());
        if *session.facts.endpoint != *endpoint || session.facts.subject != subject {
            return None;
        }
        session.state().used = Instant::now();
        Some(session)
    }

    /// Ends a session with its streams and the calls that run in it. False if it had ended before.
    pub(crate) fn end(&self, session: &Session) -> bool {
        let ended = self.open.remove(&session.facts.id).is_some();
        session.state().running.values().for_each(CancellationToken::cancel);
        session.streams.close();
        ended
    }

    /// The sessions in which nothing runs, nothing is listened to and nothing came for too long.
    pub(crate) fn idle(&self, after: Duration) -> Vec<Arc<Session>> {
        let is_idle = |session: &Session| {
            let state = session.state();
            let unheard = session.streams.quiet_for().is_some_and(|quiet| quiet >= after);
            state.running.is_empty() && state.used.elapsed() >= after && unheard
        };
        self.open.iter().filter(|entry| is_idle(entry.value())).map(|entry| Arc::clone(entry.value())).collect()
    }

    /// Lets go of what was kept for clients that never came back for it.
    pub(crate) fn expire(&self, age: Duration) {
        self.open.iter().for_each(|session| session.streams.expire(age));
    }
}

impl Session {
    fn new(facts: Facts, streams: Arc<Streams>, listener: Arc<dyn Listener>, place: Option<Place>) -> Self {
        let client = match facts.changes {
            true => ClientSession::new(Arc::clone(&facts.id), listener),
            false => ClientSession::from(&*facts.id),
        };
        let state = State { used: Instant::now(), log_level: None, running: HashMap::new() };
        let questions = Questions::default();
        Self { facts, streams, questions, client, state: Mutex::new(state), _place: place }
    }

    /// What stages and servers hear of the client in this call.
    pub(crate) fn client(&self, progress_token: Option<Bytes>) -> Client {
        Client {
            version: self.facts.version,
            capabilities: self.facts.capabilities.clone(),
            info: self.facts.info.clone(),
            log_level: self.state().log_level.clone(),
            progress_token,
            session: Some(self.client.clone()),
        }
    }

    /// Notes that a call runs; none if one with this id runs already.
    pub(crate) fn run(self: &Arc<Self>, id: &Id) -> Option<Running> {
        match self.state().running.entry(id.clone()) {
            Entry::Occupied(_) => None,
            Entry::Vacant(free) => {
                let cancelled = free.insert(CancellationToken::new()).clone();
                Some(Running { session: Arc::clone(self), id: id.clone(), cancelled })
            }
        }
    }

    /// Cancels a call. One that does not run, or no longer, is nothing to cancel.
    pub(crate) fn cancel(&self, id: &Id) {
        if let Some(running) = self.state().running.get(id) {
            running.cancel();
        }
    }

    /// Remembers which log messages the client wants.
    pub(crate) fn set_log_level(&self, level: &str) {
        self.state().log_level = Some(level.into());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.session.questions.forget(&self.id);
        let mut state = self.session.state();
        state.running.remove(&self.id);
        state.used = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn opened(sessions: &Sessions) -> Arc<Session> {
        let facts = Facts {
            id: "s".into(),
            endpoint: "/mcp".into(),
            subject: "ann".into(),
            version: Version::V2025_11_25,
            capabilities: Bytes::from_static(b"{}"),
            info: None,
            logging: false,
            changes: false,
        };
        sessions.open(facts, sessions.streams(), sessions.place().unwrap());
        sessions.find("s", "/mcp", "ann").unwrap()
    }

    #[tokio::test]
    async fn a_session_exists_only_for_its_subject_at_its_endpoint() {
        let sessions = Sessions::new(&Limits { max_sessions: 1, ..Limits::default() });
        let session = opened(&sessions);
        assert!(sessions.find("s", "/mcp", "bob").is_none());
        assert!(sessions.find("s", "/servers/x/mcp", "ann").is_none());
        assert!(sessions.place().is_none());
        assert!(sessions.end(&session) && !sessions.end(&session));
        assert!(sessions.find("s", "/mcp", "ann").is_none());
        drop(session);
        assert!(sessions.place().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_with_a_running_call_is_not_idle() {
        let sessions = Sessions::new(&Limits { max_sessions: 1, ..Limits::default() });
        let session = opened(&sessions);
        let running = session.run(&Id::number(1)).unwrap();
        assert!(session.run(&Id::number(1)).is_none());
        tokio::time::advance(Duration::from_secs(60)).await;
        assert!(sessions.idle(Duration::from_secs(30)).is_empty());
        session.cancel(&Id::number(1));
        assert!(running.cancelled.is_cancelled());
        drop(running);
        assert!(sessions.idle(Duration::from_secs(30)).is_empty(), "the end of a call is a sign of life");
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(sessions.idle(Duration::from_secs(30)).len(), 1);
    }
}
