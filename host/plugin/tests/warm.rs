//! Warm instances: used again, replaced in time, and what they cost.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::{Duration, Instant};

use cardea_chain::Stage;
use support::{Component, call, load};

/// Calls between two looks at the clock.
const BATCH: u32 = 1000;

#[tokio::test]
async fn one_instance_serves_call_after_call_until_its_time_is_up() {
    let stage = load(Component::default()).await;
    let call = call("{}");
    for _ in 0..7_999 {
        stage.judge_call(&call).await.unwrap();
    }
    let stats = stage.stats();
    assert_eq!((stats.calls(), stats.pool.idle, stats.retired()), (7_999, 1, 0));
    for _ in 0..4_002 {
        stage.judge_call(&call).await.unwrap();
    }
    assert_eq!(stage.stats().pool.retired_by_calls, 1);
}

/// `cargo test --release -p cardea-plugin --test warm -- --ignored --nocapture`
#[tokio::test]
#[ignore = "prints a measurement"]
async fn what_a_warm_hook_costs() {
    let three = Component {
        judge: "(drop (call $size)) (drop (call $size)) (drop (call $size)) (i32.const 0)",
        ..Component::default()
    };
    for (what, component) in [("no host call", Component::default()), ("three host calls", three)] {
        let stage = load(component).await;
        let call = call(r#"{"name":"x","arguments":{}}"#);
        let mut batches = Vec::new();
        for _ in 0..200 {
            let started = Instant::now();
            for _ in 0..BATCH {
                stage.judge_call(&call).await.unwrap();
            }
            batches.push(started.elapsed() / BATCH);
        }
        println!("{what}: {:?} a call", median(batches));
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
