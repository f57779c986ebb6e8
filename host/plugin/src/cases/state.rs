//! A limiter and issuers that answer what the case says, and a store that holds what it gives.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use cardea_grant::{IpNet, Issuer};
use cardea_jose::{Proof, TokenFault, Verified, Verifiers, Verify};
use cardea_sdk::jose::TokenError;
use cardea_sdk::limiter as sdk;
use cardea_sdk::testing::case::Case;
use cardea_sdk::testing::given::{ErrorName, LimiterAnswer, Numbers, ProofAnswer, TokenAnswer};
use cardea_sdk::testing::observed::Observed;
use cardea_state::{Bucket, Kv, Limiter, Period, Rule, Space, StateFault, Taken};
use futures_util::future::{BoxFuture, ready};

/// The back ends of one case.
pub(super) struct Scripted {
    failing: Option<StateFault>,
    script: Mutex<Script>,
    issuers: Arc<Issuers>,
}

/// Every issuer there is.
struct Issuers {
    tokens: BTreeMap<String, TokenAnswer>,
    proofs: BTreeMap<String, ProofAnswer>,
}

struct Script {
    answers: VecDeque<LimiterAnswer>,
    taken: Vec<sdk::Bucket>,
    settled: Vec<(sdk::Bucket, i64)>,
    kv: BTreeMap<String, Vec<u8>>,
}

/// The fault behind an error name, if state can have it.
pub(super) fn fault(name: ErrorName) -> Option<StateFault> {
    let why = || "by the case".to_owned();
    match name {
        ErrorName::Invalid => Some(StateFault::Invalid(why())),
        ErrorName::Busy => Some(StateFault::Full(why())),
        ErrorName::Timeout => Some(StateFault::Timeout(why())),
        ErrorName::Unavailable => Some(StateFault::Unavailable(why())),
        ErrorName::Denied | ErrorName::NotFound | ErrorName::TooLarge | ErrorName::Other => None,
    }
}

impl Scripted {
    pub(super) fn of(case: &Case) -> Result<Self, String> {
        let given = &case.given;
        for answer in &given.limiter {
            if let LimiterAnswer::Error(name) = answer
                && fault(*name).is_none()
            {
                return Err(format!("a limiter cannot fail with {name:?}"));
            }
        }
        Ok(Self {
            failing: given.failing.get("kv").and_then(|name| fault(*name)),
            issuers: Arc::new(Issuers { tokens: given.tokens.clone(), proofs: given.proofs.clone() }),
            script: Mutex::new(Script {
                answers: given.limiter.iter().copied().collect(),
                taken: Vec::new(),
                settled: Vec::new(),
                kv: given.kv.iter().map(|(key, text)| (key.clone(), text.clone().into_bytes())).collect(),
            }),
        })
    }

    /// What was asked of it and what it holds now.
    pub(super) fn tell(&self, observed: &mut Observed) {
        let script = self.script.lock().unwrap();
        observed.taken.clone_from(&script.taken);
        observed.settled.clone_from(&script.settled);
        observed.kv.clone_from(&script.kv);
    }

    fn with_kv<'a, T: Send + 'a>(
        &self,
        act: impl FnOnce(&mut BTreeMap<String, Vec<u8>>) -> Result<T, StateFault>,
    ) -> BoxFuture<'a, Result<T, StateFault>> {
        let done = match &self.failing {
            Some(fault) => Err(fault.clone()),
            None => act(&mut self.script.lock().unwrap().kv),
        };
        Box::pin(ready(done))
    }
}

impl Limiter for Scripted {
    fn take<'a>(&'a self, _: &'a str, buckets: &'a [Bucket], _: u64) -> BoxFuture<'a, Result<Taken, StateFault>> {
        let mut script = self.script.lock().unwrap();
        script.taken.extend(buckets.iter().map(told));
        let numbers = |allowed, numbers: Numbers| Taken {
            allowed,
            bucket: numbers.bucket as usize,
            remaining: numbers.remaining,
            retry_after: Duration::from_millis(numbers.retry_after_ms),
            reset: Duration::from_millis(numbers.reset_ms),
            permit: None,
        };
        let answer = match script.answers.pop_front() {
            Some(LimiterAnswer::Allow) => Ok(numbers(true, Numbers { remaining: 1, ..Numbers::default() })),
            Some(LimiterAnswer::AllowWith(with)) => Ok(numbers(true, with)),
            Some(LimiterAnswer::Refuse(with)) => Ok(numbers(false, with)),
            Some(LimiterAnswer::Error(name)) => Err(fault(name).expect("checked when the case was read")),
            None => Err(StateFault::Invalid("given.limiter has no answer left".to_owned())),
        };
        Box::pin(ready(answer))
    }

    fn settle<'a>(
        &'a self,
        _: &'a str,
        bucket: &'a Bucket,
        delta: i64,
        _: u64,
    ) -> BoxFuture<'a, Result<(), StateFault>> {
        self.script.lock().unwrap().settled.push((told(bucket), delta));
        Box::pin(ready(Ok(())))
    }
}

