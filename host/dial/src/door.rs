//! A back door: everything about calling a server that does not depend on what leads there.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError, Weak};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use cardea_chain::{Call, Exchange, Fault, FaultKind, Health, Listener, Side};
use cardea_message::{Era, Method, Notification};
use cardea_seal::Replica;
use futures_util::future::{BoxFuture, join_all};
use futures_util::{FutureExt, StreamExt};

use crate::SessionPolicy;
use crate::audience::Audience;
use crate::blame::Blame;
use crate::flight::{Flight, launch};
use crate::follower::{Follower, Subscriptions, subscribes};
use crate::greeting::Greeting;
use crate::introduction::Introduction;
use crate::parked::{self, Found, Lot};
use crate::probe::Opening;
use crate::session::Session;
use crate::sessions::{Key, Sessions};
use crate::watch::Watch;
use crate::wire::{Connection, FailureKind, Transport};

/// A back door to one address of one server.
pub(crate) struct Door<T: Transport> {
    transport: Arc<T>,
    opening: Opening,
    policy: SessionPolicy,
    idle_timeout: Duration,
    sessions: Sessions<T::Connection>,
    /// By session of a client.
    subscriptions: Mutex<HashMap<Arc<str>, Arc<Subscriptions>>>,
    /// By session of a legacy client, if the server is modern.
    watches: Mutex<HashMap<Arc<str>, Arc<Watch>>>,
    /// How often the server said that a list has changed.
    changes: Arc<AtomicU64>,
    lot: Arc<Lot<T::Connection>>,
    verdict: Mutex<Option<Flight<Verdict<T::Connection>>>>,
    settled: ArcSwapOption<Settled<T::Connection>>,
    health: Mutex<Health>,
    sweeping: Once,
    blame: Blame,
}

/// What the probe found, and until when that is believed.
struct Verdict<C> {
    greeting: Arc<Greeting>,
    until: Instant,
    /// The session the probe came about on: the first who needs one takes it.
    spare: Arc<Mutex<Option<Session<C>>>>,
}

/// How a call is answered.
enum Way<C> {
    /// In a session, with its key if it is shared.
    Through(Option<Key>, Arc<Session<C>>),
    /// At once.
    Answered(Exchange),
}

/// A modern server's connection, for as long as the probe is believed. Whoever keeps the sessions may close it meanwhile.
struct Settled<C> {
    session: Weak<Session<C>>,
    until: Instant,
}

/// What is the same for every kind of door.
pub(crate) struct Terms {
    pub(crate) opening: Opening,
    pub(crate) policy: SessionPolicy,
    pub(crate) replica: Arc<Replica>,
    pub(crate) idle_timeout: Duration,
    pub(crate) max_sessions: usize,
}

impl<T: Transport> Door<T> {
    pub(crate) fn new(transport: T, terms: Terms) -> Arc<Self> {
        let blame = terms.opening.blame.clone();
        Arc::new(Self {
            transport: Arc::new(transport),
            policy: terms.policy,
            idle_timeout: terms.idle_timeout,
            sessions: Sessions::new(terms.max_sessions, &blame),
            lot: Lot::new(terms.replica),
            opening: terms.opening,
            subscriptions: Mutex::default(),
            watches: Mutex::default(),
            changes: Arc::default(),
            verdict: Mutex::default(),
            settled: ArcSwapOption::empty(),
            health: Mutex::new(Health::Unknown),
            sweeping: Once::new(),
            blame,
        })
    }

    /// [`cardea_chain::Upstream::open`].
    pub(crate) async fn open(self: &Arc<Self>, call: &Arc<Call>) -> Result<Exchange, Fault> {
        match self.exchange(call).await {
            Ok(Exchange::Open(events)) => {
                let door = Arc::clone(self);
                Ok(Exchange::Open(Box::pin(events.inspect(move |event| {
                    if let Err(fault) = event {
                        door.note(fault);
                    }
                }))))
            }
            Ok(exchange) => Ok(exchange),
            Err(fault) => {
                self.note(&fault);
                Err(fault)
            }
        }
    }

    /// How the last exchange went.
    pub(crate) fn health(&self) -> Health {
        locked(&self.health).clone()
    }

    /// [`cardea_chain::Upstream::revision`].
    pub(crate) fn revision(&self) -> u64 {
        self.changes.load(Ordering::Relaxed)
    }

