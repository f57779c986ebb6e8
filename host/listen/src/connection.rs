//! The life of one connection: handshake, exchanges, and the many ways it ends.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::activity::{Activity, Standing};
use crate::front::Front;
use crate::repoll::Repoll;
use crate::wire::Wire;

/// Serves one accepted connection to its end. `stopping` asks it to finish what it has, `killed` ends it as it is.
pub(crate) async fn serve(
    front: Arc<Front>,
    stream: TcpStream,
    stopping: CancellationToken,
    killed: CancellationToken,
) {
    // Small replies must not wait for an acknowledgement. Without it they would be slow, not wrong.
    let _ = stream.set_nodelay(true);
    let Some(tls) = front.settings.tls.clone() else {
        return exchange(front, stream, stopping, killed).await;
    };
    let handshake = timeout(front.settings.limits.handshake_timeout, TlsAcceptor::from(tls).accept(stream));
    tokio::select! {
        outcome = handshake => match outcome {
            Ok(Ok(stream)) => exchange(front, stream, stopping, killed).await,
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
    let service = service_fn(|request: Request<Incoming>| {
        let exchange = activity.begin(request.version());
        Arc::clone(&front).answer(request, exchange)
    });
    let connection = pin!(http.serve_connection(TokioIo::new(wire), service));
    let mut connection = Repoll::new(connection);
    let mut look = interval((limits.header_timeout.min(limits.idle_timeout) / 4).max(Duration::from_millis(10)));
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let aged = sleep_until(Instant::now() + with_jitter(limits.max_age));
    let mut aged = pin!(aged);
    let mut leaving = false;
    loop {
        let leave = tokio::select! {
            outcome = &mut connection => {
                if let Err(error) = outcome {
                    tracing::debug!(%error, "connection ended");
                }
                return;
            }
            () = killed.cancelled() => return,
            () = stopping.cancelled(), if !leaving => true,
            () = activity.worn.notified(), if !leaving => true,
            () = aged.as_mut(), if !leaving => true,
            _ = look.tick() => {
                activity.cut_unread(&limits);
                match activity.standing(&limits) {
                    Standing::Fine => false,
                    // Asked to go once already, and still here: it does not read.
                    Standing::Idle if leaving => return,
                    Standing::Idle => true,
                    Standing::Loitering => return,
                }
            }
        };
        if leave {
            leaving = true;
            connection.inner().graceful_shutdown();
        }
    }
}

/// A tenth more or less, so that clients that came together do not come back together.
fn with_jitter(age: Duration) -> Duration {
    age.mul_f64(0.9 + 0.2 * rand::random::<f64>())
}
