//! Passes under conditions: what the house does for them, who may meet them, and what an open one costs.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;

use cardea_chain::*;
use cardea_message::Method;
use support::*;

const OK: &str = r#"{"result":{"ssn":"123","n":1},"jsonrpc":"2.0","id":9}"#;
const PARAMS: &str = r#"{"name":"read","arguments":{"ssn":"123","path":"/a"}}"#;

struct Story {
    diary: Diary,
    server: Arc<FakeServer>,
    kept: Arc<Kept>,
}

impl Story {
    fn new() -> Self {
        let diary = Diary::default();
        let server = FakeServer { answer: OK.to_owned(), hang: false, diary: Arc::clone(&diary) };
        Self { diary, server: Arc::new(server), kept: Arc::default() }
    }

    /// A rights stage that passes under conditions.
    fn policy(&self, conditions: &'static [(&'static str, &'static str)]) -> FakeStage {
        self.stage("policy").journal().calls(move |_| passed(conditions))
    }

    fn stage(&self, name: &str) -> FakeStage {
        FakeStage::new(name, &self.diary)
    }

    async fn call(&self, stages: Vec<FakeStage>) -> Reply {
        let stages = stages.into_iter().map(FakeStage::placed).collect();
        let chain = Chain::new(stages, 7, Arc::clone(&self.kept) as Arc<dyn Recorder>);
        let (outlet, _notifications) = Outlet::new(1);
        chain.walk(call(Method::TOOLS_CALL, PARAMS, Some("read"), &self.server), Vec::new(), &outlet).await
    }

    fn diary(&self) -> Vec<String> {
        self.diary.lock().unwrap().clone()
    }

    fn record(&self) -> serde_json::Value {
        serde_json::to_value(&self.kept.0.lock().unwrap()[0]).unwrap()
    }

    fn asked_server(&self) -> bool {
        self.diary().iter().any(|line| line.starts_with("server"))
    }
}

fn passed(conditions: &[(&str, &str)]) -> HookResult<CallVerdict> {
    let read = |(kind, json): &(&str, &str)| Arc::new(Condition::read((*kind).into(), (*json).into()).unwrap());
    let effects = Effects { conditions: conditions.iter().map(read).collect(), ..Effects::default() };
    Ok(Done { verdict: CallVerdict::Pass, effects })
}

/// A stage that says it has met every condition it is shown.
fn fulfilling(stage: FakeStage) -> FakeStage {
    stage.role(Role::Content).calls(|call| {
        let effects = Effects { fulfilled: call.duties.open().map(|duty| duty.id).collect(), ..Effects::default() };
        Ok(Done { verdict: CallVerdict::Pass, effects })
    })
}

fn text(reply: Reply) -> String {
    let pieces = reply.into_message(&cardea_message::Id::number(3), &Method::TOOLS_CALL, Some("read"));
    String::from_utf8(pieces.concat()).unwrap()
}

