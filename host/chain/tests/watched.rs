//! A chain that is watched tells of every call once, however it ends.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test fails by panicking")]

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cardea_chain::*;
use cardea_message::Method;
use support::*;

#[derive(Default)]
struct Watcher {
    begun: AtomicUsize,
    ended: Mutex<Vec<Trace>>,
}

impl Observer for Watcher {
    fn begun(&self) {
        self.begun.fetch_add(1, Ordering::Relaxed);
    }
    fn ended(&self, trace: Trace) {
        self.ended.lock().unwrap().push(trace);
    }
}

const OK: &str = r#"{"result":{"isError":true},"jsonrpc":"2.0","id":9}"#;

async fn watched(stage: FakeStage, answer: &str, hang: bool) -> Trace {
    let watcher = Arc::new(Watcher::default());
    let server = Arc::new(FakeServer { answer: answer.to_owned(), hang, diary: Diary::default() });
    let chain = Chain::new(vec![stage.placed()], 7, Arc::<Kept>::default()).watched_by(Arc::clone(&watcher) as _);
    let (outlet, _notifications) = Outlet::new(1);
    let call = call(Method::TOOLS_CALL, r#"{"name":"read"}"#, Some("read"), &server);
    let walked = tokio::time::timeout(Duration::from_millis(1), chain.walk(call, Vec::new(), &outlet)).await;
    assert_eq!(walked.is_err(), hang);
    assert_eq!(watcher.begun.load(Ordering::Relaxed), 1);
    let mut ended = watcher.ended.lock().unwrap();
    assert_eq!(ended.len(), 1);
    ended.pop().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_trace_has_every_word_and_cost_without_a_journal() {
    let stage = FakeStage::new("a", &Diary::default()).calls(|_| {
        let mut effects = Effects::default();
        effects.cost.host_calls.count(Import::Kv);
        Ok(Done { verdict: CallVerdict::Pass, effects })
    });
    let trace = watched(stage, OK, false).await;
    assert_eq!((trace.end.outcome, trace.end.blame, trace.bytes_out), ("tool-error", "server", 16));
    assert_eq!((trace.server.as_deref(), &*trace.subject.id, trace.generation), (Some("files"), "ann", 7));
    let words: Vec<_> = trace.steps.iter().map(|step| (step.hook, step.verdict)).collect();
    assert_eq!(words, [("on-call", "pass"), ("on-reply", "pass")]);
    assert_eq!(trace.steps[0].cost.host_calls.iter().collect::<Vec<_>>(), [(Import::Kv, 1)]);
}

#[tokio::test(start_paused = true)]
async fn refusals_failures_and_cancelled_calls_are_told_too() {
    let stage = || FakeStage::new("a", &Diary::default());
    let refused =
        stage().calls(|_| Ok(CallVerdict::Refuse(Refusal::new(RefusalKind::Limited, "no", "too often")).into()));
    let trace = watched(refused, OK, false).await;
    assert_eq!((trace.end.outcome, trace.end.reason.as_deref()), ("refused", Some("too often")));
    let failed = stage().calls(|_| {
        let cost = Cost { retries: 1, ..Cost::default() };
        Err(HookFault { cost, ..HookFault::new(HookFaultKind::Trap, "boom") })
    });
    let trace = watched(failed, OK, false).await;
    assert_eq!((trace.end.outcome, trace.end.blame), ("failed", "stage"));
    assert_eq!((trace.steps[0].verdict, trace.steps[0].cost.retries), ("fault", 1));
    let trace = watched(stage(), OK, true).await;
    assert_eq!((trace.end.outcome, trace.end.blame), ("cancelled", "client"));
}
