//! The rules of the corridor, each told as a story with native fakes.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test fails by panicking")]

mod support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use cardea_chain::*;
use cardea_message::Method;
use support::*;

struct Story {
    diary: Diary,
    server: Arc<FakeServer>,
    kept: Arc<Kept>,
}

impl Story {
    fn new(answer: &str) -> Self {
        let diary = Diary::default();
        let server = FakeServer { answer: answer.to_owned(), hang: false, diary: Arc::clone(&diary) };
        Self { diary, server: Arc::new(server), kept: Arc::default() }
    }

    fn stage(&self, name: &str) -> FakeStage {
        FakeStage::new(name, &self.diary)
    }

    async fn walk(&self, stages: Vec<Placed>, method: Method, params: &str, name: Option<&str>) -> Reply {
        let chain = Chain::new(stages, 7, Arc::clone(&self.kept) as Arc<dyn Recorder>);
        let (outlet, _notifications) = Outlet::new(1);
        chain.walk(call(method, params, name, &self.server), Vec::new(), &outlet).await
    }

    async fn call(&self, stages: Vec<Placed>) -> Reply {
        self.walk(stages, Method::TOOLS_CALL, r#"{"name":"read"}"#, Some("read")).await
    }

    fn diary(&self) -> Vec<String> {
        self.diary.lock().unwrap().clone()
    }

    fn record(&self) -> serde_json::Value {
        let kept = self.kept.0.lock().unwrap();
        assert_eq!(kept.len(), 1, "exactly one record a call");
        serde_json::to_value(&kept[0]).unwrap()
    }
}

const OK: &str = r#"{"result": {"a" : 1}, "jsonrpc":"2.0","id":9}"#;

fn text(reply: Reply) -> String {
    let pieces = reply.into_message(&cardea_message::Id::number(3), &Method::TOOLS_CALL, Some("read"));
    String::from_utf8(pieces.concat()).unwrap()
}

fn refusal(kind: RefusalKind) -> HookResult<CallVerdict> {
    Ok(CallVerdict::Refuse(Refusal::new(kind, "no", "because")).into())
}

#[tokio::test]
async fn stages_run_in_order_inward_and_in_reverse_outward() {
    let story = Story::new(OK);
    let reply = story.call(vec![story.stage("a").placed(), story.stage("b").placed()]).await;
    assert_eq!(story.diary(), ["a.call", "b.call", r#"server {"name":"read"}"#, "b.reply", "a.reply"]);
    assert_eq!(
        text(reply),
        r#"{"result": {"a" : 1}, "jsonrpc":"2.0","id":3}"#,
        "every byte but the id is the server's"
    );
}

#[tokio::test]
async fn a_refusal_is_seen_by_the_stages_before_it_and_by_nobody_else() {
    let story = Story::new(OK);
    let seen = Arc::new(Mutex::new(None));
    let note = Arc::clone(&seen);
    let first = story.stage("a").replies(move |_, reply| {
        *note.lock().unwrap() = Some((reply.origin, reply.is_error()));
        Ok(ReplyVerdict::Pass.into())
    });
    let second = story.stage("b").calls(|_| refusal(RefusalKind::Forbidden));
    let reply = story.call(vec![first.placed(), second.placed(), story.stage("c").placed()]).await;
    assert_eq!(story.diary(), ["a.call", "b.call", "a.reply"]);
    assert_eq!(*seen.lock().unwrap(), Some((Origin::Stage, true)));
    assert!(text(reply).contains("-32011"));
}

#[tokio::test]
async fn an_answer_spares_the_server_and_is_still_masked_by_earlier_stages() {
    let story = Story::new(OK);
    let mask = story.stage("mask").replies(|_, _| {
        let effects = Effects { reply: Some(Bytes::from_static(br#"{"masked":true}"#)), ..Effects::default() };
        Ok(Done { verdict: ReplyVerdict::Pass, effects })
    });
    let cache = story.stage("cache").calls(|_| Ok(CallVerdict::Answer(Bytes::from_static(b"{}")).into()));
    let reply = story.call(vec![mask.placed(), cache.placed()]).await;
    assert_eq!(text(reply), r#"{"jsonrpc":"2.0","id":3,"result":{"masked":true}}"#);
}

#[tokio::test]
async fn edits_of_arguments_reach_later_stages_and_the_server() {
    let story = Story::new(OK);
    let shape = story.stage("shape").role(Role::Shape).calls(|_| {
        let effects = Effects {
            params: Some(Bytes::from_static(br#"{"name":"read","arguments":{}}"#)),
            edited: vec!["/arguments".into()],
            ..Effects::default()
        };
        Ok(Done { verdict: CallVerdict::Pass, effects })
    });
    let later = story.stage("later").journal().calls(|call| {
        assert_eq!(call.params(), br#"{"name":"read","arguments":{}}"#);
        Ok(CallVerdict::Pass.into())
    });
    story.call(vec![shape.placed(), later.placed()]).await;
    assert!(story.diary().contains(&r#"server {"name":"read","arguments":{}}"#.to_owned()));
    assert_eq!(story.record()["steps"][0]["edited"][0], "/arguments");
}

#[tokio::test]
async fn a_failing_stage_refuses_the_call_and_says_nothing_of_the_inside() {
    let story = Story::new(OK);
    let broken = || Err(HookFault::new(HookFaultKind::Trap, "wasm trap: unreachable at 0xbeef"));
    let reply = story.call(vec![story.stage("a").role(Role::Content).calls(move |_| broken()).placed()]).await;
    let told = text(reply);
    assert!(told.contains("-32014") && !told.contains("0xbeef"), "{told}");
}

#[tokio::test]
async fn only_stages_that_decide_nothing_may_be_skipped() {
    for (role, passes) in [(Role::Observe, true), (Role::Content, true), (Role::Rights, false), (Role::Identity, false)]
    {
        let story = Story::new(OK);
        let broken = story.stage("a").role(role).calls(|_| Err(HookFault::new(HookFaultKind::CpuBudget, "loop")));
        let placed = Placed { on_error: OnError::Skip, ..broken.placed() };
        assert_eq!(story.call(vec![placed]).await.is_error(), !passes, "{role:?}");
    }
}

#[tokio::test]
async fn a_stage_that_is_skipped_is_not_asked_again_and_one_that_is_allowed_is() {
    for (on_error, asked) in [(OnError::Allow, 1), (OnError::Skip, 0)] {
        let story = Story::new(OK);
        let broken = story
            .stage("a")
            .role(Role::Content)
            .calls(|_| Err(HookFault::new(HookFaultKind::Trap, "boom")))
            .replies(|_, _| Ok(ReplyVerdict::Pass.into()));
        let placed = Placed { on_error, ..broken.placed() };
        assert!(!story.call(vec![placed]).await.is_error());
        let replies = story.diary.lock().unwrap().iter().filter(|line| *line == "a.reply").count();
        assert_eq!(replies, asked, "{on_error:?}");
    }
}

#[tokio::test]
async fn what_a_stage_holds_is_given_back_when_the_call_ends_however_it_ends() {
    struct Permit(Arc<AtomicBool>);
    impl Drop for Permit {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    let takes = |story: &Story, back: &Arc<AtomicBool>| {
        let back = Arc::clone(back);
        story.stage("limit").role(Role::Limit).calls(move |_| {
            let held: Vec<Box<dyn std::any::Any + Send + Sync>> = vec![Box::new(Permit(Arc::clone(&back)))];
            Ok(Done { verdict: CallVerdict::Pass, effects: Effects { held, ..Effects::default() } })
        })
    };

    let (story, back) = (Story::new(OK), Arc::new(AtomicBool::new(false)));
    let given = Arc::clone(&back);
    let watch = story.stage("watch").replies(move |_, _| {
        assert!(!given.load(Ordering::SeqCst), "still held while the reply is judged");
        Ok(ReplyVerdict::Pass.into())
    });
    story.call(vec![watch.placed(), takes(&story, &back).placed()]).await;
    assert!(back.load(Ordering::SeqCst));

    let (mut story, back) = (Story::new(OK), Arc::new(AtomicBool::new(false)));
    story.server = Arc::new(FakeServer { answer: OK.into(), hang: true, diary: Arc::clone(&story.diary) });
    let stages = vec![takes(&story, &back).journal().placed()];
    let walk = story.call(stages);
    assert!(tokio::time::timeout(std::time::Duration::from_millis(20), walk).await.is_err(), "the server hangs");
    assert!(back.load(Ordering::SeqCst), "dropped with the walk");
    assert_eq!(story.record()["outcome"], "cancelled");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_meets_the_deadline() {
    let mut story = Story::new(OK);
    story.server = Arc::new(FakeServer { answer: OK.into(), hang: true, diary: Arc::clone(&story.diary) });
    let told = text(story.call(vec![story.stage("a").journal().placed()]).await);
    assert!(told.contains("-32016"), "{told}");
    let record = story.record();
    assert_eq!((record["outcome"].as_str(), record["blame"].as_str()), (Some("failed"), Some("server")));
}

#[tokio::test]
async fn a_list_shows_what_every_stage_keeps_and_is_private_from_then_on() {
    let tools = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[ {"name":"read"} ,{"name":"rm","x":[1]}],"cacheScope":"public","ttlMs":5}}"#;
    let story = Story::new(tools);
    let rights = story.stage("rights").keeps(|item| item.id != "rm" && &*item.server == "files");
    let reply = story.walk(vec![rights.placed()], Method::TOOLS_LIST, "{}", None).await;
    assert_eq!(
        text(reply),
        r#"{"jsonrpc":"2.0","id":3,"result":{"tools":[{"name":"read"}],"cacheScope":"private","ttlMs":5}}"#
    );
    let story = Story::new(tools);
    let reply = story.walk(vec![story.stage("limit").placed()], Method::TOOLS_LIST, "{}", None).await;
    assert_eq!(text(reply), tools.replace(r#""id":1"#, r#""id":3"#), "no stage judges lists: nothing changes");
}

#[tokio::test]
async fn long_lists_are_judged_in_batches() {
    let tools: Vec<String> = (0..1100).map(|n| format!(r#"{{"name":"t{n}"}}"#)).collect();
    let story = Story::new(&format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":[{}]}}}}"#, tools.join(",")));
    let odd = story.stage("odd").keeps(|item| item.id.ends_with(['1', '3', '5', '7', '9']));
    let reply = story.walk(vec![odd.placed()], Method::TOOLS_LIST, "{}", None).await;
    let shown: serde_json::Value = serde_json::from_str(&text(reply)).unwrap();
    assert_eq!(shown["result"]["tools"].as_array().unwrap().len(), 550);
    let batches: Vec<_> = story.diary().into_iter().filter(|line| line.contains("keep")).collect();
    assert_eq!(batches, ["odd.keep(512)", "odd.keep(512)", "odd.keep(76)"]);
}

#[tokio::test]
async fn an_unknown_name_ends_in_room_four_with_a_record() {
    let story = Story::new(OK);
    let stage = story.stage("a").journal();
    let reply = story.walk(vec![stage.placed()], Method::TOOLS_CALL, "{}", Some("nowhere")).await;
    assert!(text(reply).contains("Unknown tool: nowhere"));
    assert_eq!(story.diary(), Vec::<String>::new());
    assert_eq!(story.record()["detail"], "unknown-name");
}

#[tokio::test]
async fn the_record_holds_only_the_payload_a_stage_asked_for() {
    let story = Story::new(r#"{"jsonrpc":"2.0","id":1,"result":{"text":"secret","n":1}}"#);
    let audit = story.stage("audit").journal().calls(|_| {
        let include = |document, pointer: &str, treatment| Include { document, pointer: pointer.into(), treatment };
        let includes = vec![
            include(Document::Call, "/arguments", Treatment::Keep),
            include(Document::Call, "/arguments/password", Treatment::Drop),
            include(Document::Call, "/arguments/path", Treatment::Hash),
            include(Document::Reply, "/text", Treatment::Keep),
            include(Document::Reply, "/text", Treatment::Hash),
        ];
        Ok(Done { verdict: CallVerdict::Pass, effects: Effects { includes, ..Effects::default() } })
    });
    let params = r#"{"name":"read","arguments":{"user":"ann","password":"hunter2","path":"/etc"}}"#;
    story.walk(vec![audit.placed()], Method::TOOLS_CALL, params, Some("read")).await;
    let record = story.record();
    let whole = record.to_string();
    assert!(!whole.contains("hunter2") && !whole.contains("secret"), "{whole}");
    assert_eq!(record["payload"]["call"]["/arguments"]["user"], "ann");
    assert!(record["payload"]["call"]["/arguments"]["path"].as_str().unwrap().starts_with("sha256:"));
    assert!(record["payload"]["reply"]["/text"].as_str().unwrap().starts_with("sha256:"));
    assert_eq!((record["outcome"].as_str(), record["generation"].as_u64()), (Some("ok"), Some(7)));
}

#[tokio::test]
async fn authentication_fails_closed() {
    struct Door(Arc<str>, fn() -> HookResult<Finding>);
    impl Stage for Door {
        fn name(&self) -> &Arc<str> {
            &self.0
        }
        fn role(&self) -> Role {
            Role::Identity
        }
        fn hooks(&self) -> Hooks {
            [Hook::Authenticate].into_iter().collect()
        }
        fn authenticate<'a>(&'a self, _: &'a Arc<Credential>) -> HookFuture<'a, Finding> {
            Box::pin(std::future::ready((self.1)()))
        }
    }
    let door = |find: fn() -> HookResult<Finding>| Placed {
        stage: Arc::new(Door("door".into(), find)),
        matcher: Matcher::default(),
        // Even told to skip: identity never is.
        on_error: OnError::Skip,
    };
    let found = || {
        let subject = Subject { id: "ann".into(), ..Subject::default() };
        Ok(Finding::Subject(Box::new(subject)).into())
    };
    let none = || Ok(Finding::None.into());
    let trap = || Err(HookFault::new(HookFaultKind::Trap, "boom"));
    let credential = Arc::new(Credential {
        headers: http::HeaderMap::new(),
        method: http::Method::POST,
        uri: "http://127.0.0.1/mcp".into(),
        endpoint: "/mcp".into(),
        peer: None,
    });
    let ask = async |doors: Vec<Placed>| {
        let chain = Chain::new(doors, 1, Arc::new(Kept::default()));
        let admission = chain.authenticate(&credential).await;
        admission.outcome.map(|subject| subject.id.clone()).map_err(|refusal| refusal.kind)
    };
    assert_eq!(ask(vec![]).await, Err(RefusalKind::Unauthenticated));
    assert_eq!(ask(vec![door(none)]).await, Err(RefusalKind::Unauthenticated));
    assert_eq!(ask(vec![door(none), door(found)]).await, Ok("ann".to_owned()));
    assert_eq!(ask(vec![door(trap), door(found)]).await, Err(RefusalKind::Unavailable));
}

#[tokio::test]
async fn a_reply_that_two_parsers_read_differently_is_not_shown_to_stages() {
    let twice = r#"{"jsonrpc":"2.0","id":1,"result":{"text":"clean","text":"dirty"}}"#;
    let story = Story::new(twice);
    let told = text(story.call(vec![story.stage("mask").placed()]).await);
    assert!(told.contains("-32015") && !told.contains("dirty"), "{told}");
    let story = Story::new(twice);
    let unread = story.walk(vec![], Method::TOOLS_CALL, "{}", Some("read")).await;
    assert_eq!(text(unread), twice.replace(r#""id":1"#, r#""id":3"#), "nobody reads it, nobody judges it");
}
