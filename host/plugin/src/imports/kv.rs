//! `kv`: keys and values that outlive calls.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cardea_chain::Import;
use cardea_state::{Quota, Space};
use wasmtime::Result;

use super::host_error;
use crate::bindings::cardea::plugin::kv::Host;
use crate::bindings::cardea::plugin::types::HostError;
use crate::guest::Guest;

const KEY_BYTES: usize = 512;
const VALUE_BYTES: usize = 256 << 10;

impl Host for Guest {
    async fn get(&mut self, key: String) -> Result<Result<Option<Vec<u8>>, HostError>> {
        let Some((kv, keys, now_ms)) = self.kv()? else { return Ok(Err(not_granted())) };
        if let Err(fault) = check(&key, 0) {
            return Ok(Err(fault));
        }
        let value = kv.get(keys.space(), &key, now_ms).await;
        Ok(value.map(|value| value.map(Vec::from)).map_err(host_error))
    }

    async fn put(&mut self, key: String, value: Vec<u8>, ttl_ms: Option<u64>) -> Result<Result<(), HostError>> {
        let Some((kv, keys, now_ms)) = self.kv()? else { return Ok(Err(not_granted())) };
        if let Err(fault) = self.may_write().and_then(|()| check(&key, value.len())) {
            return Ok(Err(fault));
        }
        Ok(kv.put(keys.space(), &key, Bytes::from(value), ttl(ttl_ms), now_ms).await.map_err(host_error))
    }

    async fn delete(&mut self, key: String) -> Result<Result<(), HostError>> {
        let Some((kv, keys, _)) = self.kv()? else { return Ok(Err(not_granted())) };
        if let Err(fault) = self.may_write().and_then(|()| check(&key, 0)) {
            return Ok(Err(fault));
        }
        Ok(kv.delete(keys.space(), &key).await.map_err(host_error))
    }

    async fn add(&mut self, key: String, delta: i64, ttl_ms: Option<u64>) -> Result<Result<i64, HostError>> {
        let Some((kv, keys, now_ms)) = self.kv()? else { return Ok(Err(not_granted())) };
        if let Err(fault) = self.may_write().and_then(|()| check(&key, 0)) {
            return Ok(Err(fault));
        }
        Ok(kv.add(keys.space(), &key, delta, ttl(ttl_ms), now_ms).await.map_err(host_error))
    }

    async fn cas(
        &mut self,
        key: String,
        expect: Option<Vec<u8>>,
        value: Vec<u8>,
        ttl_ms: Option<u64>,
    ) -> Result<Result<bool, HostError>> {
        let Some((kv, keys, now_ms)) = self.kv()? else { return Ok(Err(not_granted())) };
        if let Err(fault) = self.may_write().and_then(|()| check(&key, value.len())) {
            return Ok(Err(fault));
        }
        let (expect, value) = (expect.map(Bytes::from), Bytes::from(value));
        Ok(kv.cas(keys.space(), &key, expect, value, ttl(ttl_ms), now_ms).await.map_err(host_error))
    }
}

impl Guest {
    /// None for a plugin that can do without, at a stage that does not grant it.
    fn kv(&mut self) -> Result<Option<Reach>> {
        self.charge(Import::Kv)?;
        let now_ms = self.now_ms();
        let Some(allowed) = self.facts.allowed.scope.kv else { return Ok(None) };
        let none = Quota::default();
        let quota = Quota { keys: allowed.keys.unwrap_or(none.keys), bytes: allowed.bytes.unwrap_or(none.bytes) };
        Ok(Some((Arc::clone(&self.facts.capabilities.kv), Keys { name: self.space(), quota }, now_ms)))
    }
}

/// The store, where in it the stage's keys are, and the time.
type Reach = (Arc<dyn cardea_state::Kv>, Keys, u64);

/// Where the keys of one stage and tenant live.
struct Keys {
    name: String,
    quota: Quota,
}

impl Keys {
    fn space(&self) -> Space<'_> {
        Space { name: &self.name, quota: self.quota }
    }
}

fn not_granted() -> HostError {
    HostError::Denied("the stage does not grant `kv`".to_owned())
}

fn check(key: &str, value: usize) -> Result<(), HostError> {
    if key.len() > KEY_BYTES {
        return Err(HostError::Invalid(format!("the key has {} bytes; at most {KEY_BYTES} are allowed", key.len())));
    }
    if value > VALUE_BYTES { Err(HostError::TooLarge) } else { Ok(()) }
}

fn ttl(ms: Option<u64>) -> Option<Duration> {
    ms.map(Duration::from_millis)
}
