//! The journal from outside: what is recorded is there, in order, after crashes too.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use cardea_chain::{Record, Recorder, Subject, Unrecorded};
use cardea_ledger::{Journal, Keep, Mode, Settings, Sync, verify};
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
    Journal::open(folder, Settings { queue: 4, sync: Sync::Never, ..Settings::default() }).unwrap()
}

fn segment(folder: &Path, first: u64) -> PathBuf {
    folder.join(format!("{first:020}.jsonl"))
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
        journal.record(record(&format!("c{n}"))).await.unwrap();
    }
    journal.close().await;
    assert_eq!(journal.head(), 3000);
    let journal = open(folder.path());
    journal.record(record("after")).await.unwrap();
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
        journal.record(record("first")).await.unwrap();
        journal.record(record("second")).await.unwrap();
        journal.close().await;
        let file = segment(folder.path(), 0);
        let whole = std::fs::read(&file).unwrap();
        std::fs::write(&file, &whole[..whole.len() - cut]).unwrap();
        let journal = open(folder.path());
        assert_eq!(calls(&journal, 0), ["first"], "cut {cut}");
        journal.record(record("third")).await.unwrap();
        journal.wait_for(1).await;
        assert_eq!(calls(&journal, 0), ["first", "third"]);
        assert!(folder.path().join("torn-1").is_file());
    }
}

#[tokio::test]
async fn a_closed_journal_counts_what_it_cannot_take() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    journal.close().await;
    assert_eq!(journal.record(record("late")).await, Ok(()));
    journal.record_now(record("later"));
    assert_eq!(journal.lost(), 2);
}

#[tokio::test]
async fn segments_follow_each_other_and_the_old_ones_go() {
    let folder = tempfile::tempdir().unwrap();
    let keep = Keep { bytes: Some(4096), age: None };
    let settings = || Settings { segment: 1024, keep, ..Settings::default() };
    let journal = Journal::open(folder.path(), settings()).unwrap();
    for n in 0..100 {
        journal.record(record(&format!("c{n}"))).await.unwrap();
        journal.wait_for(n).await;
    }
    journal.close().await;
    let (oldest, sizes) = (journal.oldest(), sizes(folder.path()));
    assert!(oldest > 50 && sizes.len() > 2 && sizes.iter().sum::<u64>() < 4096 + 2048, "{oldest} {sizes:?}");
    assert_eq!(calls(&journal, 0)[0], format!("c{oldest}"), "what is gone is skipped");
    assert_eq!(calls(&journal, 98), ["c98", "c99"]);
    drop(journal);
    let journal = Journal::open(folder.path(), settings()).unwrap();
    journal.record(record("after")).await.unwrap();
    journal.close().await;
    assert_eq!(calls(&journal, 99), ["c99", "after"]);
    let verified = verify(folder.path(), None).unwrap().unwrap();
    assert_eq!((verified.first, verified.end), (oldest, 101));
}

#[tokio::test]
async fn a_journal_whose_segments_were_all_taken_away_goes_on_with_the_chain() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    journal.record(record("first")).await.unwrap();
    journal.close().await;
    std::fs::remove_file(segment(folder.path(), 0)).unwrap();
    let journal = open(folder.path());
    journal.record(record("second")).await.unwrap();
    journal.close().await;
    assert_eq!(calls(&journal, 0), ["second"]);
    assert_eq!(verify(folder.path(), None).unwrap().map(|sound| (sound.first, sound.end)), Ok((1, 2)));
}

#[tokio::test]
async fn a_strict_journal_has_the_line_on_the_disk_when_it_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path(), Settings { mode: Mode::Strict, ..Settings::default() }).unwrap();
    assert!(journal.wants_intents());
    journal.record(record("first")).await.unwrap();
    let text = std::fs::read_to_string(segment(folder.path(), 0)).unwrap();
    assert!(text.contains(r#""kind":"call""#) && text.contains(r#""call":"first""#) && text.ends_with('\n'), "{text}");
    journal.close().await;
    assert_eq!(journal.record(record("late")).await, Err(Unrecorded));
}

fn sizes(folder: &Path) -> Vec<u64> {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    let lines = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with('0'));
    lines.map(|entry| entry.metadata().unwrap().len()).collect()
}
