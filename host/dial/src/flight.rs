//! Work that many wait for and nobody owns: it goes on when whoever began it leaves.

use std::future::Future;

use cardea_chain::{Fault, FaultKind, Side};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};

/// A result under way or arrived.
pub(crate) type Flight<T> = Shared<BoxFuture<'static, Result<T, Fault>>>;

/// Begins work in a task of its own.
pub(crate) fn launch<T, F>(work: F) -> Flight<T>
where
    T: Clone + Send + Sync + 'static,
    F: Future<Output = Result<T, Fault>> + Send + 'static,
{
    let task = tokio::spawn(work);
    async move { task.await.unwrap_or_else(|error| Err(broken(&error))) }.boxed().shared()
}

fn broken(error: &tokio::task::JoinError) -> Fault {
    Fault::new(Side::House, FaultKind::Internal, "The gateway failed", format!("a task broke off: {error}"))
}
