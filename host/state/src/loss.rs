//! What a use does while the state that gateways share cannot be reached.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt};

use crate::{Bucket, Kv, Limiter, Space, StateFault, Taken};

/// What a limit does meanwhile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LimiterLoss {
    /// It fails, and so does what it limits.
    #[default]
    Refuse,
    /// Every gateway counts for itself.
    Local,
    /// It lets everything pass, uncounted.
    Allow,
}

/// What keys and values do meanwhile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KvLoss {
    /// They fail.
    #[default]
    Refuse,
    /// Nothing is found, and what is written is forgotten.
    Empty,
}

/// A shared limiter that goes on without what is shared.
pub(crate) struct Lenient<S, L> {
    shared: Arc<S>,
    local: Arc<L>,
    loss: LimiterLoss,
}

/// Shared values that are as good as absent when they cannot be reached.
pub(crate) struct Forgetful<S>(Arc<S>);

impl<S, L> Lenient<S, L> {
    pub(crate) fn new(shared: Arc<S>, local: Arc<L>, loss: LimiterLoss) -> Self {
        Self { shared, local, loss }
    }
}

impl<S> Forgetful<S> {
    pub(crate) fn new(shared: Arc<S>) -> Self {
        Self(shared)
    }
}

impl<S: Limiter, L: Limiter> Limiter for Lenient<S, L> {
    fn take<'a>(
        &'a self,
        namespace: &'a str,
        buckets: &'a [Bucket],
        now_ms: u64,
    ) -> BoxFuture<'a, Result<Taken, StateFault>> {
        async move {
            match (self.shared.take(namespace, buckets, now_ms).await, self.loss) {
                (Err(fault), LimiterLoss::Local) if is_loss(&fault) => {
                    self.local.take(namespace, buckets, now_ms).await
                }
                (Err(fault), LimiterLoss::Allow) if is_loss(&fault) => Ok(uncounted(buckets)),
                (taken, _) => taken,
            }
        }
        .boxed()
    }

    fn settle<'a>(
        &'a self,
        namespace: &'a str,
        bucket: &'a Bucket,
        delta: i64,
        now_ms: u64,
    ) -> BoxFuture<'a, Result<(), StateFault>> {
        async move {
            match (self.shared.settle(namespace, bucket, delta, now_ms).await, self.loss) {
                (Err(fault), LimiterLoss::Local) if is_loss(&fault) => {
                    self.local.settle(namespace, bucket, delta, now_ms).await
                }
                (Err(fault), LimiterLoss::Allow) if is_loss(&fault) => Ok(()),
                (settled, _) => settled,
            }
        }
        .boxed()
    }
}

impl<S: Kv> Kv for Forgetful<S> {
    fn get<'a>(
        &'a self,
        space: Space<'a>,
        key: &'a str,
        now_ms: u64,
    ) -> BoxFuture<'a, Result<Option<Bytes>, StateFault>> {
        self.0.get(space, key, now_ms).map(|found| or(found, None)).boxed()
    }

    fn put<'a>(
        &'a self,
        space: Space<'a>,
        key: &'a str,
        value: Bytes,
        ttl: Option<Duration>,
        now_ms: u64,
    ) -> BoxFuture<'a, Result<(), StateFault>> {
        self.0.put(space, key, value, ttl, now_ms).map(|done| or(done, ())).boxed()
    }

    fn delete<'a>(&'a self, space: Space<'a>, key: &'a str) -> BoxFuture<'a, Result<(), StateFault>> {
        self.0.delete(space, key).map(|done| or(done, ())).boxed()
    }

    fn add<'a>(
        &'a self,
        space: Space<'a>,
        key: &'a str,
        delta: i64,
        ttl: Option<Duration>,
        now_ms: u64,
    ) -> BoxFuture<'a, Result<i64, StateFault>> {
        self.0.add(space, key, delta, ttl, now_ms).map(move |sum| or(sum, delta)).boxed()
    }

    fn cas<'a>(
        &'a self,
        space: Space<'a>,
        key: &'a str,
        expect: Option<Bytes>,
        value: Bytes,
        ttl: Option<Duration>,
        now_ms: u64,
    ) -> BoxFuture<'a, Result<bool, StateFault>> {
        let of_nothing = expect.is_none();
        self.0.cas(space, key, expect, value, ttl, now_ms).map(move |done| or(done, of_nothing)).boxed()
    }
}

/// True if the shared state was not reached; a request that makes no sense does not make more of it elsewhere.
fn is_loss(fault: &StateFault) -> bool {
    matches!(fault, StateFault::Timeout(_) | StateFault::Unavailable(_))
}

fn or<T>(done: Result<T, StateFault>, otherwise: T) -> Result<T, StateFault> {
    match done {
        Err(fault) if is_loss(&fault) => Ok(otherwise),
        done => done,
    }
}

/// As if every bucket had been full.
fn uncounted(buckets: &[Bucket]) -> Taken {
    let left = |bucket: &Bucket| bucket.rule.holds().saturating_sub(bucket.cost.into());
    let least = buckets.iter().map(left).enumerate().min_by_key(|(_, left)| *left);
    let (bucket, remaining) = least.unwrap_or((0, u64::MAX));
    Taken { allowed: true, bucket, remaining, ..Taken::default() }
}
