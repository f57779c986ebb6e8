//! What passes between a call and its end, and the stages that watch it.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test fails by panicking")]

mod support;

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use cardea_chain::*;
use cardea_message::{Message, Method, compose};
use futures_util::FutureExt;
use support::{Diary, FakeServer, Kept, Only, call, response};
use tokio::sync::{mpsc, oneshot};

type Judge = dyn Fn(&Passing) -> HookResult<MessageVerdict> + Send + Sync;

/// A stage that watches, and writes down what it saw.
struct Watcher {
    name: Arc<str>,
    diary: Diary,
    judge: Box<Judge>,
}

impl Watcher {
    fn placed(
        name: &str,
        diary: &Diary,
        judge: impl Fn(&Passing) -> HookResult<MessageVerdict> + Send + Sync + 'static,
    ) -> Placed {
        let stage = Self { name: name.into(), diary: Arc::clone(diary), judge: Box::new(judge) };
        Placed { stage: Arc::new(stage), matcher: Matcher::default(), on_error: OnError::Refuse }
    }
}

impl Stage for Watcher {
    fn name(&self) -> &Arc<str> {
        &self.name
    }
    fn role(&self) -> Role {
        Role::Content
    }
    fn hooks(&self) -> Hooks {
        Hooks::default().with(Hook::Message)
    }
    fn keeps_journal(&self) -> bool {
        true
    }
    fn judge_message<'a>(&'a self, _call: &'a Arc<Call>, passing: &'a Arc<Passing>) -> HookFuture<'a, MessageVerdict> {
        let seen = format!("{}: {:?} {}", self.name, passing.kind, String::from_utf8_lossy(&passing.document));
        self.diary.lock().unwrap().push(seen);
        std::future::ready((self.judge)(passing)).boxed()
    }
}

/// A client that keeps what it is asked.
#[derive(Default)]
struct Asked(Mutex<Vec<Ask>>);

impl Answerer for Asked {
    fn keep(&self, ask: Ask) -> bool {
        self.0.lock().unwrap().push(ask);
        true
    }
}

struct Story {
    walk: tokio::task::JoinHandle<Reply>,
    say: mpsc::UnboundedSender<Result<Event, Fault>>,
    heard: mpsc::Receiver<Box<Message>>,
    asked: Arc<Asked>,
    kept: Arc<Kept>,
}

impl Story {
    fn begin(stages: Vec<Placed>) -> Self {
        let (say, said) = mpsc::unbounded_channel();
        let nobody = Arc::new(FakeServer { answer: String::new(), hang: false, diary: Arc::default() });
        let mut called = call(Method::TOOLS_CALL, "{}", None, &nobody);
        Arc::get_mut(&mut called).unwrap().directory = Arc::new(Only::says(said));
        let (kept, asked) = (Arc::new(Kept::default()), Arc::new(Asked::default()));
        let chain = Chain::new(stages, 1, Arc::clone(&kept) as Arc<dyn Recorder>);
        let (outlet, heard) = Outlet::new(8);
        let outlet = outlet.to(Arc::clone(&asked) as Arc<dyn Answerer>);
        let walk = tokio::spawn(async move { chain.walk(called, Vec::new(), &outlet).await });
        Self { walk, say, heard, asked, kept }
    }

    fn notify(&self, params: &'static str) {
        let message = compose::notification("notifications/message", Some(params.as_bytes()));
        let Ok(Message::Notification(note)) = Message::parse_reply(message) else { panic!("no notification") };
        self.say.send(Ok(Event::Notification(note))).unwrap();
    }

    fn ask(&self, params: &'static str) -> (u64, oneshot::Receiver<Answered>) {
        let (ask, answered) = Ask::new(Method::ELICITATION_CREATE, Some(Bytes::from_static(params.as_bytes())));
        let id = ask.id;
        self.say.send(Ok(Event::Ask(ask))).unwrap();
        (id, answered)
    }

