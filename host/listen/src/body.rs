//! Reads a request body once: bounded in size, in time, and in what all bodies hold together.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http_body::Body;
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout_at};

use crate::Limits;
use crate::respond::Rejection;

/// Bytes of bodies that are in memory, over all exchanges.
#[derive(Debug)]
pub(crate) struct Budget {
    left: AtomicUsize,
}

/// A share of the budget; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Budget {
    pub(crate) fn new(bytes: usize) -> Arc<Self> {
        Arc::new(Self { left: AtomicUsize::new(bytes) })
    }

    /// A share for bytes that are in memory already.
    pub(crate) fn share_of(self: &Arc<Self>, bytes: usize) -> Result<Share, Box<Rejection>> {
        let mut share = self.share();
        share.grow(bytes)?;
        Ok(share)
    }

    fn share(self: &Arc<Self>) -> Share {
        Share { budget: Arc::clone(self), bytes: 0 }
    }
}

impl Share {
    fn grow(&mut self, bytes: usize) -> Result<(), Box<Rejection>> {
        let taken = self.budget.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes));
        taken.map_err(|_| Rejection::overloaded("Too many bytes of requests are in work; try again"))?;
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.left.fetch_add(self.bytes, Ordering::Relaxed);
    }
}

/// Reads a body. What it holds counts against the budget for as long as the share lives.
pub(crate) async fn read<B>(body: B, limits: &Limits, budget: &Arc<Budget>) -> Result<(Bytes, Share), Box<Rejection>>
where
    B: Body<Data = Bytes>,
{
    if body.size_hint().lower() > limits.max_body as u64 {
        return Err(too_large(limits));
    }
    let mut body = pin!(body);
    let pace = Pace { started: Instant::now(), limits };
    let mut share = budget.share();
    let mut text = Text::Empty;
    loop {
        let frame = timeout_at(pace.patience(text.len()), body.as_mut().frame()).await.map_err(|_| too_slow())?;
        let Some(frame) = frame else { return Ok((text.into_bytes(), share)) };
        let frame = frame.map_err(|_| Rejection::invalid(StatusCode::BAD_REQUEST, "The body cannot be read"))?;
        // Trailers say nothing to us: whoever sent them is not asked twice.
        let Ok(data) = frame.into_data() else { continue };
        if text.len() + data.len() > limits.max_body {
            return Err(too_large(limits));
        }
        share.grow(data.len())?;
        text.push(data);
    }
}

/// How long the next bytes may take: the more has come, the longer, but never beyond the timeout.
struct Pace<'l> {
    started: Instant,
    limits: &'l Limits,
}

impl Pace<'_> {
    fn patience(&self, received: usize) -> Instant {
        let earned = Duration::from_secs_f64(received as f64 / f64::from(self.limits.body_rate.max(1)));
        self.started + (self.limits.body_grace + earned).min(self.limits.body_timeout)
    }
}

/// A body in one piece stays where it was read into; only further pieces cost a copy.
enum Text {
    Empty,
    One(Bytes),
    Many(BytesMut),
}

impl Text {
    fn len(&self) -> usize {
        match self {
            Self::Empty => 0,
            Self::One(piece) => piece.len(),
            Self::Many(pieces) => pieces.len(),
        }
    }

    fn push(&mut self, data: Bytes) {
        match std::mem::replace(self, Self::Empty) {
            Self::Empty => *self = Self::One(data),
            Self::One(first) => {
                let mut pieces = BytesMut::with_capacity((first.len() + data.len()) * 2);
                pieces.extend_from_slice(&first);
                pieces.extend_from_slice(&data);
                *self = Self::Many(pieces);
            }
            Self::Many(mut pieces) => {
                pieces.extend_from_slice(&data);
                *self = Self::Many(pieces);
            }
        }
    }

    fn into_bytes(self) -> Bytes {
        match self {
            Self::Empty => Bytes::new(),
            Self::One(piece) => piece,
            Self::Many(pieces) => pieces.freeze(),
        }
    }
}

fn too_large(limits: &Limits) -> Box<Rejection> {
    let message = format!("The body is larger than {} bytes", limits.max_body);
    Rejection::invalid(StatusCode::PAYLOAD_TOO_LARGE, message)
}

fn too_slow() -> Box<Rejection> {
    Rejection::invalid(StatusCode::REQUEST_TIMEOUT, "The body did not arrive in time")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::convert::Infallible;

    use futures_util::{StreamExt, stream};
    use http_body::Frame;
    use http_body_util::StreamBody;
    use tokio::time::sleep;

    use super::*;

    fn pieces(sizes: Vec<usize>, pause: Duration) -> impl Body<Data = Bytes, Error = Infallible> {
        StreamBody::new(stream::iter(sizes).then(move |size| async move {
            sleep(pause).await;
            Ok(Frame::data(Bytes::from(vec![b' '; size])))
        }))
    }

    async fn read_of(sizes: Vec<usize>, pause: Duration) -> Result<usize, StatusCode> {
        let limits = Limits { max_body: 64 * 1024, max_buffered: 32 * 1024, ..Limits::default() };
        let budget = Budget::new(limits.max_buffered);
        let outcome = read(pieces(sizes, pause), &limits, &budget).await;
        let told = outcome.map(|(text, _)| text.len()).map_err(|rejection| rejection.into_response().status());
        assert_eq!(budget.left.load(Ordering::Relaxed), limits.max_buffered, "the share went back");
        told
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_is_bounded_in_size_and_by_what_others_hold() {
        assert_eq!(read_of(vec![1000, 0, 2000], Duration::ZERO).await, Ok(3000));
        assert_eq!(read_of(vec![], Duration::ZERO).await, Ok(0));
        assert_eq!(read_of(vec![70_000], Duration::ZERO).await, Err(StatusCode::PAYLOAD_TOO_LARGE));
        assert_eq!(read_of(vec![20_000, 20_000], Duration::ZERO).await, Err(StatusCode::SERVICE_UNAVAILABLE));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_must_keep_its_pace() {
        assert_eq!(read_of(vec![1; 100], Duration::from_secs(1)).await, Err(StatusCode::REQUEST_TIMEOUT));
        assert_eq!(read_of(vec![2048; 15], Duration::from_secs(1)).await, Ok(30_720));
        assert_eq!(read_of(vec![2048; 15], Duration::from_secs(8)).await, Err(StatusCode::REQUEST_TIMEOUT));
    }
}