impl Kv for Scripted {
    fn get<'a>(&'a self, _: Space<'a>, key: &'a str, _: u64) -> BoxFuture<'a, Result<Option<Bytes>, StateFault>> {
        self.with_kv(|kv| Ok(kv.get(key).cloned().map(Bytes::from)))
    }

    fn put<'a>(
        &'a self,
        _: Space<'a>,
        key: &'a str,
        value: Bytes,
        _: Option<Duration>,
        _: u64,
    ) -> BoxFuture<'a, Result<(), StateFault>> {
        self.with_kv(|kv| {
            kv.insert(key.to_owned(), value.into());
            Ok(())
        })
    }

    fn delete<'a>(&'a self, _: Space<'a>, key: &'a str) -> BoxFuture<'a, Result<(), StateFault>> {
        self.with_kv(|kv| {
            kv.remove(key);
            Ok(())
        })
    }

    fn add<'a>(
        &'a self,
        _: Space<'a>,
        key: &'a str,
        delta: i64,
        _: Option<Duration>,
        _: u64,
    ) -> BoxFuture<'a, Result<i64, StateFault>> {
        self.with_kv(|kv| {
            let present = kv.get(key).map_or(Ok(0), |bytes| {
                let text = std::str::from_utf8(bytes).ok().and_then(|text| text.parse::<i64>().ok());
                text.ok_or_else(|| StateFault::Invalid("no number".to_owned()))
            })?;
            let sum = present.checked_add(delta).ok_or_else(|| StateFault::Invalid("too large".to_owned()))?;
            kv.insert(key.to_owned(), sum.to_string().into_bytes());
            Ok(sum)
        })
    }

    fn cas<'a>(
        &'a self,
        _: Space<'a>,
        key: &'a str,
        expect: Option<Bytes>,
        value: Bytes,
        _: Option<Duration>,
        _: u64,
    ) -> BoxFuture<'a, Result<bool, StateFault>> {
        self.with_kv(|kv| {
            let as_expected = kv.get(key).map(Vec::as_slice) == expect.as_deref();
            if as_expected {
                kv.insert(key.to_owned(), value.into());
            }
            Ok(as_expected)
        })
    }
}

impl Verifiers for Scripted {
    fn verifier(&self, _: &[Issuer], _: &[IpNet]) -> Arc<dyn Verify> {
        Arc::clone(&self.issuers) as _
    }
}

impl Verify for Issuers {
    fn verify<'a>(&'a self, token: &'a str, _: &'a str, _: u64) -> BoxFuture<'a, Result<Verified, TokenFault>> {
        let answer = self.tokens.get(token).map(TokenAnswer::to_result);
        Box::pin(ready(answer.unwrap_or_else(unknown).map(Verified::from).map_err(token_fault)))
    }

    fn prove(&self, proof: &str) -> Result<Proof, TokenFault> {
        let answer = self.proofs.get(proof).map(ProofAnswer::to_result).unwrap_or_else(unknown);
        answer.map(|proof| Proof { claims: proof.claims_json, thumbprint: proof.thumbprint }).map_err(token_fault)
    }
}

fn unknown<T>() -> Result<T, TokenError> {
    Err(TokenError::Malformed("the case does not have it".to_owned()))
}

fn token_fault(error: TokenError) -> TokenFault {
    match error {
        TokenError::Malformed(why) => TokenFault::Malformed(why),
        TokenError::Rejected(why) => TokenFault::Rejected(why),
        TokenError::Unavailable(why) => TokenFault::Unavailable(why),
    }
}

fn told(bucket: &Bucket) -> sdk::Bucket {
    let rule = match bucket.rule {
        Rule::Rate(rate) => {
            sdk::Rule::Rate(sdk::Rate { capacity: rate.capacity, refill_per_second: rate.refill_per_second })
        }
        Rule::Window(window) => sdk::Rule::Window(sdk::Window {
            limit: window.limit,
            per: match window.per {
                Period::Minute => sdk::Period::Minute,
                Period::Hour => sdk::Period::Hour,
                Period::Day => sdk::Period::Day,
                Period::Month => sdk::Period::Month,
            },
            utc_offset_minutes: window.utc_offset_minutes,
        }),
        Rule::Concurrent(most) => sdk::Rule::Concurrent(most),
    };
    sdk::Bucket { key: bucket.key.clone(), rule, cost: bucket.cost }
}
