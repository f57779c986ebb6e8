//! `limiter`: counting that is atomic over all instances.

use std::sync::Arc;

use cardea_chain::Import;
use wasmtime::Result;

use super::host_error;
use crate::bindings::cardea::plugin::limiter::{Bucket, Host, Period, Rule, Taken};
use crate::bindings::cardea::plugin::types::HostError;
use crate::guest::Guest;

const KEY_BYTES: usize = 512;
/// Buckets one take may name.
const BUCKETS: usize = 16;

impl Host for Guest {
    async fn take(&mut self, buckets: Vec<Bucket>) -> Result<Result<Taken, HostError>> {
        let (limiter, namespace, now_ms) = self.limiter()?;
        let buckets = match self.may_write().and_then(|()| read(buckets)) {
            Ok(buckets) => buckets,
            Err(fault) => return Ok(Err(fault)),
        };
        let holds = buckets.iter().any(|bucket| matches!(bucket.rule, cardea_state::Rule::Concurrent(_)));
        if holds && self.visit.call.is_none() {
            return Ok(Err(HostError::Denied(
                "concurrent slots are held by a call, and there is none here".to_owned(),
            )));
        }
        let tape = self.visit.tape.clone();
        if let Some(played) = tape.as_ref().filter(|tape| tape.is_playing()) {
            return Ok(played.taken(&buckets));
        }
        let answer = match limiter.take(&namespace, &buckets, now_ms).await {
            Ok(mut taken) => {
                if let Some(permit) = taken.permit.take() {
                    self.effects.held.push(Box::new(permit));
                }
                Ok(taken.into())
            }
            Err(fault) => Err(host_error(fault)),
        };
        if let Some(tape) = tape {
            tape.note_taken(&buckets, &answer);
        }
        Ok(answer)
    }

    async fn settle(&mut self, bucket: Bucket, delta: i64) -> Result<Result<(), HostError>> {
        let (limiter, namespace, now_ms) = self.limiter()?;
        let buckets = match self.may_write().and_then(|()| read(vec![bucket])) {
            Ok(buckets) => buckets,
            Err(fault) => return Ok(Err(fault)),
        };
        let tape = self.visit.tape.clone();
        if let Some(played) = tape.as_ref().filter(|tape| tape.is_playing()) {
            return Ok(played.settled(&buckets[0], delta));
        }
        let answer = limiter.settle(&namespace, &buckets[0], delta, now_ms).await.map_err(host_error);
        if let Some(tape) = tape {
            tape.note_settled(&buckets[0], delta, &answer);
        }
        Ok(answer)
    }
}

impl Guest {
    fn limiter(&mut self) -> Result<(Arc<dyn cardea_state::Limiter>, String, u64)> {
        self.charge(Import::Limiter)?;
        let now_ms = self.now_ms();
        Ok((Arc::clone(&self.facts.capabilities.limiter), self.namespace(), now_ms))
    }
}

fn read(buckets: Vec<Bucket>) -> Result<Vec<cardea_state::Bucket>, HostError> {
    if buckets.len() > BUCKETS {
        return Err(HostError::Invalid(format!("{} buckets; at most {BUCKETS} are taken at once", buckets.len())));
    }
    if let Some(long) = buckets.iter().find(|bucket| bucket.key.len() > KEY_BYTES) {
        let length = long.key.len();
        return Err(HostError::Invalid(format!("the key has {length} bytes; at most {KEY_BYTES} are allowed")));
    }
    Ok(buckets.into_iter().map(cardea_state::Bucket::from).collect())
}

impl From<Bucket> for cardea_state::Bucket {
    fn from(Bucket { key, rule, cost }: Bucket) -> Self {
        let rule = match rule {
            Rule::Rate(rate) => cardea_state::Rule::Rate(cardea_state::Rate {
                capacity: rate.capacity,
                refill_per_second: rate.refill_per_second,
            }),
            Rule::Window(window) => cardea_state::Rule::Window(cardea_state::Window {
                limit: window.limit,
                per: window.per.into(),
                utc_offset_minutes: window.utc_offset_minutes,
            }),
            Rule::Concurrent(most) => cardea_state::Rule::Concurrent(most),
        };
        Self { key, rule, cost }
    }
}

impl From<Period> for cardea_state::Period {
    fn from(period: Period) -> Self {
        match period {
            Period::Minute => Self::Minute,
            Period::Hour => Self::Hour,
            Period::Day => Self::Day,
            Period::Month => Self::Month,
        }
    }
}

impl From<cardea_state::Taken> for Taken {
    fn from(taken: cardea_state::Taken) -> Self {
        // Rounded up: who comes back after the time told must not be a millisecond early.
        let millis = |time: std::time::Duration| u64::try_from(time.as_micros().div_ceil(1000)).unwrap_or(u64::MAX);
        Self {
            allowed: taken.allowed,
            bucket: u32::try_from(taken.bucket).unwrap_or(u32::MAX),
            remaining: taken.remaining,
            retry_after_ms: millis(taken.retry_after),
            reset_ms: millis(taken.reset),
            ext_json: None,
        }
    }
}
