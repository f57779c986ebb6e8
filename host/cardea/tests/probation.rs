//! What is new has to prove itself: for each way to fail, a plugin that fails that way is sent back by itself, what served
//! before serves again, and what was sent back is not tried again as it is.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use cardea_test_support::{Connection, DEADLINE, Gateway, Programs, Reply, Request};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

fn programs() -> Programs {
    Programs::beside(env!("CARGO_BIN_EXE_cardea"), env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// A manifest with one stage that stamps calls with a number.
fn stamping(stamp: u32, more: &str) -> String {
    let guest = programs().guest("stamp");
    format!(
        r#"
        open = "everybody may do everything in this test"

        [[server]]
        name = "notes"
        command = ["cardea-fake-server"]

        [[stage]]
        plugin = "anonymous"

        [[stage]]
        plugin = {guest:?}
        cpu-budget = "5s"
        wall-budget = "10s"
        config = {{ key = "stamp", stamp = {stamp}, {more} }}
        "#
    )
}

struct House {
    gateway: Gateway,
    calls: Connection,
    _folder: tempfile::TempDir,
}

impl House {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let gateway = Gateway::start(&programs(), folder.path(), &stamping(1, ""), &[]).await.unwrap();
        let calls = Connection::open(gateway.address()).await.unwrap();
        Self { gateway, calls, _folder: folder }
    }

    async fn call(&mut self, arguments: Value) -> Reply {
        let params = json!({ "name": "echo", "arguments": arguments });
        self.calls.send(Request::modern("/servers/notes/mcp", "tools/call", &params)).await.unwrap()
    }

    /// Calls that nothing is wrong with; the stamp of the last one.
    async fn calls(&mut self, count: usize) -> Value {
        let mut stamp = Value::Null;
        for _ in 0..count {
            let reply = self.call(json!({})).await;
            stamp = reply.json().unwrap()["result"]["stamp"].clone();
            assert!(stamp.is_number(), "{}", reply.text());
        }
        stamp
    }

    async fn generations(&self) -> Value {
        let request = Request { method: "GET".into(), target: "/v1/generations".into(), ..Request::default() };
        request.send(self.gateway.admin().unwrap()).await.unwrap().json().unwrap()
    }

    /// Waits until generation 1 serves again; why.
    async fn sent_back(&self) -> String {
        let looking = async {
            loop {
                let shown = self.generations().await;
                if shown["serving"] == 1 {
                    assert_eq!(shown["runs"][0]["source"], "probation");
                    assert_eq!(shown["generations"][0]["state"], "rejected");
                    return shown["generations"][0]["why"].as_str().unwrap().to_owned();
                }
                sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        timeout(DEADLINE, looking).await.expect("it is not sent back")
    }

    /// What was sent back is refused, and another manifest is taken.
    async fn ends_well(mut self, same: &str) {
        assert_eq!(self.calls(3).await, 1);
        let asked = Request { method: "POST".into(), target: "/v1/reload".into(), ..Request::default() };
        let refused = asked.send(self.gateway.admin().unwrap()).await.unwrap();
        assert_eq!(refused.status, 409, "{}", refused.text());
        assert!(refused.json().unwrap()["problem"].as_str().unwrap().contains("was sent back"), "{}", refused.text());
        let another = same.replace("stamp = 2", "stamp = 3");
        assert_eq!(self.gateway.change_manifest(&another).await.unwrap(), "generation published");
        assert_eq!(self.calls(1).await, 3);
        self.gateway.stop().await.unwrap();
    }
}

#[tokio::test]
async fn a_plugin_that_traps_now_and_then_is_sent_back() {
    let mut house = House::start().await;
    house.calls(3).await;
    let fragile = stamping(2, "fragile = true");
    house.gateway.change_manifest(&fragile).await.unwrap();
    for _ in 0..5 {
        // Often enough to be a nuisance, too rarely for the breaker.
        assert_eq!(house.calls(4).await, 2);
        assert_eq!(house.call(json!({ "trap": true })).await.status, 503);
    }
    let why = house.sent_back().await;
    assert!(why.contains("stage `stamp` failed in 5 of "), "{why}");
    house.ends_well(&fragile).await;
}

#[tokio::test]
async fn a_plugin_that_only_traps_is_left_alone_and_sent_back() {
    let mut house = House::start().await;
    let fragile = stamping(2, "fragile = true");
    house.gateway.change_manifest(&fragile).await.unwrap();
    for _ in 0..5 {
        assert_eq!(house.call(json!({ "trap": true })).await.status, 503);
    }
    let why = house.sent_back().await;
    assert!(why.contains("left alone"), "{why}");
    house.ends_well(&fragile).await;
}

#[tokio::test]
async fn a_plugin_that_takes_much_longer_is_sent_back() {
    let mut house = House::start().await;
    house.calls(120).await;
    let slow = stamping(2, "work = 20_000_000");
    house.gateway.change_manifest(&slow).await.unwrap();
    // Two hooks a call are counted, and more than one in a hundred is slow.
    for _ in 0..120 {
        house.call(json!({})).await;
    }
    let why = house.sent_back().await;
    assert!(why.contains("in one call of a hundred"), "{why}");
    house.ends_well(&slow).await;
}

#[tokio::test]
async fn a_plugin_that_does_well_has_proved_itself_after_so_many_calls() {
    let mut house = House::start().await;
    let manifest = format!("{}\n[reload]\nprobation-calls = 20\n", stamping(2, "fragile = true"));
    house.gateway.change_manifest(&manifest).await.unwrap();
    assert_eq!(house.generations().await["generations"][0]["state"], "probation");
    house.calls(20).await;
    let proved = |line: &str| line.contains("the generation has proved itself").then_some(());
    house.gateway.log().find("the end of the probation", 0, proved).await.unwrap();
    let shown = house.generations().await;
    assert_eq!((&shown["generations"][0]["state"], &shown["kept"]), (&json!("live"), &json!(1)));
    // From now on it may fail; going back is for somebody to decide.
    for _ in 0..6 {
        house.call(json!({ "trap": true })).await;
    }
    assert_eq!(house.generations().await["serving"], 2);
    let back = Request { method: "POST".into(), target: "/v1/rollback".into(), ..Request::default() };
    assert_eq!(back.send(house.gateway.admin().unwrap()).await.unwrap().status, 200);
    assert_eq!(house.calls(1).await, 1);
    house.gateway.stop().await.unwrap();
}

/// The guest is found by its name in the target folder, which only `cargo xtask plugins` fills.
#[test]
fn the_guest_of_these_tests_is_built() {
    let guest = programs().guest("stamp");
    assert!(Path::new(&guest).is_file(), "{} is missing; run `cargo xtask plugins`", guest.display());
}
