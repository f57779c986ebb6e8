//! The calls of a chain are counted from their begin to their end, and end together when the house says so.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;

use cardea_chain::*;
use cardea_message::Method;
use support::{FakeServer, FakeStage, Kept, call};
use tokio::task::{JoinHandle, yield_now};

struct House {
    chain: Arc<Chain>,
    server: Arc<FakeServer>,
    kept: Arc<Kept>,
}

impl House {
    fn new() -> Self {
        let (kept, diary) = (Arc::new(Kept::default()), Arc::default());
        let server = FakeServer { answer: String::new(), hang: true, diary: Arc::clone(&diary) };
        let stages = vec![FakeStage::new("journal", &diary).journal().placed()];
        let chain = Chain::new(stages, 5, Arc::clone(&kept) as Arc<dyn Recorder>);
        Self { chain: Arc::new(chain), server: Arc::new(server), kept }
    }

    /// A call that its server never answers, as far as it gets by itself.
    async fn begin(&self, method: Method) -> JoinHandle<Reply> {
        let (chain, call) = (Arc::clone(&self.chain), call(method, "{}", Some("read"), &self.server));
        let walk = tokio::spawn(async move {
            let (outlet, _heard) = Outlet::new(1);
            chain.walk(call, Vec::new(), &outlet).await
        });
        yield_now().await;
        walk
    }

    fn counts(&self) -> (u64, u64) {
        (self.chain.calls_under_way(), self.chain.calls_begun())
    }
}

#[tokio::test]
async fn calls_are_counted_however_they_end_and_subscriptions_are_not() {
    let house = House::new();
    let (one, two) = (house.begin(Method::TOOLS_CALL).await, house.begin(Method::TOOLS_CALL).await);
    assert_eq!(house.counts(), (2, 2));
    one.abort();
    assert!(one.await.is_err());
    assert_eq!(house.counts(), (1, 2));
    house.chain.end_calls();
    two.await.unwrap();
    assert_eq!(house.counts(), (0, 2));
}

#[tokio::test]
async fn calls_that_are_ended_are_told_why_and_recorded_and_so_are_those_that_come_too_late() {
    let house = House::new();
    let early = house.begin(Method::TOOLS_CALL).await;
    house.chain.end_calls();
    let late = house.begin(Method::TOOLS_CALL).await;
    for walk in [early, late] {
        let Answer::Failed(fault) = walk.await.unwrap().answer else { panic!("not a fault") };
        assert_eq!((fault.kind, fault.side), (FaultKind::Superseded, Side::House));
        assert!(fault.inside.contains("generation, 5,"), "{fault}");
    }
    let details: Vec<_> = house.kept.0.lock().unwrap().iter().map(|record| record.detail.clone().unwrap()).collect();
    assert_eq!(details, ["superseded", "superseded"]);
}
