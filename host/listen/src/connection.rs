//! The life of one connection: handshake, exchanges, and the many ways it ends.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use hyper::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::Limits;
use crate::activity::{Activity, Standing};
use crate::front::Front;
use crate::repoll::Repoll;
use crate::wire::Wire;

/// Serves one accepted connection to its end, and then lets go of what it held. `stopping` asks it to finish what it has,
/// `killed` ends it as it is.
///
/// The two kinds of connection are boxed: a future has room for every branch it may take, and a thousand idle clients without
/// TLS would hold a thousand times the room of a TLS session.
pub(crate) async fn serve<H>(
    front: Arc<Front>,
    stream: TcpStream,
    stopping: CancellationToken,
    killed: CancellationToken,
    held: H,
) {
    // Small replies must not wait for an acknowledgement. Without it they would be slow, not wrong.
    let _ = stream.set_nodelay(true);
    match front.settings.tls.clone() {
        None => exchange(front, stream, stopping, killed).boxed().await,
        Some(tls) => secured(front, TlsAcceptor::from(tls), stream, stopping, killed).boxed().await,
    }
    drop(held);
}

async fn secured(
    front: Arc<Front>,
    tls: TlsAcceptor,
    stream: TcpStream,
    stopping: CancellationToken,
    killed: CancellationToken,
) {
    let handshake = timeout(front.settings.limits.handshake_timeout, tls.accept(stream));
    tokio::select! {
        outcome = handshake => match outcome {
            Ok(Ok(stream)) => exchange(front, stream, stopping, killed).boxed().await,
            Ok(Err(error)) => tracing::debug!(%error, "TLS handshake failed"),
            Err(_) => tracing::debug!("TLS handshake took too long"),
        },
        () = stopping.cancelled() => {}
    }
}

async fn exchange<T>(front: Arc<Front>, stream: T, stopping: CancellationToken, killed: CancellationToken)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let limits = front.settings.limits.clone();
    let activity = Activity::new(limits.max_exchanges);
    let wire = Wire::new(stream, Arc::clone(&activity), limits.write_stall);
    let http = limits.http();
    // Boxed: hyper keeps a place as large as the future of an exchange for as long as the connection is open.
    let service = service_fn(|request: Request<Incoming>| {
        let exchange = activity.begin(request.version());
        Arc::clone(&front).answer(request, exchange).boxed()
    });
    let connection = pin!(http.serve_connection(TokioIo::new(wire), service));
    let mut connection = Repoll::new(connection);
    let watch = Watch { activity: &activity, limits: &limits, stopping, killed, aged: with_jitter(limits.max_age) };
    // In a set, so that it is polled when something happened to it and not each time the connection is.
    let mut watching: FuturesUnordered<_> = [watch.first()].into_iter().collect();
    loop {
        let order = tokio::select! {
            biased;
            outcome = &mut connection => {
                if let Err(error) = outcome {
                    tracing::debug!(%error, "connection ended");
                }
                return;
            }
            order = watching.select_next_some() => order,
        };
        match order {
            Order::End => return,
            Order::Leave => {
                connection.inner().graceful_shutdown();
                activity.leaving.cancel();
                watching.push(watch.last());
            }
        }
    }
}

/// What may end a connection beside its client.
struct Watch<'c> {
    activity: &'c Activity,
    limits: &'c Limits,
    stopping: CancellationToken,
    killed: CancellationToken,
    aged: Duration,
}

/// What a connection has to do.
enum Order {
    /// Take no further exchange.
    Leave,
    /// End as it is.
    End,
}

impl Watch<'_> {
    /// Until something speaks against the connection.
    fn first(&self) -> BoxFuture<'_, Order> {
        async {
            tokio::select! {
                order = self.looks(false) => order,
                () = self.killed.cancelled() => Order::End,
                () = self.stopping.cancelled() => Order::Leave,
                () = self.activity.worn.notified() => Order::Leave,
                () = sleep(self.aged) => Order::Leave,
            }
        }
        .boxed()
    }

    /// Once it was asked to go.
    fn last(&self) -> BoxFuture<'_, Order> {
        async {
            tokio::select! {
                order = self.looks(true) => order,
                () = self.killed.cancelled() => Order::End,
            }
        }
        .boxed()
    }

    async fn looks(&self, leaving: bool) -> Order {
        let every = self.limits.header_timeout.min(self.limits.idle_timeout) / 4;
        let mut look = interval(every.max(Duration::from_millis(10)));
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            look.tick().await;
            self.activity.cut_unread(self.limits);
            match self.activity.standing(self.limits) {
                Standing::Fine => {}
                // Asked to go once already, and still here: it does not read.
                Standing::Idle if leaving => return Order::End,
                Standing::Idle => return Order::Leave,
                Standing::Loitering => return Order::End,
            }
        }
    }
}

/// A tenth more or less, so that clients that came together do not come back together.
pub(crate) fn with_jitter(age: Duration) -> Duration {
    age.mul_f64(0.9 + 0.2 * rand::random::<f64>())
}
