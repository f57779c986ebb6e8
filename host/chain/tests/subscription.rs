//! A subscription on its walk: it has no deadline, and either side may end it.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use cardea_chain::*;
use cardea_message::{Message, Method, compose};
use support::{FakeServer, Kept, Only, call, response};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

/// A walk under way, what its server may say, and what leaves the corridor.
struct Stage {
    walk: tokio::task::JoinHandle<Reply>,
    say: mpsc::UnboundedSender<Result<Event, Fault>>,
    heard: mpsc::Receiver<Box<Message>>,
    kept: Arc<Kept>,
}

impl Stage {
    fn set(method: Method) -> Self {
        let (say, said) = mpsc::unbounded_channel();
        let nobody = Arc::new(FakeServer { answer: String::new(), hang: false, diary: Arc::default() });
        let mut asked = call(method, "{}", None, &nobody);
        Arc::get_mut(&mut asked).unwrap().directory = Arc::new(Only::says(said));
        let kept = Arc::new(Kept::default());
        let stages = vec![support::FakeStage::new("journal", &Arc::default()).journal().placed()];
        let chain = Chain::new(stages, 1, Arc::clone(&kept) as Arc<dyn Recorder>);
        let (outlet, heard) = Outlet::new(4);
        let walk = tokio::spawn(async move { chain.walk(asked, Vec::new(), &outlet).await });
        Self { walk, say, heard, kept }
    }

    fn say(&self, method: &str) {
        let Ok(Message::Notification(note)) = Message::parse(compose::notification(method, None)) else { panic!() };
        self.say.send(Ok(Event::Notification(note))).unwrap();
    }

    async fn hears(&mut self) -> String {
        let Message::Notification(heard) = *self.heard.recv().await.unwrap() else { panic!("not a notification") };
        heard.method.as_str().to_owned()
    }

    /// The word the record has for the end.
    fn outcome(&self) -> &'static str {
        self.kept.0.lock().unwrap()[0].outcome
    }
}

const DAY: Duration = Duration::from_secs(24 * 3600);

#[tokio::test(start_paused = true)]
async fn once_acknowledged_a_subscription_outlives_every_deadline() {
    let mut stage = Stage::set(Method::SUBSCRIPTIONS_LISTEN);
    stage.say("notifications/subscriptions/acknowledged");
    assert_eq!(stage.hears().await, "notifications/subscriptions/acknowledged");
    sleep(DAY).await;
    stage.say("notifications/tools/list_changed");
    assert_eq!(stage.hears().await, "notifications/tools/list_changed");
    stage.say.send(Ok(Event::End(response(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#)))).unwrap();
    assert_eq!(stage.walk.await.unwrap().result().unwrap(), "{}");
}

#[tokio::test(start_paused = true)]
async fn a_subscription_nobody_acknowledges_ends_like_any_call() {
    let begun = Instant::now();
    let stage = Stage::set(Method::SUBSCRIPTIONS_LISTEN);
    let Answer::Failed(fault) = stage.walk.await.unwrap().answer else { panic!("no end was told") };
    assert_eq!((fault.kind, begun.elapsed()), (FaultKind::Deadline, Duration::from_secs(5)));
}

#[tokio::test(start_paused = true)]
async fn no_other_call_outlives_its_deadline() {
    let mut stage = Stage::set(Method::TOOLS_CALL);
    stage.say("notifications/progress");
    stage.hears().await;
    let Answer::Failed(fault) = (&mut stage.walk).await.unwrap().answer else { panic!("no end was told") };
    assert_eq!(fault.kind, FaultKind::Deadline);
}

#[tokio::test]
async fn a_door_that_reads_no_further_ends_a_subscription_well() {
    let mut stage = Stage::set(Method::SUBSCRIPTIONS_LISTEN);
    stage.say("notifications/subscriptions/acknowledged");
    stage.hears().await;
    stage.heard.close();
    let reply = (&mut stage.walk).await.unwrap();
    assert_eq!(reply.result().unwrap(), r#"{"resultType":"complete"}"#);
    assert!(stage.say.is_closed(), "the server sees it end");
    assert_eq!(stage.outcome(), "ok");
}

#[tokio::test]
async fn a_server_that_is_gone_ends_a_subscription_with_its_fault() {
    let stage = Stage::set(Method::SUBSCRIPTIONS_LISTEN);
    stage.say("notifications/subscriptions/acknowledged");
    drop(stage.say);
    let Answer::Failed(fault) = stage.walk.await.unwrap().answer else { panic!("no end was told") };
    assert_eq!(fault.kind, FaultKind::Unreachable);
}
