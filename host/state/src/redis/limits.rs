//! Limits that gateways share: one script a take.

use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};

use super::Redis;
use super::keys::Names;
use super::slots::{HELD, Slot};
use crate::limiter::{check, nothing_to_settle};
use crate::{Bucket, Limiter, Permit, Rule, StateFault, Taken};

/// What the script is told of buckets.
#[derive(Default)]
struct Told {
    keys: Vec<String>,
    words: Vec<String>,
    slots: Vec<Slot>,
}

impl Limiter for Redis {
    fn take<'a>(
        &'a self,
        namespace: &'a str,
        buckets: &'a [Bucket],
        _: u64,
    ) -> BoxFuture<'a, Result<Taken, StateFault>> {
        async move {
            check(buckets)?;
            if buckets.is_empty() {
                return Ok(Taken { allowed: true, remaining: u64::MAX, ..Taken::default() });
            }
            let holder = self.0.held.name();
            let mut told = Told::default();
            let names = self.0.names(namespace);
            buckets.iter().try_for_each(|bucket| told.bucket(&names, bucket, &holder))?;
            // If the answer gets lost, or nobody waits for it any more, the slots that were taken are given back all the same.
            let slots = (!told.slots.is_empty()).then(|| self.0.held.hold(std::mem::take(&mut told.slots)));
            let mut taken = self.run("take", &holder, &told).await?;
            match slots {
                Some(slots) if taken.allowed => taken.permit = Some(Permit::new(slots)),
                Some(slots) => slots.were_refused(),
                None => {}
            }
            Ok(taken)
        }
        .boxed()
    }

    fn settle<'a>(
        &'a self,
        namespace: &'a str,
        bucket: &'a Bucket,
        delta: i64,
        _: u64,
    ) -> BoxFuture<'a, Result<(), StateFault>> {
        async move {
            if matches!(bucket.rule, Rule::Concurrent(_)) {
                return Err(nothing_to_settle());
            }
            let mut told = Told::default();
            told.bucket(&self.0.names(namespace), &Bucket { cost: 0, ..bucket.clone() }, "")?;
            // The last word of a bucket is free where there is one bucket and no cost.
            told.words.pop();
            told.words.push(delta.to_string());
            self.run("settle", "", &told).await.map(drop)
        }
        .boxed()
    }
}

impl Redis {
    async fn run(&self, verb: &str, holder: &str, told: &Told) -> Result<Taken, StateFault> {
        let answer = self.0.link.ask(async |mut connection| {
            let mut script = self.0.limits.prepare_invoke();
            for key in &told.keys {
                script.key(key);
            }
            script.arg(verb).arg(holder).arg(HELD.as_millis() as u64);
            for word in &told.words {
                script.arg(word);
            }
            script.invoke_async::<(u8, u64, u64, u64, u64)>(&mut connection).await
        });
        let (allowed, bucket, remaining, wait, reset) = answer.await?;
        Ok(Taken {
            allowed: allowed == 1,
            bucket: usize::try_from(bucket).unwrap_or(usize::MAX),
            remaining,
            retry_after: Duration::from_nanos(wait),
            reset: Duration::from_nanos(reset),
            permit: None,
        })
    }
}

impl Told {
    fn bucket(&mut self, names: &Names, bucket: &Bucket, holder: &str) -> Result<(), StateFault> {
        let (kind, numbers) = match bucket.rule {
            Rule::Rate(rate) => ("rate", [rate.interval()?.to_string(), rate.capacity.to_string()]),
            Rule::Window(window) => {
                (window.per.name(), [window.limit.to_string(), window.utc_offset_seconds()?.to_string()])
            }
            Rule::Concurrent(most) => ("slots", [most.to_string(), String::new()]),
        };
        let key = names.of(kind, &bucket.key);
        if kind == "slots" {
            let count = names.of("slots-used", &bucket.key);
            if bucket.cost > 0 {
                let holder = format!("{holder}:{}", bucket.cost);
                self.slots.push(Slot { holders: key.clone(), count: count.clone(), holder });
            }
            self.keys.extend([key, count]);
        } else {
            self.keys.push(key);
        }
        self.words.extend([kind.to_owned(), bucket.cost.to_string()]);
        self.words.extend(numbers);
        self.words.push(String::new());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use cardea_test_support::RedisServer;
    use redis::Script;

    use crate::memory::end_of_period;
    use crate::{Period, Window};

    /// The calendar of the script, asked by itself.
    fn calendar() -> Script {
        let script = include_str!("limits.lua");
        let (calendar, _) = script.split_once("local function rate(").unwrap();
        Script::new(&format!("{calendar}\nreturn period_end(tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3]))"))
    }

    #[test]
    fn the_script_and_this_process_have_the_same_calendar() {
        let folder = tempfile::tempdir().unwrap();
        let Some(server) = RedisServer::start(folder.path()).unwrap() else { return };
        let mut connection = redis::Client::open(server.address()).unwrap().get_connection().unwrap();
        let calendar = calendar();
        let days = (0..1200u64).map(|month| month * 30 * 86_400 + 86_399);
        let borders =
            [951_782_400, 951_868_800, 1_709_164_800, 4_107_542_400, 4_102_444_800].map(|second: u64| second - 1);
        for (at, second) in days.chain(borders).chain([0]).enumerate() {
            for per in [Period::Minute, Period::Hour, Period::Day, Period::Month] {
                let utc_offset_minutes = [0, 330, -720, 1080, -1080][at % 5];
                let window = Window { limit: 1, per, utc_offset_minutes };
                let expected = end_of_period(window, second * 1000).unwrap() / 1000;
                let mut asked = calendar.arg(second);
                asked.arg(per.name()).arg(utc_offset_minutes * 60);
                assert_eq!(asked.invoke::<u64>(&mut connection).unwrap(), expected, "{second} {window:?}");
            }
        }
    }
}
