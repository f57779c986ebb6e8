//! Swaps under load: generations change by file, by the admin API and back, while clients call, calls wait and a stream is open.
//! No call fails, and none meets two generations.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use cardea_test_support::{Connection, Gateway, Programs, Reply, Request, until};
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// Clients that call all the time.
const CLIENTS: usize = 8;
/// Swaps of each kind.
const SWAPS: u32 = 8;

fn programs() -> Programs {
    Programs::beside(env!("CARGO_BIN_EXE_cardea"), env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// A manifest with a pair of stages that stamp calls with the same number, one before the other.
fn stamping(stamp: u32) -> String {
    let guest = programs().guest("stamp");
    let stage = |key: &str| {
        format!("[[stage]]\nname = {key:?}\nplugin = {guest:?}\nconfig = {{ key = {key:?}, stamp = {stamp} }}\n")
    };
    format!(
        "open = \"everybody may do everything in this test\"\n
        [[server]]\nname = \"notes\"\ncommand = [\"cardea-fake-server\", \"--diary\", \"diary.txt\"]\n
        [[stage]]\nplugin = \"anonymous\"\n{}{}",
        stage("first"),
        stage("second")
    )
}

fn echo() -> Request {
    Request::modern("/servers/notes/mcp", "tools/call", &json!({ "name": "echo", "arguments": {} }))
}

fn wait_for(file: &str) -> Request {
    let params = json!({ "name": "wait", "arguments": { "for": file } });
    Request::modern("/servers/notes/mcp", "tools/call", &params)
}

fn admin(method: &str, target: &str) -> Request {
    Request { method: method.to_owned(), target: target.to_owned(), ..Request::default() }
}

/// The one stamp of a call.
fn stamp(reply: &Reply) -> u64 {
    let said = &reply.json().unwrap()["result"];
    assert!(reply.status == 200 && said["first"].is_u64(), "HTTP {}: {}", reply.status, reply.text());
    assert_eq!(said["first"], said["second"], "two generations in one call");
    said["first"].as_u64().unwrap()
}

/// Clients that call until they are stopped.
struct Load {
    clients: JoinSet<()>,
    calls: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
}

impl Load {
    fn start(address: SocketAddr) -> Self {
        let (calls, stop, mut clients) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default(), JoinSet::new());
        for _ in 0..CLIENTS {
            let (calls, stop) = (Arc::clone(&calls), Arc::clone(&stop));
            clients.spawn(async move {
                let mut connection = Connection::open(address).await.unwrap();
                while !stop.load(Ordering::Relaxed) {
                    stamp(&connection.send(echo()).await.unwrap());
                    calls.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        Self { clients, calls, stop }
    }

    /// Waits until every client has had time for another call.
    async fn goes_on(&self) {
        let enough = self.calls.load(Ordering::Relaxed) + 2 * CLIENTS as u64;
        until("more calls", || (self.calls.load(Ordering::Relaxed) >= enough).then_some(())).await.unwrap();
    }

    async fn stop(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(client) = self.clients.join_next().await {
            client.unwrap();
        }
    }
}

/// Puts a manifest in place without waiting for what comes of it.
fn put(folder: &Path, manifest: &str) {
    let fresh = folder.join("fresh");
    let ports = "[listen]\naddress = \"127.0.0.1:0\"\n[admin]\naddress = \"127.0.0.1:0\"\n[log]\nformat = \"json\"\n";
    std::fs::write(&fresh, format!("{manifest}\n{ports}")).unwrap();
    std::fs::rename(&fresh, folder.join("cardea.toml")).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_call_fails_and_none_meets_two_generations_however_generations_change() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(&programs(), folder.path(), &stamping(0), &[]).await.unwrap();
    let (address, operator) = (gateway.address(), gateway.admin().unwrap());
    let mut probe = Connection::open(address).await.unwrap();
    let load = Load::start(address);
    let long = tokio::spawn(wait_for("go.txt").send(address));
    let listen = json!({ "notifications": { "toolsListChanged": true } });
    let stream = tokio::spawn(Request::modern("/servers/notes/mcp", "subscriptions/listen", &listen).send(address));
    let diary = folder.path().join("diary.txt");
    let begun = || {
        let diary = std::fs::read_to_string(&diary).unwrap_or_default();
        (diary.contains("waiting") && diary.contains("listening")).then_some(())
    };
    until("the long call and the stream", begun).await.unwrap();
    load.goes_on().await;

    for swap in 1..=SWAPS {
        let by_file = 10 * swap;
        assert_eq!(gateway.change_manifest(&stamping(by_file)).await.unwrap(), "generation published");
        assert_eq!(stamp(&probe.send(echo()).await.unwrap()), u64::from(by_file));
        // The file watch sees it too; whoever comes second finds nothing changed.
        put(folder.path(), &stamping(by_file + 1));
        let reloaded = admin("POST", "/v1/reload").send(operator).await.unwrap();
        assert_eq!(reloaded.status, 200, "{}", reloaded.text());
        assert_eq!(stamp(&probe.send(echo()).await.unwrap()), u64::from(by_file + 1));
        let back = admin("POST", "/v1/rollback").send(operator).await.unwrap();
        assert_eq!(back.json().unwrap()["outcome"], "rolled-back", "{}", back.text());
        assert_eq!(stamp(&probe.send(echo()).await.unwrap()), u64::from(by_file));
        load.goes_on().await;
    }

    load.stop().await;
    std::fs::write(folder.path().join("go.txt"), "go").unwrap();
    let reply = long.await.unwrap().unwrap();
    assert_eq!(stamp(&reply), 0, "a call ends with the generation it began with");
    // A stream is no call: it ended with its generation, so that whoever opens it anew is judged by the next one.
    until("the end of the stream", || stream.is_finished().then_some(())).await.unwrap();
    assert_eq!(stream.await.unwrap().unwrap().status, 200);
    drop(probe);
    gateway.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_calls_end_with_a_word_when_too_many_generations_hold_some() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(&programs(), folder.path(), &stamping(0), &[]).await.unwrap();
    let waiting = async |calls: usize| {
        let diary = folder.path().join("diary.txt");
        let begun = || std::fs::read_to_string(&diary).unwrap_or_default().matches("waiting").count() == calls;
        until("a call that waits", || begun().then_some(())).await.unwrap();
    };
    let mut calls = Vec::new();
    for generation in 1..=8 {
        calls.push(tokio::spawn(wait_for("go.txt").send(gateway.address())));
        waiting(generation).await;
        gateway.change_manifest(&stamping(generation as u32)).await.unwrap();
    }
    let first = calls.remove(0).await.unwrap().unwrap();
    let error = &first.json().unwrap()["error"];
    assert_eq!((first.status, &error["code"]), (503, &json!(-32014)), "{}", first.text());
    assert!(error["message"].as_str().unwrap().contains("changed too often"), "{error}");
    std::fs::write(folder.path().join("go.txt"), "go").unwrap();
    for call in calls {
        let reply = call.await.unwrap().unwrap();
        assert!(reply.json().unwrap()["result"].is_object(), "{}", reply.text());
    }
    let shown = admin("GET", "/v1/generations").send(gateway.admin().unwrap()).await.unwrap().json().unwrap();
    let states: Vec<_> = shown["generations"].as_array().unwrap().iter().map(|shown| &shown["state"]).collect();
    assert_eq!(states[0], &Value::from("probation"));
    assert!(states[1..].iter().all(|state| **state == "retired"), "{states:?}");
    gateway.stop().await.unwrap();
}
