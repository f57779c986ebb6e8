//! The imports that need a grant: `kv`, `limiter`, `journal`, `jose`.

/// Keys and values that outlive calls.
#[allow(missing_docs, reason = "documented in wit/kv.wit")]
pub mod kv {
    use super::super::super::world::{World, with};
    use crate::HostError;

    /// Longest key in bytes.
    const KEY: usize = 512;
    /// Largest value in bytes.
    const VALUE: usize = 256 * 1024;

    fn act<R>(key: &str, act: impl FnOnce(&mut World) -> Result<R, HostError>) -> Result<R, HostError> {
        with(|world| {
            world.check_granted("kv")?;
            if key.len() > KEY {
                return Err(HostError::Invalid(format!("the key has {} bytes; at most {KEY} are allowed", key.len())));
            }
            act(world)
        })
    }

    pub fn get(key: &str) -> Result<Option<Vec<u8>>, HostError> {
        act(key, |world| Ok(world.kv.get(key).cloned()))
    }

    pub fn put(key: &str, value: &[u8], _ttl_ms: Option<u64>) -> Result<(), HostError> {
        act(key, |world| {
            if value.len() > VALUE {
                return Err(HostError::TooLarge);
            }
            world.kv.insert(key.to_owned(), value.to_vec());
            Ok(())
        })
    }

    pub fn delete(key: &str) -> Result<(), HostError> {
        act(key, |world| {
            world.kv.remove(key);
            Ok(())
        })
    }

    pub fn add(key: &str, delta: i64, _ttl_ms: Option<u64>) -> Result<i64, HostError> {
        act(key, |world| {
            let present = world.kv.get(key).map_or(Ok(0), |bytes| {
                std::str::from_utf8(bytes)
                    .ok()
                    .and_then(|text| text.parse::<i64>().ok())
                    .ok_or(HostError::Invalid(format!("`{key}` holds no number")))
            })?;
            let sum = present.checked_add(delta).ok_or(HostError::Invalid("the sum is beyond 64 bits".to_owned()))?;
            world.kv.insert(key.to_owned(), sum.to_string().into_bytes());
            Ok(sum)
        })
    }

    pub fn cas(key: &str, expect: Option<&[u8]>, value: &[u8], ttl_ms: Option<u64>) -> Result<bool, HostError> {
        let as_expected = act(key, |world| Ok(world.kv.get(key).map(Vec::as_slice) == expect))?;
        if as_expected {
            put(key, value, ttl_ms)?;
        }
        Ok(as_expected)
    }
}

/// Counting that is atomic.
#[allow(missing_docs, reason = "documented in wit/limiter.wit")]
pub mod limiter {
    pub use crate::bindings::base::cardea::plugin::limiter::{Bucket, Period, Rate, Rule, Taken, Window};

    use super::super::super::world::with;
    use crate::HostError;

    pub fn take(buckets: &[Bucket]) -> Result<Taken, HostError> {
        with(|world| {
            world.check_granted("limiter")?;
            world.taken.extend_from_slice(buckets);
            let answer = world.limiter.pop_front();
            answer.map_or(Err(HostError::Other("given.limiter has no answer left".to_owned())), |answer| {
                answer.to_result()
            })
        })
    }

    pub fn settle(bucket: &Bucket, delta: i64) -> Result<(), HostError> {
        with(|world| {
            world.check_granted("limiter")?;
            world.settled.push((bucket.clone(), delta));
            Ok(())
        })
    }
}

/// The audit record of the current call.
#[allow(missing_docs, reason = "documented in wit/journal.wit")]
pub mod journal {
    pub use crate::bindings::base::cardea::plugin::journal::{Document, Treatment};

    use super::super::super::document::is_pointer;
    use super::super::super::world::{World, with};
    use crate::HostError;

    fn check(world: &World) -> Result<(), HostError> {
        world.check_granted("journal")?;
        if world.has_call() { Ok(()) } else { Err(HostError::Denied("there is no call to record".to_owned())) }
    }

    pub fn include(document: Document, pointer: &str, treatment: Treatment) -> Result<(), HostError> {
        with(|world| {
            check(world)?;
            if !is_pointer(pointer) {
                return Err(HostError::Invalid(format!("`{pointer}` is no JSON pointer")));
            }
            world.includes.push((document, pointer.to_owned(), treatment));
            Ok(())
        })
    }

    pub fn note(key: &str, json: &str) -> Result<(), HostError> {
        with(|world| {
            check(world)?;
            world.notes.insert(key.to_owned(), json.to_owned());
            Ok(())
        })
    }
}

/// Signed tokens.
#[allow(missing_docs, reason = "documented in wit/jose.wit")]
pub mod jose {
    pub use crate::bindings::base::cardea::plugin::jose::{Proof, TokenError};

    use super::super::super::world::{World, with};

    fn ask<T>(answer: impl FnOnce(&World) -> Option<Result<T, TokenError>>) -> Result<T, TokenError> {
        with(|world| {
            world.check_granted("jose").map_err(|_| TokenError::Unavailable("jose is not granted".to_owned()))?;
            answer(world).unwrap_or_else(|| Err(TokenError::Malformed("the case does not have it".to_owned())))
        })
    }

    pub fn verify(token: &str, _issuer: &str) -> Result<String, TokenError> {
        ask(|world| Some(world.given.tokens.get(token)?.to_result()))
    }

    pub fn verify_proof(proof: &str) -> Result<Proof, TokenError> {
        ask(|world| Some(world.given.proofs.get(proof)?.to_result()))
    }
}
