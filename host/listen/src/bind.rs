//! A listener: bound first, so that its address is known; served then, until it is told to stop.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::net::{TcpListener, TcpStream, ToSocketAddrs};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::front::Front;
use crate::peers::Peers;
use crate::{Generation, Settings, connection};

/// How long accepting rests when the system has no descriptors left; without a rest it would spin.
const EXHAUSTED: Duration = Duration::from_millis(100);

/// Binds an address. Nobody is served yet, but whoever connects waits instead of being refused.
pub async fn bind(address: impl ToSocketAddrs) -> io::Result<Bound> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    Ok(Bound { listener, address })
}

/// A bound address.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    address: SocketAddr,
}

impl Bound {
    /// The address, with the port that was chosen if none was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown`, then lets running calls end for at most [`Limits::drain`](crate::Limits::drain).
    pub async fn serve(self, settings: Settings, generation: Arc<ArcSwap<Generation>>, shutdown: CancellationToken) {
        let drain = settings.limits.drain;
        let bounds = (settings.limits.max_connections, Peers::new(settings.limits.max_connections_per_peer));
        let gauges = Arc::clone(&settings.gauges);
        let front = Front::new(settings, self.address, generation);
        gauges.read(&front);
        let killed = CancellationToken::new();
        let connections = TaskTracker::new();
        let sweeper = tokio::spawn(Arc::clone(&front).sweep(shutdown.clone()));
        let accepting = accept(&self.listener, &front, bounds, &connections, &shutdown, &killed);
        tokio::select! {
            () = accepting => {}
            () = shutdown.cancelled() => {}
        }
        drop(self.listener);
        front.closing.cancel();
        connections.close();
        front.walks.close();
        // A connection can still begin a walk, a walk no connection.
        let ended = async {
            connections.wait().await;
            front.walks.wait().await;
        };
        if timeout(drain, ended).await.is_err() {
            let (open, running) = (connections.len(), front.walks.len());
            tracing::warn!(connections = open, calls = running, "the drain deadline passed; what still runs is cut");
            front.cut.cancel();
            killed.cancel();
            connections.wait().await;
            front.walks.wait().await;
        }
        let _ = sweeper.await;
    }
}

async fn accept(
    listener: &TcpListener,
    front: &Arc<Front>,
    (max_connections, peers): (usize, Arc<Peers>),
    connections: &TaskTracker,
    shutdown: &CancellationToken,
    killed: &CancellationToken,
) {
    let places = Arc::new(Semaphore::new(max_connections));
    loop {
        // Ends only if the semaphore were closed, which nobody does.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let (stream, peer) = next(listener).await;
        let Ok(peer) = peers.enter(peer.ip()) else {
            tracing::debug!(%peer, "a connection too many of this address; closed");
            continue;
        };
        let (front, shutdown, killed) = (Arc::clone(front), shutdown.clone(), killed.clone());
        connections.spawn(connection::serve(front, stream, shutdown, killed, (place, peer)));
    }
}

async fn next(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections for the moment");
                sleep(EXHAUSTED).await;
            }
        }
    }
}

/// The client was gone before we came to it: nothing is wrong with us.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
