//! Limits, the same on every back end.

use std::time::Duration;

use cardea_state::{Bounds, Bucket, Period, Rate, Rule, StateFault, Taken, Window};

use crate::support::House;

fn rate(key: &str, capacity: u32, refill_per_second: f64, cost: u32) -> Bucket {
    Bucket { key: key.to_owned(), rule: Rule::Rate(Rate { capacity, refill_per_second }), cost }
}

fn month(key: &str, limit: u64, cost: u32) -> Bucket {
    let window = Window { limit, per: Period::Month, utc_offset_minutes: 330 };
    Bucket { key: key.to_owned(), rule: Rule::Window(window), cost }
}

fn slots(key: &str, most: u32, cost: u32) -> Bucket {
    Bucket { key: key.to_owned(), rule: Rule::Concurrent(most), cost }
}

/// Slow enough that nothing comes back while a test runs.
const HARDLY: f64 = 0.001;

impl House {
    async fn take(&self, buckets: &[Bucket]) -> Taken {
        self.limiter.take("n", buckets, self.now_ms).await.unwrap_or_else(|fault| panic!("{}: {fault}", self.name))
    }

    async fn left(&self, bucket: Bucket) -> u64 {
        self.take(&[Bucket { cost: 0, ..bucket }]).await.remaining
    }
}

#[tokio::test]
async fn all_or_nothing() {
    for house in House::all(Bounds::default()).await {
        let name = house.name;
        let taken = house.take(&[rate("a", 5, HARDLY, 2), month("a", 1, 1), slots("a", 1, 1)]).await;
        assert!(taken.allowed, "{name}");
        assert_eq!((taken.bucket, taken.remaining), (1, 0), "{name}: the first of those with least left");
        let refused = house.take(&[rate("a", 5, HARDLY, 2), month("a", 1, 1), slots("b", 1, 1)]).await;
        assert_eq!((refused.allowed, refused.bucket, refused.remaining), (false, 1, 0), "{name}");
        assert!(refused.permit.is_none() && refused.retry_after > Duration::ZERO, "{name}");
        assert_eq!(house.left(rate("a", 5, HARDLY, 0)).await, 3, "{name}");
        assert_eq!(house.left(slots("b", 1, 0)).await, 1, "{name}");
    }
}

#[tokio::test]
async fn of_several_that_refuse_the_slowest_decides() {
    for house in House::all(Bounds::default()).await {
        house.take(&[rate("quick", 1, 1.0, 1), rate("slow", 1, HARDLY, 1)]).await;
        let refused = house.take(&[rate("quick", 1, 1.0, 1), rate("slow", 1, HARDLY, 1)]).await;
        assert_eq!((refused.allowed, refused.bucket), (false, 1), "{}", house.name);
        assert!((900..=1000).contains(&refused.retry_after.as_secs()), "{}: {:?}", house.name, refused.retry_after);
        assert!(refused.reset >= refused.retry_after, "{}", house.name);
    }
}

#[tokio::test]
async fn a_rate_comes_back() {
    for mut house in House::all(Bounds::default()).await {
        let name = house.name;
        assert!(house.take(&[rate("a", 2, 20.0, 2)]).await.allowed, "{name}");
        let refused = house.take(&[rate("a", 2, 20.0, 1)]).await;
        assert!(!refused.allowed && refused.retry_after <= Duration::from_millis(50), "{name}");
        house.pass(Duration::from_millis(51)).await;
        assert!(house.take(&[rate("a", 2, 20.0, 1)]).await.allowed, "{name}");
    }
}

#[tokio::test]
async fn namespaces_do_not_see_each_other() {
    for house in House::all(Bounds::default()).await {
        for space in ["n", "n}:rate:a", "m"] {
            let taken = house.limiter.take(space, &[rate("a", 1, HARDLY, 1)], house.now_ms).await.unwrap();
            assert!(taken.allowed, "{}: {space}", house.name);
        }
    }
}

#[tokio::test]
async fn slots_come_back_with_the_permit() {
    for house in House::all(Bounds::default()).await {
        let name = house.name;
        let (one, two) = (house.take(&[slots("a", 3, 1)]).await, house.take(&[slots("a", 3, 2)]).await);
        assert!(one.allowed && two.allowed, "{name}");
        let refused = house.take(&[slots("a", 3, 1)]).await;
        assert!(!refused.allowed && refused.retry_after == Duration::from_secs(1), "{name}");
        drop(two);
        // A shared back end hears of it a moment later.
        while house.left(slots("a", 3, 0)).await != 2 {
            tokio::task::yield_now().await;
        }
        drop(one);
        while house.left(slots("a", 3, 0)).await != 3 {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn a_correction_counts_in_both_directions() {
    for house in House::all(Bounds::default()).await {
        let name = house.name;
        house.take(&[month("a", 10, 5), rate("a", 10, HARDLY, 5)]).await;
        let settle = async |bucket, delta| house.limiter.settle("n", &bucket, delta, house.now_ms).await;
        settle(month("a", 10, 0), 7).await.unwrap();
        settle(rate("a", 10, HARDLY, 0), -2).await.unwrap();
        assert!(!house.take(&[month("a", 10, 1)]).await.allowed, "{name}");
        assert_eq!(house.left(rate("a", 10, HARDLY, 0)).await, 7, "{name}");
        settle(month("a", 10, 0), -100).await.unwrap();
        settle(rate("a", 10, HARDLY, 0), -100).await.unwrap();
        assert_eq!(house.left(month("a", 10, 0)).await, 10, "{name}");
        assert_eq!(house.left(rate("a", 10, HARDLY, 0)).await, 10, "{name}");
        settle(rate("a", 10, HARDLY, 0), 15).await.unwrap();
        assert_eq!(house.left(rate("a", 10, HARDLY, 0)).await, 0, "{name}: in debt");
        assert!(matches!(settle(slots("a", 1, 0), 1).await, Err(StateFault::Invalid(_))), "{name}");
    }
}

#[tokio::test]
async fn what_makes_no_sense_is_an_error() {
    for house in House::all(Bounds::default()).await {
        let zone = Window { limit: 1, per: Period::Day, utc_offset_minutes: 5000 };
        let elsewhere = Bucket { key: "a".into(), rule: Rule::Window(zone), cost: 1 };
        let senseless =
            [vec![rate("a", 1, 1.0, 2)], vec![rate("a", 1, 0.0, 1)], vec![slots("a", 1, 1); 2], vec![elsewhere]];
        for buckets in senseless {
            let taken = house.limiter.take("n", &buckets, house.now_ms).await;
            assert!(matches!(taken, Err(StateFault::Invalid(_))), "{}: {buckets:?}", house.name);
        }
        let nothing = house.limiter.take("n", &[], house.now_ms).await.unwrap();
        assert!(nothing.allowed, "{}", house.name);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_together_never_take_more_than_there_is() {
    for house in House::all(Bounds::default()).await {
        let takes = (0..16).map(|_| {
            let (limiter, now_ms) = (house.limiter.clone(), house.now_ms);
            tokio::spawn(async move {
                let mut taken = 0;
                for _ in 0..50 {
                    let buckets = [month("all", 300, 1), rate("all", 400, HARDLY, 1)];
                    taken += u32::from(limiter.take("n", &buckets, now_ms).await.unwrap().allowed);
                }
                taken
            })
        });
        let taken = futures_util::future::try_join_all(takes).await.unwrap();
        assert_eq!(taken.iter().sum::<u32>(), 300, "{}", house.name);
        assert_eq!(house.left(rate("all", 400, HARDLY, 0)).await, 100, "{}", house.name);
    }
}
