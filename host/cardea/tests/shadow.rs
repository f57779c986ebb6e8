//! A version that runs beside the one that serves: it is told what the live one is told, what it says is compared, and nothing of
//! it reaches a call, a counter or a value.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use cardea_test_support::{Connection, DEADLINE, Gateway, Programs, Request};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

fn programs() -> Programs {
    Programs::beside(env!("CARGO_BIN_EXE_cardea"), env!("CARGO_TARGET_TMPDIR")).unwrap()
}

fn with_stage(stage: &str) -> String {
    format!(
        r#"
        open = "everybody may do everything in this test"

        [[server]]
        name = "notes"
        command = ["cardea-fake-server"]

        [[stage]]
        plugin = "anonymous"
        config.roles = ["guest"]

        [[stage]]
        {stage}
        "#
    )
}

struct House {
    gateway: Gateway,
    calls: Connection,
    _folder: tempfile::TempDir,
}

impl House {
    async fn start(stage: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let gateway = Gateway::start(&programs(), folder.path(), &with_stage(stage), &[]).await.unwrap();
        let calls = Connection::open(gateway.address()).await.unwrap();
        Self { gateway, calls, _folder: folder }
    }

    /// The whole message of the answer.
    async fn call(&mut self, tool: &str, arguments: Value) -> Value {
        let params = json!({ "name": tool, "arguments": arguments });
        let request = Request::modern("/servers/notes/mcp", "tools/call", &params).with("X-Request-Id", "the-call");
        self.calls.send(request).await.unwrap().json().unwrap()
    }

    /// The report of the one shadow, once this many hooks have been through it.
    async fn report(&self, hooks: u64) -> Value {
        let request = || Request { method: "GET".into(), target: "/v1/shadow".into(), ..Request::default() };
        let looking = async {
            loop {
                let mut report = request().send(self.gateway.admin().unwrap()).await.unwrap().json().unwrap();
                let stage = report[0].take();
                let through = ["compared", "diverged", "failed", "shed"].map(|count| stage[count].as_u64().unwrap());
                if through.iter().sum::<u64>() >= hooks {
                    return stage;
                }
                sleep(std::time::Duration::from_millis(10)).await;
            }
        };
        timeout(DEADLINE, looking).await.expect("the shadow does not follow")
    }
}

fn counts(report: &Value) -> [u64; 5] {
    ["same", "differ", "diverged", "failed", "shed"].map(|count| report[count].as_u64().unwrap())
}

