//! Keys and values that gateways share.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt};
use redis::{FromRedisValue, Value, from_redis_value};

use super::Redis;
use crate::{Kv, Space, StateFault};

/// Redis takes no later moment.
const LONGEST_TTL_MS: u128 = 3_000_000_000_000;

/// A change of one value.
struct Change<'a> {
    verb: &'a str,
    ttl: Option<Duration>,
    /// What the verb needs.
    words: &'a [&'a [u8]],
}

impl Kv for Redis {
    fn get<'a>(&'a self, space: Space<'a>, key: &'a str, _: u64) -> BoxFuture<'a, Result<Option<Bytes>, StateFault>> {
        async move {
            let name = self.0.names(space.name).of("value", key);
            let found = self.0.link.ask(async |mut connection| {
                redis::cmd("GET").arg(name).query_async::<Option<Vec<u8>>>(&mut connection).await
            });
            Ok(found.await?.map(Bytes::from))
        }
        .boxed()
    }

    fn put<'a>(
        &'a self,
        space: Space<'a>,
        key: &'a str,
        value: Bytes,
        ttl: Option<Duration>,
        _: u64,
    ) -> BoxFuture<'a, Result<(), StateFault>> {
        async move {
            let words = [&value[..]];
            self.change(space, key, &Change { verb: "put", ttl, words: &words }).await.map(drop)
        }
        .boxed()
    }

    fn delete<'a>(&'a self, space: Space<'a>, key: &'a str) -> BoxFuture<'a, Result<(), StateFault>> {
        async move { self.change(space, key, &Change { verb: "delete", ttl: None, words: &[] }).await.map(drop) }
            .boxed()
    }

    fn add<'a>(
        &'a self,
        space: Space<'a>,
        key: &'a str,
        delta: i64,
        ttl: Option<Duration>,
        _: u64,
    ) -> BoxFuture<'a, Result<i64, StateFault>> {
        async move {
            let delta = delta.to_string();
            let words = [delta.as_bytes()];
            let sum = self.change(space, key, &Change { verb: "add", ttl, words: &words }).await?;
            read::<String>(sum)?.parse().map_err(|_| strange())
        }
        .boxed()
    }

    fn cas<'a>(
        &'a self,
        space: Space<'a>,
        key: &'a str,
        expect: Option<Bytes>,
        value: Bytes,
        ttl: Option<Duration>,
        _: u64,
    ) -> BoxFuture<'a, Result<bool, StateFault>> {
        async move {
            let words: Vec<&[u8]> = [Some(&value[..]), expect.as_deref()].into_iter().flatten().collect();
            let done = self.change(space, key, &Change { verb: "cas", ttl, words: &words }).await?;
            Ok(read::<u8>(done)? == 1)
        }
        .boxed()
    }
}

impl Redis {
    async fn change(&self, space: Space<'_>, key: &str, change: &Change<'_>) -> Result<Value, StateFault> {
        let names = self.0.names(space.name);
        let bounds = self.0.bounds;
        let (keys, bytes) = (space.quota.keys.min(bounds.keys), space.quota.bytes.min(bounds.bytes));
        let ttl = change.ttl.map_or(String::new(), |ttl| ttl.as_millis().min(LONGEST_TTL_MS).to_string());
        let answer = self.0.link.ask(async |mut connection| {
            let mut script = self.0.values.prepare_invoke();
            script.key(names.of("value", key)).key(names.about("ages")).key(names.about("sizes"));
            script.key(names.about("bytes")).arg(change.verb).arg(key).arg(keys).arg(bytes).arg(&ttl);
            for word in change.words {
                script.arg(*word);
            }
            script.invoke_async::<Vec<Value>>(&mut connection).await
        });
        let mut answer = answer.await?.into_iter();
        let (outcome, told) = (answer.next().ok_or_else(strange)?, answer.next().unwrap_or(Value::Nil));
        match read::<String>(outcome)?.as_str() {
            "ok" => Ok(told),
            "keys" => Err(StateFault::Full(format!("the {keys} keys this namespace may have are in use"))),
            "bytes" => Err(StateFault::Full(format!("the values of this namespace fill their {bytes} bytes"))),
            _ => Err(StateFault::Invalid(format!(
                "`{key}` holds something that is no whole number, or the sum does not fit into 64 bits"
            ))),
        }
    }
}

fn read<T: FromRedisValue>(value: Value) -> Result<T, StateFault> {
    from_redis_value(value).map_err(|_| strange())
}

fn strange() -> StateFault {
    StateFault::Unavailable("Redis gave an answer that the script does not give".to_owned())
}
