//! Keys and values that outlive calls, instances and reloads.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;

use crate::StateFault;

/// Where keys live, and how much of them there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space<'a> {
    /// The namespace.
    pub name: &'a str,
    /// What it may hold, beside the back end's own bounds.
    pub quota: Quota,
}

/// What a namespace may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Keys.
    pub keys: usize,
    /// Bytes of keys and values.
    pub bytes: usize,
}

impl Default for Quota {
    fn default() -> Self {
        Self { keys: usize::MAX, bytes: usize::MAX }
    }
}

/// Keys with values. A `ttl` counts from `now_ms`; without one a value stays until it is deleted. A quota that has become
/// smaller takes nothing away; it only refuses what would be more.
pub trait Kv: Send + Sync + 'static {
    /// Reads a value.
    fn get<'a>(
        &'a self,
        space: Space<'a>,
        key: &'a str,
        now_ms: u64,
    ) -> BoxFuture<'a, Result<Option<Bytes>, StateFault>>;

    /// Writes a value.
    fn put<'a>(
        &'a self,
        space: Space<'a>,
        key: &'a str,
        value: Bytes,
        ttl: Option<Duration>,
        now_ms: u64,
    ) -> BoxFuture<'a, Result<(), StateFault>>;

    /// Removes a key; one that is not there is no error.
    fn delete<'a>(&'a self, space: Space<'a>, key: &'a str) -> BoxFuture<'a, Result<(), StateFault>>;

    /// Adds to a number and returns the sum. A missing key counts as 0, and only then does `ttl` apply. The number is
    /// kept as decimal text, so `get` can read it.
    fn add<'a>(
        &'a self,
        space: Space<'a>,
        key: &'a str,
        delta: i64,
        ttl: Option<Duration>,
        now_ms: u64,
    ) -> BoxFuture<'a, Result<i64, StateFault>>;

    /// Writes if the present value is `expect` (none: no such key) and says whether it did.
    fn cas<'a>(
        &'a self,
        space: Space<'a>,
        key: &'a str,
        expect: Option<Bytes>,
        value: Bytes,
        ttl: Option<Duration>,
        now_ms: u64,
    ) -> BoxFuture<'a, Result<bool, StateFault>>;
}
