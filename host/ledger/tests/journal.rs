//! The journal from outside: what is recorded is there, in order, after crashes too.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::sync::Arc;

use cardea_chain::{Record, Recorder, Subject};
use cardea_ledger::{Journal, Settings, Sync};
use serde_json::{Map, Value};

fn record(call: &str) -> Box<Record> {
    Box::new(Record {
        at_ms: 1,
        call: call.to_owned(),
        generation: 1,
        endpoint: "/mcp".into(),
        version: "2026-07-28",
        method: "tools/call".into(),
        name: None,
        server: None,
        subject: Arc::new(Subject::default()),
        steps: Vec::new(),
        outcome: "ok",
        blame: "server",
        detail: None,
        reason: None,
        micros: 5,
        bytes_in: 0,
        bytes_out: 0,
        payload: Map::new(),
        notes: Map::new(),
    })
}

fn open(folder: &Path) -> Arc<Journal> {
    Journal::open(folder, Settings { queue: 4, sync: Sync::Never }).unwrap()
}

fn calls(journal: &Journal, from: u64) -> Vec<String> {
    let lines = journal.read_from(from, usize::MAX).unwrap();
    let parsed = lines.iter().map(|entry| {
        let value: Value = serde_json::from_str(&entry.json).unwrap();
        assert_eq!(value["cursor"], entry.cursor);
        value["call"].as_str().unwrap().to_owned()
    });
    parsed.collect()
}

#[tokio::test]
async fn records_are_read_back_by_cursor_after_a_restart_too() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    for n in 0..3000 {
        journal.record(record(&format!("c{n}"))).await;
    }
    journal.close().await;
    assert_eq!(journal.head(), 3000);
    let journal = open(folder.path());
    journal.record(record("after")).await;
    journal.wait_for(3000).await;
    assert_eq!(calls(&journal, 2998), ["c2998", "c2999", "after"]);
    assert_eq!(calls(&journal, 1023)[..3], ["c1023", "c1024", "c1025"]);
    assert_eq!(calls(&journal, 3001), Vec::<String>::new());
    assert_eq!(journal.lost(), 0);
}

#[tokio::test]
async fn a_journal_has_one_writer_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path());
    let second = Journal::open(folder.path(), Settings::default());
    assert!(second.is_err_and(|error| error.to_string().contains("another gateway")));
    first.close().await;
    assert!(Journal::open(folder.path(), Settings::default()).is_ok());
}

#[tokio::test]
async fn a_torn_tail_is_moved_aside_and_nothing_else_is_touched() {
    for cut in 1..40 {
        let folder = tempfile::tempdir().unwrap();
        let journal = open(folder.path());
        journal.record(record("first")).await;
        journal.record(record("second")).await;
        journal.close().await;
        let file = folder.path().join("journal.jsonl");
        let whole = std::fs::read(&file).unwrap();
        std::fs::write(&file, &whole[..whole.len() - cut]).unwrap();
        let journal = open(folder.path());
        assert_eq!(calls(&journal, 0), ["first"], "cut {cut}");
        journal.record(record("third")).await;
        journal.wait_for(1).await;
        assert_eq!(calls(&journal, 0), ["first", "third"]);
        assert!(folder.path().join("journal.torn-1").is_file());
    }
}

#[tokio::test]
async fn a_closed_journal_counts_what_it_cannot_take() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    journal.close().await;
    journal.record(record("late")).await;
    journal.record_now(record("later"));
    assert_eq!(journal.lost(), 2);
}
