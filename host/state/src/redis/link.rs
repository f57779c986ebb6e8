//! The connection to Redis, and the breaker that is the same thing: there is a connection that has proved within the present
//! patience that it takes writes, or there is none and every request fails at once.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ErrorKind, RedisError, RedisResult, ServerErrorKind};
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::StateFault;

/// Answers in a row that may come too late before the connection is given up.
const LATE: u32 = 3;
/// Writes of which one must be answered in time to prove a connection.
const PROOFS: u32 = 3;
const CONNECT: Duration = Duration::from_secs(1);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The way to Redis. Dropping it ends the task that keeps it open.
pub(super) struct Link {
    shared: Arc<Shared>,
    patience: Duration,
    _end: DropGuard,
}

struct Shared {
    connection: ArcSwapOption<MultiplexedConnection>,
    late: AtomicU32,
    lost: Notify,
    why: Mutex<String>,
}

impl Link {
    /// Connects, and keeps connecting for as long as this lives. Returns after the first attempt, whether or not it succeeded:
    /// a gateway starts without its Redis and does meanwhile what its manifest says.
    pub(super) async fn open(client: Client, patience: Duration, proof: String) -> Self {
        let shared = Arc::new(Shared {
            connection: ArcSwapOption::empty(),
            late: AtomicU32::new(0),
            lost: Notify::new(),
            why: Mutex::new("not connected yet".to_owned()),
        });
        let end = CancellationToken::new();
        let (tried, mut first) = watch::channel(false);
        let keeper = Keeper { client, patience, proof, shared: Arc::clone(&shared), tried };
        let ended = end.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = ended.cancelled() => {}
                () = keeper.keep() => {}
            }
        });
        let _ = first.wait_for(|tried| *tried).await;
        Self { shared, patience, _end: end.drop_guard() }
    }

    /// Asks something of Redis, for as long as patience lasts.
    pub(super) async fn ask<T, F>(&self, request: impl FnOnce(MultiplexedConnection) -> F) -> Result<T, StateFault>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let Some(connection) = self.shared.connection.load_full() else {
            return Err(StateFault::Unavailable(self.shared.why()));
        };
        match timeout(self.patience, request((*connection).clone())).await {
            Ok(Ok(answer)) => {
                self.shared.late.store(0, Ordering::Relaxed);
                Ok(answer)
            }
            Ok(Err(error)) => {
                let why = format!("Redis: {error}");
                if !leaves_it_usable(&error) {
                    self.shared.lose(&connection, &why);
                }
                Err(StateFault::Unavailable(why))
            }
            Err(_) => {
                let why = format!("Redis did not answer within {:?}", self.patience);
                if self.shared.late.fetch_add(1, Ordering::Relaxed) + 1 >= LATE {
                    self.shared.lose(&connection, &why);
                }
                Err(StateFault::Timeout(why))
            }
        }
    }
}

impl Shared {
    fn why(&self) -> String {
        self.why.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes why there is no connection. True if that is news.
    fn note(&self, why: &str) -> bool {
        let mut noted = self.why.lock().unwrap_or_else(PoisonError::into_inner);
        let news = *noted != why;
        why.clone_into(&mut noted);
        news
    }

    /// Gives up a connection, unless another has replaced it.
    fn lose(&self, connection: &Arc<MultiplexedConnection>, why: &str) {
        let present = self.connection.compare_and_swap(connection, None);
        if present.as_ref().is_some_and(|present| Arc::ptr_eq(present, connection)) {
            self.note(why);
            tracing::warn!("{why}; until it takes writes again, every use does what its `on-loss` says");
            self.lost.notify_one();
        }
    }
}

struct Keeper {
    client: Client,
    patience: Duration,
    proof: String,
    shared: Arc<Shared>,
    tried: watch::Sender<bool>,
}

impl Keeper {
    async fn keep(&self) {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.connect().await {
                Ok(connection) => {
                    self.shared.late.store(0, Ordering::Relaxed);
                    self.shared.connection.store(Some(Arc::new(connection)));
                    tracing::info!("Redis takes writes");
                    self.tried.send_replace(true);
                    self.shared.lost.notified().await;
                    pause = FIRST_PAUSE;
                }
                Err(why) => {
                    if self.shared.note(&why) {
                        tracing::warn!("no state is shared: {why}");
                    }
                    self.tried.send_replace(true);
                }
            }
            // Replicas that lost the same Redis must not all come back in the same moment.
            sleep(pause.mul_f64(rand::random_range(0.5..1.0))).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn connect(&self) -> Result<MultiplexedConnection, String> {
        let config =
            AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT)).set_response_timeout(Some(CONNECT));
        let connecting = self.client.get_multiplexed_async_connection_with_config(&config);
        let mut connection = match timeout(CONNECT, connecting).await {
            Ok(connected) => connected.map_err(|error| format!("cannot connect to Redis: {error}"))?,
            Err(_) => return Err(format!("Redis did not take a connection within {CONNECT:?}")),
        };
        for _ in 0..PROOFS {
            let mut proof = redis::cmd("SET");
            proof.arg(&self.proof).arg(1).arg("PX").arg(1000);
            if let Ok(proved) = timeout(self.patience, proof.query_async::<()>(&mut connection)).await {
                return proved.map(|()| connection).map_err(|error| format!("Redis takes no writes: {error}"));
            }
        }
        Err(format!("Redis does not answer within {:?}; `state.patience` may be longer", self.patience))
    }
}

/// True for errors that say something of the request and nothing of the server.
fn leaves_it_usable(error: &RedisError) -> bool {
    match error.kind() {
        ErrorKind::Server(kind) => {
            matches!(kind, ServerErrorKind::ResponseError | ServerErrorKind::NoScript | ServerErrorKind::CrossSlot)
        }
        // An error with a code the client does not know, such as WRONGTYPE or OOM.
        ErrorKind::Extension | ErrorKind::UnexpectedReturnType => true,
        _ => false,
    }
}
