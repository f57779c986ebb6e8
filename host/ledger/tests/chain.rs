//! The chain from outside: whatever is changed, cut out, put in or cut off is found.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cardea_chain::{Record, Recorder, Subject};
use cardea_ledger::{Breach, Journal, Settings, SigningKey, Sync, Tail, VerifyingKey, verify};
use proptest::prelude::*;
use serde_json::Map;

const PRIVATE: &str = include_str!("anchor-key.pem");
const PUBLIC: &str = include_str!("anchor-key.pub.pem");

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

/// Twenty calls in segments of a few lines each, closed and signed.
async fn written() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let key = Some(SigningKey::from_pem(PRIVATE).unwrap());
    let settings = Settings { segment: 1200, sync: Sync::Never, key, ..Settings::default() };
    let journal = Journal::open(folder.path(), settings).unwrap();
    for n in 0..20 {
        journal.record(record(&format!("c{n}"))).await.unwrap();
        journal.wait_for(n).await;
    }
    journal.close().await;
    folder
}

fn segments(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.file_name().unwrap().to_str().unwrap().starts_with('0'));
    files.sort();
    files
}

fn breach(folder: &Path) -> Breach {
    verify(folder, Some(&VerifyingKey::from_pem(PUBLIC).unwrap())).unwrap().unwrap_err()
}

#[tokio::test]
async fn a_journal_nobody_touched_is_sound() {
    let folder = written().await;
    let sound = verify(folder.path(), Some(&VerifyingKey::from_pem(PUBLIC).unwrap())).unwrap().unwrap();
    assert_eq!((sound.first, sound.end, sound.lost, sound.torn), (0, 20, 0, 0));
    assert!(sound.anchors >= segments(folder.path()).len() - 1, "{sound:?}");
    let mut tail = Tail::from_end(folder.path(), 3).unwrap();
    let last: Vec<_> = std::iter::from_fn(|| tail.next_line().unwrap()).collect();
    assert!(last.len() == 3 && String::from_utf8_lossy(&last[0]).contains(r#""call":"c17""#));
    let mut all = Tail::from_start(folder.path()).unwrap();
    assert_eq!(std::iter::from_fn(|| all.next_line().unwrap()).count(), 20);
}

#[tokio::test]
async fn what_was_cut_off_the_end_is_missed_by_its_anchor() {
    let folder = written().await;
    let last = segments(folder.path()).pop().unwrap();
    let text = fs::read_to_string(&last).unwrap();
    fs::write(&last, text.lines().next().map(|line| format!("{line}\n")).unwrap_or_default()).unwrap();
    assert!(breach(folder.path()).what.contains("were anchored and are gone"));
    fs::remove_file(last).unwrap();
    assert!(breach(folder.path()).what.contains("were anchored and are gone"));
}

#[tokio::test]
async fn a_segment_taken_from_the_middle_is_missed() {
    let folder = written().await;
    let files = segments(folder.path());
    fs::remove_file(&files[1]).unwrap();
    let found = breach(folder.path());
    assert!(found.what.contains("are missing before it") && files[2].ends_with(&found.file), "{found}");
}

#[tokio::test]
async fn a_chain_made_anew_has_anchors_of_another_key() {
    let folder = written().await;
    let anchors = folder.path().join("anchors.jsonl");
    let text = fs::read_to_string(&anchors).unwrap();
    fs::write(&anchors, text.replacen("\"atMs\":1", "\"atMs\":2", 1)).unwrap();
    let found = breach(folder.path());
    assert!(found.file == "anchors.jsonl" && found.line == Some(1) && found.what.contains("signature"), "{found}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// One byte changed anywhere in the lines is found, wherever it is.
    #[test]
    fn one_changed_byte_is_found(place in any::<prop::sample::Index>(), flip in 1_u8..=255) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let folder = runtime.block_on(written());
        let files = segments(folder.path());
        let file = &files[place.index(files.len())];
        let mut text = fs::read(file).unwrap();
        prop_assume!(!text.is_empty());
        let at = place.index(text.len());
        text[at] ^= flip;
        fs::write(file, text).unwrap();
        prop_assert!(verify(folder.path(), None).unwrap().is_err(), "byte {} of {}", at, file.display());
    }
}
