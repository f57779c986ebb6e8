//! The journal in strict mode, with the whole house around it: nothing is answered that is not recorded, whatever happens to the
//! process or the disk.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use cardea_test_support::{Connection, Gateway, Programs, Request, until};
use rand::RngExt;
use rustix::process::{Resource, Rlimit, getrlimit, prlimit};
use serde_json::{Value, json};
use tokio::task::JoinSet;

const MANIFEST: &str = r#"
    open = "everybody may do everything in this test"

    [journal]
    mode = "strict"
    segment-size = "64KiB"

    [[server]]
    name = "notes"
    command = ["cardea-fake-server"]

    [[stage]]
    plugin = "anonymous"

    [[stage]]
    plugin = "audit"
    grant.journal = true
"#;

/// Clients that call while the gateway is killed.
const CLIENTS: u64 = 8;

fn programs() -> Programs {
    Programs::beside(env!("CARGO_BIN_EXE_cardea"), env!("CARGO_TARGET_TMPDIR")).unwrap()
}

fn call(id: &str) -> Request {
    let params = json!({ "name": "echo", "arguments": { "text": id } });
    Request::modern("/servers/notes/mcp", "tools/call", &params).with("X-Request-Id", id)
}

/// Every line of the journal, segment after segment.
fn lines(folder: &Path) -> Vec<Value> {
    let mut files: Vec<_> =
        std::fs::read_dir(folder.join(".cardea/journal")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.file_name().unwrap().to_str().unwrap().starts_with('0'));
    files.sort();
    let texts = files.iter().map(|file| std::fs::read_to_string(file).unwrap());
    texts.flat_map(|text| text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect::<Vec<_>>()).collect()
}

fn ids(lines: &[Value], kind: &str) -> HashSet<String> {
    let of_kind = lines.iter().filter(|line| line["kind"] == kind);
    of_kind.map(|line| line["call"].as_str().unwrap().to_owned()).collect()
}

fn verify(folder: &Path) -> String {
    let output =
        Command::new(env!("CARGO_BIN_EXE_cardea")).args(["audit", "verify"]).current_dir(folder).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    text
}

/// Calls until the gateway is gone; notes every call that was answered.
async fn client(address: SocketAddr, prefix: String, answered: Arc<Mutex<Vec<String>>>, calls: Arc<AtomicU64>) {
    let Ok(mut connection) = Connection::open(address).await else { return };
    for n in 0.. {
        let id = format!("{prefix}-{n}");
        match connection.send(call(&id)).await {
            Ok(reply) if reply.status == 200 => answered.lock().unwrap().push(id),
            Ok(reply) => panic!("{id}: HTTP {}: {}", reply.status, reply.text()),
            Err(_) => return,
        }
        calls.fetch_add(1, Ordering::Relaxed);
    }
}

/// `CARDEA_KILLS` sets how often; the default is what the tests have time for.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_was_answered_before_a_kill_is_in_the_journal() {
    let kills = std::env::var("CARDEA_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(50);
    let (folder, answered) = (tempfile::tempdir().unwrap(), Arc::new(Mutex::new(Vec::new())));
    for round in 0..kills {
        let gateway = Gateway::start(&programs(), folder.path(), MANIFEST, &[]).await.unwrap();
        let (calls, mut clients) = (Arc::new(AtomicU64::new(0)), JoinSet::new());
        for n in 0..CLIENTS {
            let prefix = format!("r{round}-c{n}");
            clients.spawn(client(gateway.address(), prefix, Arc::clone(&answered), Arc::clone(&calls)));
        }
        // Anywhere in the work: after a number of calls that nobody chose, in the middle of the next ones.
        let enough = rand::rng().random_range(1..200);
        until("calls", || (calls.load(Ordering::Relaxed) >= enough).then_some(())).await.unwrap();
        gateway.kill().await.unwrap();
        while let Some(client) = clients.join_next().await {
            client.unwrap();
        }
    }
    let lines = lines(folder.path());
    let (recorded, intended) = (ids(&lines, "call"), ids(&lines, "intent"));
    let answered = answered.lock().unwrap().clone();
    let missing: Vec<_> = answered.iter().filter(|id| !recorded.contains(*id) || !intended.contains(*id)).collect();
    assert!(
        missing.is_empty() && answered.len() as u64 >= kills,
        "{} of {}: {missing:?}",
        missing.len(),
        answered.len()
    );
    // The chain holds over all kills; the next start sets torn tails aside.
    Gateway::start(&programs(), folder.path(), MANIFEST, &[]).await.unwrap().stop().await.unwrap();
    assert!(verify(folder.path()).starts_with("sound: lines 0 to "));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_takes_nothing_more_refuses_calls_until_it_does() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(&programs(), folder.path(), MANIFEST, &[]).await.unwrap();
    let mut connection = Connection::open(gateway.address()).await.unwrap();
    assert_eq!(connection.send(call("before")).await.unwrap().status, 200);

    let allowed = |bytes| {
        prlimit(Some(gateway.process().unwrap()), Resource::Fsize, Rlimit { current: bytes, maximum: None }).unwrap()
    };
    let unlimited = getrlimit(Resource::Fsize).current;
    allowed(Some(16));
    let refused = connection.send(call("during")).await.unwrap();
    assert_eq!(
        (refused.status, &refused.json().unwrap()["error"]["code"]),
        (503, &json!(-32014)),
        "{}",
        refused.text()
    );
    assert!(!refused.text().contains(folder.path().to_str().unwrap()), "{}", refused.text());
    allowed(unlimited);
    assert_eq!(connection.send(call("after")).await.unwrap().status, 200);
    gateway.stop().await.unwrap();

    let lines = lines(folder.path());
    let (recorded, gap) = (ids(&lines, "call"), lines.iter().find(|line| line["kind"] == "gap").unwrap());
    assert_eq!(recorded, HashSet::from(["before".to_owned(), "after".to_owned()]));
    // The intent, and the record of the refusal.
    assert_eq!(gap["lost"], 2);
    assert!(verify(folder.path()).contains("lost: 2"));
}
