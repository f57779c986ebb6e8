//! The operator's listener: bound first, served then, never open to a network without a token.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use std::{error, fmt, io};

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream, ToSocketAddrs, lookup_host};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::guard::Guard;
use crate::{Operator, Settings, Status, route};

const MAX_CONNECTIONS: usize = 64;
const MAX_HEADERS: usize = 32;
const MAX_HEAD: usize = 16 * 1024;
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// From the first byte to the last: a connection is for one question.
const WHOLE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long accepting rests when the system has no descriptors left.
const EXHAUSTED: Duration = Duration::from_millis(100);

/// Why the operator's door cannot be opened.
#[derive(Debug)]
pub enum BindError {
    /// It would be open to a network, and anybody there could read it.
    Unprotected(SocketAddr),
    /// The token is empty.
    EmptyToken,
    /// The address cannot be bound.
    Io(io::Error),
}

/// Binds an address: a loopback one, or any if there is a token.
pub async fn bind(address: impl ToSocketAddrs, settings: Settings) -> Result<Bound, BindError> {
    if settings.token.as_deref().is_some_and(|token| token.trim().is_empty()) {
        return Err(BindError::EmptyToken);
    }
    let addresses: Vec<SocketAddr> = lookup_host(address).await.map_err(BindError::Io)?.collect();
    let beyond = addresses.iter().find(|address| !address.ip().is_loopback());
    if let (Some(beyond), None) = (beyond, &settings.token) {
        return Err(BindError::Unprotected(*beyond));
    }
    let listener = TcpListener::bind(&addresses[..]).await.map_err(BindError::Io)?;
    let address = listener.local_addr().map_err(BindError::Io)?;
    Ok(Bound { listener, address, guard: Guard::new(&settings) })
}

/// A bound address.
pub struct Bound {
    listener: TcpListener,
    address: SocketAddr,
    guard: Guard,
}

impl Bound {
    /// The address, with the port that was chosen if none was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown`; answers that are being written are written to their end.
    pub async fn serve(self, status: Arc<dyn Status>, operator: Arc<dyn Operator>, shutdown: CancellationToken) {
        let connections = TaskTracker::new();
        let house = Arc::new(House { guard: self.guard, status, operator });
        tokio::select! {
            () = accept(&self.listener, &house, &connections) => {}
            () = shutdown.cancelled() => {}
        }
        drop(self.listener);
        connections.close();
        connections.wait().await;
    }
}

/// What every request is answered from.
struct House {
    guard: Guard,
    status: Arc<dyn Status>,
    operator: Arc<dyn Operator>,
}

async fn accept(listener: &TcpListener, house: &Arc<House>, connections: &TaskTracker) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    // Acquiring fails only if the semaphore were closed, which nobody does.
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                let answered = timeout(WHOLE_TIMEOUT, exchange(stream, Arc::clone(house)));
                connections.spawn(async move {
                    // Whoever takes longer than that is not waited for.
                    let _ = answered.await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the admin listener cannot accept connections for the moment");
                sleep(EXHAUSTED).await;
            }
        }
    }
}

async fn exchange(stream: TcpStream, house: Arc<House>) {
    let service = service_fn(|request: Request<Incoming>| {
        let (head, _) = request.into_parts();
        let house = Arc::clone(&house);
        async move {
            let House { guard, status, operator } = &*house;
            Ok::<_, Infallible>(route::answer(&head, guard, status.as_ref(), operator.as_ref()).await)
        }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "admin connection ended");
    }
}

impl fmt::Debug for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bound").field("address", &self.address).finish_non_exhaustive()
    }
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unprotected(address) => write!(
                f,
                "the admin listener at {address} would be open to the network without a token; \
                 set a token, or bind it to 127.0.0.1 or [::1]"
            ),
            Self::EmptyToken => {
                f.write_str("the token of the admin listener is empty; set one, or leave it out on loopback")
            }
            Self::Io(error) => write!(f, "the admin listener cannot be bound: {error}"),
        }
    }
}

impl error::Error for BindError {}