    fn end(&self) {
        self.say.send(Ok(Event::End(response(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#)))).unwrap();
    }

    async fn hears(&mut self) -> String {
        let message = self.heard.recv().await.unwrap();
        String::from_utf8(message.bytes().to_vec()).unwrap()
    }

    fn client_answers(&self, result: &'static str) {
        self.asked.0.lock().unwrap().remove(0).answer(Ok(Bytes::from_static(result.as_bytes())));
    }

    fn steps(&self) -> serde_json::Value {
        serde_json::to_value(&self.kept.0.lock().unwrap()[0]).unwrap()["steps"].clone()
    }
}

fn pass(_: &Passing) -> HookResult<MessageVerdict> {
    Ok(MessageVerdict::Pass.into())
}

fn edit(document: &'static str) -> HookResult<MessageVerdict> {
    let effects = Effects {
        reply: Some(Bytes::from_static(document.as_bytes())),
        edited: vec!["/data".into()],
        ..Effects::default()
    };
    Ok(Done { verdict: MessageVerdict::Pass, effects })
}

#[tokio::test]
async fn what_a_server_says_is_seen_once_by_each_stage_in_the_order_of_replies() {
    let diary = Diary::default();
    let mut story = Story::begin(vec![
        Watcher::placed("outer", &diary, pass),
        Watcher::placed("inner", &diary, |_| edit(r#"{"data":"masked"}"#)),
    ]);
    story.notify(r#"{"data":"secret"}"#);
    assert!(story.hears().await.contains(r#""params":{"data":"masked"}"#));
    story.end();
    assert!(!story.walk.await.unwrap().is_error());
    let seen = [r#"inner: Notification {"data":"secret"}"#, r#"outer: Notification {"data":"masked"}"#];
    assert_eq!(*diary.lock().unwrap(), seen);
}

#[tokio::test]
async fn a_notification_that_is_dropped_is_not_heard_and_its_record_says_so() {
    let diary = Diary::default();
    let mut story = Story::begin(vec![Watcher::placed("filter", &diary, |passing| {
        let is_noise = passing.document.starts_with(b"{\"noise");
        Ok(if is_noise { MessageVerdict::Drop } else { MessageVerdict::Pass }.into())
    })]);
    story.notify(r#"{"noise":1}"#);
    story.notify(r#"{"news":1}"#);
    assert!(story.hears().await.contains("news"));
    story.end();
    (&mut story.walk).await.unwrap();
    assert!(story.heard.recv().await.is_none());
    let steps = story.steps();
    assert_eq!(steps.as_array().unwrap().len(), 1, "what only passed leaves no step: {steps}");
    assert_eq!((&steps[0]["hook"], &steps[0]["verdict"]), (&"on-message".into(), &"drop".into()));
}

#[tokio::test]
async fn an_ask_and_its_answer_are_each_seen_once_and_the_ask_keeps_its_id() {
    let diary = Diary::default();
    let mut story = Story::begin(vec![
        Watcher::placed("outer", &diary, pass),
        Watcher::placed("inner", &diary, |passing| match passing.kind {
            PassingKind::Answer => edit(r#"{"name":"[gone]"}"#),
            _ => pass(passing),
        }),
    ]);
    let (id, answered) = story.ask(r#"{"message":"who?"}"#);
    let heard = story.hears().await;
    assert!(heard.contains("who?") && heard.contains(&format!(r#""id":{id}"#)), "{heard}");
    story.client_answers(r#"{"name":"ada"}"#);
    assert_eq!(answered.await.unwrap().unwrap(), r#"{"name":"[gone]"}"#);
    story.end();
    story.walk.await.unwrap();
    let seen = [
        r#"inner: Ask {"message":"who?"}"#,
        r#"outer: Ask {"message":"who?"}"#,
        r#"outer: Answer {"name":"ada"}"#,
        r#"inner: Answer {"name":"ada"}"#,
    ];
    assert_eq!(*diary.lock().unwrap(), seen);
}

#[tokio::test]
async fn a_stage_may_answer_in_the_clients_place() {
    let diary = Diary::default();
    let story = Story::begin(vec![Watcher::placed("robot", &diary, |_| {
        Ok(MessageVerdict::Answer(Bytes::from_static(br#"{"action":"decline"}"#)).into())
    })]);
    let (_, answered) = story.ask("{}");
    assert_eq!(answered.await.unwrap().unwrap(), r#"{"action":"decline"}"#);
    assert!(story.asked.0.lock().unwrap().is_empty());
    story.end();
    story.walk.await.unwrap();
}

#[tokio::test]
async fn a_refusal_stops_the_call_and_the_server_sees_it_end() {
    let diary = Diary::default();
    let mut story = Story::begin(vec![Watcher::placed("strict", &diary, |_| {
        Ok(MessageVerdict::Refuse(Refusal::new(RefusalKind::Forbidden, "no", "because")).into())
    })]);
    story.notify("{}");
    let Answer::Refused(refusal) = (&mut story.walk).await.unwrap().answer else { panic!("not refused") };
    assert_eq!(refusal.kind, RefusalKind::Forbidden);
    assert!(story.say.is_closed());
}

#[tokio::test]
async fn a_verdict_that_does_not_fit_and_a_message_read_two_ways_end_the_call() {
    for (params, judge) in [
        ("{}", MessageVerdict::Answer(Bytes::from_static(b"{}"))),
        (r#"{"data":"a","data":"b"}"#, MessageVerdict::Pass),
    ] {
        let diary = Diary::default();
        let story = Story::begin(vec![Watcher::placed("stage", &diary, move |_| Ok(judge.clone().into()))]);
        story.notify(params);
        assert!(matches!(story.walk.await.unwrap().answer, Answer::Failed(_)), "{params}");
    }
}

#[tokio::test]
async fn an_ask_that_the_server_takes_back_is_taken_back_from_the_client() {
    let diary = Diary::default();
    let mut story = Story::begin(vec![Watcher::placed("outer", &diary, pass)]);
    let (_, answered) = story.ask("{}");
    story.hears().await;
    drop(answered);
    story.notify(r#"{"after":1}"#);
    story.hears().await;
    let asked = story.asked.0.lock().unwrap().remove(0);
    assert!(asked.is_withdrawn());
    story.end();
    story.walk.await.unwrap();
}