#[tokio::test]
async fn a_rule_that_would_forbid_more_is_seen_to_and_forbids_nothing() {
    let allow = |names: &str| format!("{{ roles = {{ guest = {{ allow = [{{ names = {names} }}] }} }} }}");
    let stage = format!(
        "plugin = \"rbac\"\nconfig = {}\nshadow = {{ config = {} }}",
        allow(r#"["echo", "whoami"]"#),
        allow(r#"["echo"]"#)
    );
    let mut house = House::start(&stage).await;
    assert!(house.call("echo", json!({})).await["result"].is_object());
    assert!(house.call("whoami", json!({ "payload": "canary" })).await["result"].is_object(), "the shadow forbids");
    let report = house.report(2).await;
    assert_eq!(counts(&report), [1, 1, 0, 0, 0], "{report}");
    let example = &report["examples"][0];
    assert_eq!((&example["call"], &example["hook"]), (&json!("the-call"), &json!("on-call")));
    assert_eq!(
        (&example["live"]["verdict"], &example["shadow"]["verdict"]),
        (&json!("pass"), &json!("refuse: unknown"))
    );
    assert!(!report.to_string().contains("canary"), "{report}");
    house.gateway.stop().await.unwrap();
}

#[tokio::test]
async fn what_a_shadow_writes_only_it_sees_and_what_it_edits_nobody() {
    let guest = programs().guest("outside");
    let stage = format!(
        r#"plugin = {guest:?}
        grant.kv = true
        grant.http = ["GET http://127.0.0.1:18080/*"]
        grant.secret = {{ values = {{ hook = "h", pin = "p" }}, reveal = ["pin"] }}
        shadow = {{ plugin = {guest:?} }}"#
    );
    let mut house = House::start(&stage).await;
    for sum in 1..=3 {
        assert_eq!(house.call("echo", json!({ "do": "count" })).await["result"]["sum"], sum, "the shadow counts too");
    }
    // It read what the live hook had left, and wrote over it for itself alone.
    assert_eq!(counts(&house.report(3).await), [0, 3, 0, 0, 0]);
    // An address that may not be asked is asked once, and the shadow hears of it.
    let sent = house.call("echo", json!({ "do": "send", "url": "http://127.0.0.1:18080/" })).await;
    assert_eq!(sent["result"]["error"], "denied", "{sent}");
    house.call("echo", json!({ "do": "set", "pointer": "/arguments/url" })).await;
    let report = house.report(5).await;
    assert_eq!(counts(&report), [2, 3, 0, 0, 0], "{report}");
    house.gateway.stop().await.unwrap();
}

#[tokio::test]
async fn a_limit_that_was_not_asked_is_not_asked_for_a_shadow() {
    let limit = |capacity: u32| {
        format!("{{ limits = [{{ per = [\"subject\"], capacity = {capacity}, refill-per-second = 0.001 }}] }}")
    };
    let stage = format!(
        "plugin = \"rate-limit\"\ngrant.limiter = true\nconfig = {}\nshadow = {{ config = {} }}",
        limit(2),
        limit(1)
    );
    let mut house = House::start(&stage).await;
    for allowed in [true, true, false] {
        assert_eq!(house.call("echo", json!({})).await["result"].is_object(), allowed, "the shadow takes as well");
    }
    assert_eq!(counts(&house.report(3).await), [0, 0, 3, 0, 0]);
    house.gateway.stop().await.unwrap();
}

#[tokio::test]
async fn a_shadow_that_fails_harms_nobody() {
    let guest = programs().guest("stamp");
    let config = |more: &str| format!("{{ key = \"stamp\", stamp = 1{more} }}");
    let stage =
        format!("plugin = {guest:?}\nconfig = {}\nshadow = {{ config = {} }}", config(""), config(", fragile = true"));
    let mut house = House::start(&stage).await;
    for _ in 0..20 {
        assert_eq!(house.call("echo", json!({ "trap": true })).await["result"]["stamp"], 1);
    }
    // Of each call one hook fails and one, on the way back, does not; in the end it is left alone.
    let report = house.report(40).await;
    let [same, differ, diverged, failed, shed] = counts(&report);
    assert!(failed >= 5 && same >= 1 && (differ, diverged, shed) == (0, 0, 0), "{report}");
    assert_eq!(report["examples"].as_array().unwrap().len(), 20, "as many as are kept");
    house.gateway.stop().await.unwrap();
}

#[tokio::test]
async fn a_shadow_that_takes_long_is_shed_and_no_call_waits_for_it() {
    let guest = programs().guest("stamp");
    let config = |more: &str| format!("{{ key = \"stamp\", stamp = 1{more} }}");
    let stage = format!(
        "plugin = {guest:?}\ncpu-budget = \"5s\"\nwall-budget = \"10s\"\nconfig = {}\nshadow = {{ config = {} }}",
        config(""),
        config(", work = 2_000_000_000")
    );
    let mut house = House::start(&stage).await;
    for _ in 0..200 {
        assert_eq!(house.call("echo", json!({})).await["result"]["stamp"], 1);
    }
    // The first is still being thought about, 256 wait, and what came after them is gone.
    let report = house.report(100).await;
    assert!(report["shed"].as_u64().unwrap() >= 100, "{report}");
    house.gateway.stop().await.unwrap();
}