#[tokio::test]
async fn masked_arguments_reach_the_server_after_the_rights_stages_passed_them_again() {
    let story = Story::new();
    let first = story.stage("rights");
    let reply = story.call(vec![first, story.policy(&[("mask", r#"{"call":["/arguments/ssn"]}"#)])]).await;
    assert!(!reply.is_error());
    let server = r#"server {"name":"read","arguments":{"ssn":"***","path":"/a"}}"#;
    let walked = ["rights.call", "policy.call", "rights.call", "policy.call", server, "policy.reply", "rights.reply"];
    assert_eq!(story.diary(), walked);
    let steps = &story.record()["steps"];
    assert_eq!(steps[2]["hook"], "obligation", "{steps}");
    assert_eq!((&steps[2]["verdict"], &steps[2]["edited"][0]), (&"mask".into(), &"/arguments/ssn".into()));
}

#[tokio::test]
async fn anything_but_a_pass_of_the_changed_arguments_refuses() {
    for second in ["refuse", "answer", "fail", "more"] {
        let story = Story::new();
        let judged = move |call: &Call| match (call.params().ends_with(PARAMS.as_bytes()), second) {
            (true, _) => passed(&[("remove", r#"{"call":["/arguments/ssn"]}"#)]),
            (false, "refuse") => Ok(CallVerdict::Refuse(Refusal::new(RefusalKind::Invalid, "no", "because")).into()),
            (false, "answer") => Ok(CallVerdict::Answer("{}".into()).into()),
            (false, "more") => passed(&[("approval", "{}")]),
            (false, _) => Err(HookFault::new(HookFaultKind::Trap, "boom")),
        };
        let reply = story.call(vec![story.stage("policy").calls(judged)]).await;
        assert!(reply.is_error() && !story.asked_server(), "{second}");
    }
}

#[tokio::test]
async fn a_masked_reply_is_masked_for_stages_outside_and_the_client_and_not_for_those_inside() {
    let story = Story::new();
    let sees = |name: &str, expected: &'static str| {
        story.stage(name).role(Role::Content).replies(move |call, reply| {
            assert_eq!(reply.document(&call.method, None), expected);
            Ok(ReplyVerdict::Pass.into())
        })
    };
    let outside = sees("outside", r#"{"ssn":"***","n":1}"#);
    let inside = sees("inside", r#"{"ssn":"123","n":1}"#);
    let reply = story.call(vec![outside, story.policy(&[("mask", r#"{"reply":["/ssn"]}"#)]), inside]).await;
    assert_eq!(text(reply), r#"{"result":{"ssn":"***","n":1},"jsonrpc":"2.0","id":3}"#);
}

#[tokio::test]
async fn a_reason_is_in_the_record_and_changes_nothing() {
    let story = Story::new();
    let reply = story.call(vec![story.policy(&[("reason", r#"{"text":"rule 7"}"#)])]).await;
    assert!(!reply.is_error());
    assert_eq!(story.record()["steps"][1]["reason"], "rule 7");
    assert_eq!(story.diary().iter().filter(|line| *line == "policy.call").count(), 1);
}

#[tokio::test]
async fn what_the_house_does_not_know_is_met_by_a_stage_or_the_reply_is_not_given() {
    let approved = |story: &Story| story.policy(&[("approval", "{}")]);
    let story = Story::new();
    let reply = story.call(vec![approved(&story), fulfilling(story.stage("desk"))]).await;
    assert!(!reply.is_error());

    let story = Story::new();
    let reply = story.call(vec![approved(&story), story.stage("desk").role(Role::Content)]).await;
    let told = text(reply);
    assert!(story.asked_server() && told.contains("-32011") && !told.contains("approval"), "{told}");
    let reason = story.record()["reason"].as_str().unwrap().to_owned();
    assert!(reason.contains("policy") && reason.contains("`approval`"), "{reason}");
}

#[tokio::test]
async fn without_a_stage_that_could_still_meet_it_the_server_is_not_asked() {
    let story = Story::new();
    let mut policy = story.policy(&[("approval", "{}")]);
    policy.hooks = [Hook::Call].into_iter().collect();
    assert!(story.call(vec![policy]).await.is_error() && !story.asked_server());
}

#[tokio::test]
async fn no_stage_can_say_that_it_did_what_the_house_does() {
    let story = Story::new();
    let reply = story.call(vec![story.policy(&[("mask", r#"{"reply":["/ssn"]}"#)]), fulfilling(story.stage("liar"))]);
    assert!(text(reply.await).contains("***"));
}

#[tokio::test]
async fn only_rights_set_conditions_and_there_are_not_too_many_of_them() {
    let story = Story::new();
    let content = story.policy(&[("approval", "{}")]).role(Role::Content);
    assert!(story.call(vec![content]).await.is_error() && !story.asked_server());
    const MANY: &[(&str, &str)] = &[("reason", r#"{"text":"x"}"#); 33];
    assert!(story.call(vec![story.policy(MANY)]).await.is_error() && !story.asked_server());
}