    /// Closes what was kept for one session of a client.
    pub(crate) fn session_ended(&self, session: &str) {
        locked(&self.subscriptions).remove(session);
        let watch = locked(&self.watches).remove(session);
        drop(watch);
        for ended in self.sessions.take_client(session) {
            drop(ended.line.connection.close());
        }
    }

    /// Tells a server that the roots of a client have changed, if it was told of them. Nothing else a client says is a server's.
    pub(crate) fn told(&self, session: &str, notification: &Notification) {
        if notification.method != Method::ROOTS_LIST_CHANGED {
            return;
        }
        for open in self.sessions.of_client(session).filter(|open| open.introduced.has_roots()) {
            let said = notification.bytes().clone();
            tokio::spawn(async move {
                if let Err(fault) = open.line.connection.tell(said).await {
                    tracing::debug!(fault = fault.word(), "a change of roots is not told: {}", fault.inside);
                }
            });
        }
    }

    /// Closes everything and waits until it is closed. Calls under way end with a fault.
    pub(crate) async fn shut(&self) {
        self.lot.clear();
        let spare = self.take_spare(|_| true);
        let sessions = self.sessions.take_all();
        let closing = sessions.iter().map(|session| &session.line).chain(spare.iter().map(|session| &session.line));
        join_all(closing.map(|line| line.connection.close())).await;
    }

    async fn exchange(self: &Arc<Self>, call: &Arc<Call>) -> Result<Exchange, Fault> {
        let way = self.way(call).await?;
        if let Way::Through(_, session) = &way
            && let Some(watched) = self.watch(session, call).await?
        {
            return Ok(watched);
        }
        self.take(way, call).await
    }

    /// Finds the session for a call, or what answers it without one.
    async fn way(self: &Arc<Self>, call: &Arc<Call>) -> Result<Way<T::Connection>, Fault> {
        if let Some(session) = self.settled(call) {
            return Ok(Way::Through(None, session));
        }
        let verdict = self.verdict(call).await?;
        if call.method == Method::SERVER_DISCOVER {
            return Ok(Way::Answered(Exchange::Composed(self.introduction(&verdict.greeting, call))));
        }
        let client = call.client.version.era();
        if (verdict.greeting.era, client) == (Era::Legacy, Era::Modern) && parked::goes_on(call) {
            return self.resume(call).map(Way::Answered);
        }
        let until = verdict.until;
        let (key, session) = self.session(call, verdict).await?;
        if session.greeting.era == Era::Modern {
            self.settled.store(Some(Arc::new(Settled { session: Arc::downgrade(&session), until })));
        }
        Ok(Way::Through(key, session))
    }

    async fn take(self: &Arc<Self>, way: Way<T::Connection>, call: &Arc<Call>) -> Result<Exchange, Fault> {
        let (key, session) = match way {
            Way::Answered(exchange) => return Ok(exchange),
            Way::Through(key, session) => (key, session),
        };
        self.follow(&session, call).await;
        let mut outcome = session.call(call).await;
        if let (Err(failure), Some(key)) = (&outcome, &key)
            && failure.kind == FailureKind::SessionUnknown
        {
            // The server did nothing with the call but look for its session: a new one may be tried, once.
            tracing::info!(server = %self.blame.server(), "session expired at the server, opening another");
            self.sessions.give_up(key, &session);
            if session.audience.has_ears() {
                // Those who listen in it hear nothing any more, and have to know.
                drop(session.line.connection.close());
            }
            let (_, renewed) = self.session(call, self.verdict(call).await?).await?;
            self.follow(&renewed, call).await;
            outcome = renewed.call(call).await;
        }
        match outcome {
            Ok(exchange) => {
                self.is_up(session.greeting.era);
                Ok(exchange)
            }
            Err(failure) => {
                if failure.kind == FailureKind::Gone && session.greeting.era == Era::Modern {
                    self.forget();
                }
                Err(failure.fault)
            }
        }
    }

    /// What a server is said to be: that it tells of changes, only to those to whom they can be told.
    fn introduction(&self, greeting: &Greeting, call: &Call) -> Bytes {
        let client = call.client.version.era();
        let is_told = match (greeting.era, client) {
            (Era::Modern, Era::Modern) => false,
            (Era::Legacy, Era::Modern) => self.policy != SessionPolicy::Call,
            (_, Era::Legacy) => self.listener(greeting.era, call).is_some(),
        };
        let with_changes = greeting.with_changes.as_ref().filter(|_| is_told);
        with_changes.unwrap_or_else(|| greeting.told_to(client)).clone()
    }

    /// Who hears what a server says outside calls: the one client that its session is for, and nobody if it is for several. A
    /// modern server has no sessions, and a stream for each who listens.
    fn listener<'c>(&self, era: Era, call: &'c Call) -> Option<(&'c Arc<str>, &'c Arc<dyn Listener>)> {
        let session = call.client.session.as_ref()?;
        let alone = era == Era::Modern || self.policy == SessionPolicy::Client;
        session.listener().filter(|_| alone).map(|listener| (session.id(), listener))
    }

    /// Lets a legacy client hear of changes of a modern server. Answers what it asks to hear or no longer to hear.
    async fn watch(
        self: &Arc<Self>,
        session: &Session<T::Connection>,
        call: &Arc<Call>,
    ) -> Result<Option<Exchange>, Fault> {
        let Greeting { era, tells, .. } = &*session.greeting;
        let Some((id, listener)) = self.listener(*era, call).filter(|_| *era == Era::Modern) else { return Ok(None) };
        let door = Arc::downgrade(self);
        let reach = move |call: Arc<Call>| -> BoxFuture<'static, Result<Exchange, Fault>> {
            let door = Weak::clone(&door);
            Box::pin(async move {
                let door = door.upgrade().ok_or_else(gone)?;
                let way = door.way(&call).await?;
                door.take(way, &call).await
            })
        };
        let new = || Watch::new(listener, Box::new(reach));
        let watch = Arc::clone(locked(&self.watches).entry(Arc::clone(id)).or_insert_with(new));
        if subscribes(&call.method) && tells.updates {
            return watch.change(call, &tells.lists).await.map(Some);
        }
        watch.begin(call, &tells.lists).await;
        Ok(None)
    }

    async fn follow(&self, session: &Session<T::Connection>, call: &Call) {
        let is_new = session.greeting.era == Era::Legacy && !session.is_followed();
        let Some((id, listener)) = self.listener(session.greeting.era, call).filter(|_| is_new) else { return };
        let subscriptions = Arc::clone(locked(&self.subscriptions).entry(Arc::clone(id)).or_default());
        session.follow(Follower { listener: Arc::clone(listener), subscriptions }).await;
    }

    /// Goes on with a call that was parked until its client answers.
    fn resume(&self, call: &Arc<Call>) -> Result<Exchange, Fault> {
        match self.lot.find(call)? {
            Found::Unanswered(question) => Ok(Exchange::Composed(question)),
            Found::Answered(parked, answer) => {
                parked.ask.answer(Ok(answer));
                Ok(parked.session.hear(parked.events, parked.id, call))
            }
        }
    }

    /// The connection to a modern server, which all calls share, as the last call found it: no lock and no wait.
    fn settled(&self, call: &Call) -> Option<Arc<Session<T::Connection>>> {
        let settled = self.settled.load();
        let Settled { session, until } = settled.as_deref()?;
        let session = session.upgrade()?;
        let holds = call.method != Method::SERVER_DISCOVER && session.is_open() && Instant::now() < *until;
        holds.then_some(session)
    }

    /// The session for a call, with its key if it is shared.
    async fn session(
        self: &Arc<Self>,
        call: &Call,
        mut verdict: Verdict<T::Connection>,
    ) -> Result<(Option<Key>, Arc<Session<T::Connection>>), Fault> {
        let mut key = Key::of(self.policy, verdict.greeting.era, call);
        let connected = key.as_ref().is_some_and(|key| self.sessions.has(key)) || locked(&verdict.spare).is_some();
        if verdict.greeting.era == Era::Modern && !connected {
            // What is connected to now may be another version, and to ask it costs one message.
            self.forget();
            verdict = self.verdict(call).await?;
            key = Key::of(self.policy, verdict.greeting.era, call);
        }
        let whose = Introduction::within(self.policy, call);
        let open = || launch(Arc::clone(self).opened(verdict.clone(), whose));
        let flight = match &key {
            Some(key) => self.sessions.share(key, open),
            None => open(),
        };
        match flight.await {
            Ok(session) => Ok((key, session)),
            Err(fault) => {
                if fault.kind != FaultKind::Overloaded {
                    self.forget();
                }
                Err(fault)
            }
        }
    }

    async fn opened(
        self: Arc<Self>,
        verdict: Verdict<T::Connection>,
        whose: Introduction,
    ) -> Result<Arc<Session<T::Connection>>, Fault> {
        let room = self.sessions.room()?;
        self.sweep();
        let era = verdict.greeting.era;
        let fits = |spare: &Session<_>| spare.is_open() && (era == Era::Modern || spare.introduced == whose);
        let spare = locked(&verdict.spare).take().filter(fits);
        let mut session = match (spare, era) {
            (Some(spare), _) => spare,
            (None, Era::Modern) => self.opening.known(&*self.transport, &verdict.greeting).await?,
            (None, Era::Legacy) => self.opening.legacy(&*self.transport, &whose).await?,
        };
        session.room = Some(room);
        session.lot = Arc::downgrade(&self.lot);
        session.audience = Audience::counted(&self.changes);
        session.shared = self.policy != SessionPolicy::Call;
        Ok(Arc::new(session))
    }

    /// What is known of the server, found out if need be: by one at a time, for all who wait.
    /// A legacy server hears of the client whose call asks first, who is most likely to need the session.
    async fn verdict(self: &Arc<Self>, call: &Call) -> Result<Verdict<T::Connection>, Fault> {
        let flight = {
            let mut verdict = locked(&self.verdict);
            let believed = verdict.take().filter(|flight| match flight.peek() {
                None => true,
                Some(Ok(found)) => Instant::now() < found.until,
                Some(Err(_)) => false,
            });
            let flight =
                believed.unwrap_or_else(|| launch(Arc::clone(self).found(Introduction::within(self.policy, call))));
            *verdict = Some(flight.clone());
            flight
        };
        flight.await
    }

    async fn found(self: Arc<Self>, whose: Introduction) -> Result<Verdict<T::Connection>, Fault> {
        let session = self.opening.probe(&*self.transport, &whose).await?;
        let greeting = Arc::clone(&session.greeting);
        tracing::info!(server = %self.blame.server(), era = era_word(greeting.era), "server found");
        self.is_up(greeting.era);
        self.sweep();
        let until = self.transport.believe_until(&greeting);
        Ok(Verdict { greeting, until, spare: Arc::new(Mutex::new(Some(session))) })
    }

    fn forget(&self) {
        self.settled.store(None);
        let mut verdict = locked(&self.verdict);
        // One that is being found out already is not old.
        if verdict.as_ref().is_some_and(|flight| flight.peek().is_some()) {
            *verdict = None;
        }
    }

    fn take_spare(&self, wanted: impl FnOnce(&Verdict<T::Connection>) -> bool) -> Option<Session<T::Connection>> {
        let verdict = locked(&self.verdict).clone()?.now_or_never()?.ok()?;
        if wanted(&verdict) { locked(&verdict.spare).take() } else { None }
    }

    /// Starts the task that closes what lies unused, once. It ends with the door.
    fn sweep(self: &Arc<Self>) {
        self.sweeping.call_once(|| {
            let (door, idle) = (Arc::downgrade(self), self.idle_timeout);
            tokio::spawn(async move {
                let mut unused_spare = false;
                loop {
                    tokio::time::sleep((idle / 2).clamp(Duration::from_millis(10), Duration::from_secs(30))).await;
                    let Some(door) = door.upgrade() else { break };
                    drop(door.sessions.take_idle(idle));
                    // A spare that is still there a round later is not wanted by anybody.
                    drop(door.take_spare(|_| unused_spare));
                    unused_spare = true;
                }
            });
        });
    }

    fn is_up(&self, era: Era) {
        let up = Health::Up { era: era_word(era) };
        let mut health = locked(&self.health);
        if *health != up {
            *health = up;
        }
    }

    fn note(&self, fault: &Fault) {
        if matches!(
            fault.kind,
            FaultKind::Unreachable | FaultKind::BadReply | FaultKind::ServerAuth | FaultKind::Deadline
        ) {
            *locked(&self.health) = Health::Down { inside: fault.inside.clone() };
        }
    }
}

impl<C> Clone for Verdict<C> {
    fn clone(&self) -> Self {
        Self { greeting: Arc::clone(&self.greeting), until: self.until, spare: Arc::clone(&self.spare) }
    }
}

/// The door was closed for good while a call was on its way to it.
fn gone() -> Fault {
    let words = "The server is no longer served";
    Fault::new(Side::House, FaultKind::Unreachable, words, words)
}

fn era_word(era: Era) -> &'static str {
    match era {
        Era::Modern => "modern",
        Era::Legacy => "legacy",
    }
}

fn locked<V>(mutex: &Mutex<V>) -> MutexGuard<'_, V> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
