//! What is kept of a stream, for how long, and for whom.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::future::poll_fn;

use futures_util::FutureExt;

use super::*;

fn streams(events: usize, bytes: usize) -> Arc<Streams> {
    let limits = Limits { replay_events: events, replay_bytes: bytes, ..Limits::default() };
    Streams::new(&Keeping::new(&limits))
}

fn say(streams: &Streams, key: Key, message: &'static str) {
    streams.say(key, vec![Bytes::from_static(message.as_bytes())]);
}

/// What can be read from a position on without waiting: the data of each event, and whether the stream ended.
fn heard(streams: &Streams, mut position: Position) -> (Vec<String>, bool) {
    let turn = streams.attach(position).unwrap();
    let mut said = Vec::new();
    let ended = loop {
        match poll_fn(|cx| streams.poll_next(&mut position, turn, cx)).now_or_never() {
            None => break false,
            Some(None) => break true,
            Some(Some(pieces)) => {
                let text = String::from_utf8(pieces.concat()).unwrap();
                let id = text.lines().find_map(|line| line.strip_prefix("id: ")).unwrap();
                assert_eq!(Position::parse(id), Some(position), "an event's id is the position behind it");
                said.push(text.lines().find_map(|line| line.strip_prefix("data: ")).unwrap().to_owned());
            }
        }
    };
    streams.detach(position.key, turn);
    (said, ended)
}

#[tokio::test]
async fn what_was_said_behind_an_event_is_heard_again_and_then_the_end() {
    let streams = streams(10, 10_000);
    let (key, other) = (streams.open(), streams.open());
    for message in ["1", "2", "3"] {
        say(&streams, key, message);
        say(&streams, other, "of another stream");
    }
    assert_eq!(heard(&streams, Position { key, next: 0 }), (vec!["1".into(), "2".into(), "3".into()], false));
    assert_eq!(heard(&streams, Position { key, next: 2 }), (vec!["3".into()], false));
    assert_eq!(streams.unread(key), Some(Position { key, next: 3 }));
    say(&streams, key, "the end");
    streams.finish(key);
    assert_eq!(heard(&streams, Position { key, next: 3 }), (vec!["the end".into()], true));
    assert_eq!(heard(&streams, Position { key, next: 4 }), (vec![], true));
    assert!(streams.attach(Position { key, next: 5 }).is_none(), "no event has that number yet");
    assert!(streams.attach(Position { key: key ^ 1, next: 0 }).is_none(), "no stream has that key");
}

#[tokio::test]
async fn what_is_kept_is_bounded_and_what_was_read_goes_first() {
    let streams = streams(3, 10_000);
    let (read, unread) = (streams.open(), streams.open());
    say(&streams, unread, "a");
    say(&streams, read, "b");
    say(&streams, read, "c");
    heard(&streams, Position { key: read, next: 0 });
    say(&streams, unread, "d");
    say(&streams, unread, "e");
    assert_eq!(heard(&streams, Position { key: read, next: 0 }).0, [""; 0]);
    say(&streams, unread, "f");
    assert_eq!(heard(&streams, Position { key: unread, next: 0 }).0, ["d", "e", "f"]);
}

#[tokio::test]
async fn bytes_are_bounded_in_a_session_and_over_all_of_them() {
    let long: &'static str = "0123456789012345678901234567890123456789";
    let limits = Limits { replay_bytes: 250, max_replay: 350, ..Limits::default() };
    let keeping = Keeping::new(&limits);
    let (ours, theirs) = (Streams::new(&keeping), Streams::new(&keeping));
    let (key, other) = (ours.open(), theirs.open());
    (0..10).for_each(|_| say(&ours, key, long));
    let kept = heard(&ours, Position { key, next: 0 }).0.len();
    assert!((1..3).contains(&kept), "{kept}");
    (0..10).for_each(|_| say(&theirs, other, long));
    assert!(keeping.used.load(Ordering::Relaxed) <= 350);
    ours.close();
    drop(theirs);
    assert_eq!(keeping.used.load(Ordering::Relaxed), 0, "all is given back");
}

#[tokio::test]
async fn a_message_too_large_to_keep_still_reaches_the_reader_who_waits_for_it() {
    let streams = streams(10, 60);
    let key = streams.open();
    let mut position = Position { key, next: 0 };
    let turn = streams.attach(position).unwrap();
    say(&streams, key, "0123456789012345678901234567890123456789");
    streams.finish(key);
    assert!(poll_fn(|cx| streams.poll_next(&mut position, turn, cx)).await.is_some());
    assert!(poll_fn(|cx| streams.poll_next(&mut position, turn, cx)).await.is_none());
    streams.detach(key, turn);
    assert!(streams.attach(position).is_none(), "nothing is left of it");
}

#[tokio::test]
async fn a_later_reader_takes_the_stream_over() {
    let streams = streams(10, 10_000);
    let key = streams.open();
    let mut first = Position { key, next: 0 };
    let turn = streams.attach(first).unwrap();
    assert!(streams.unread(key).is_none(), "it has a reader");
    assert!(poll_fn(|cx| streams.poll_next(&mut first, turn, cx)).now_or_never().is_none());
    let second = streams.attach(first).unwrap();
    assert!(poll_fn(|cx| streams.poll_next(&mut first, turn, cx)).await.is_none());
    streams.detach(key, turn);
    assert!(streams.unread(key).is_none(), "the one who left was not the reader any more");
    streams.detach(key, second);
    assert!(streams.unread(key).is_some());
}

#[tokio::test]
async fn a_slow_reader_holds_up_who_speaks_and_an_absent_one_does_not() {
    let streams = streams(1000, 100_000);
    let key = streams.open();
    (0..OUTLET * 2).for_each(|_| say(&streams, key, "1"));
    streams.room(key).await;
    let mut position = Position { key, next: 0 };
    let turn = streams.attach(position).unwrap();
    assert!(streams.room(key).now_or_never().is_none());
    let room = streams.room(key);
    tokio::pin!(room);
    assert!(room.as_mut().now_or_never().is_none());
    for _ in 0..=OUTLET {
        poll_fn(|cx| streams.poll_next(&mut position, turn, cx)).await.unwrap();
    }
    room.await;
}

#[tokio::test(start_paused = true)]
async fn what_nobody_comes_for_expires() {
    let streams = streams(10, 10_000);
    let (done, open) = (streams.open(), streams.open());
    say(&streams, done, "1");
    say(&streams, open, "2");
    streams.finish(done);
    tokio::time::advance(Duration::from_secs(10)).await;
    streams.expire(Duration::from_secs(11));
    assert!(streams.unread(done).is_some());
    streams.expire(Duration::from_secs(10));
    assert!(streams.unread(done).is_none());
    assert_eq!(heard(&streams, Position { key: open, next: 0 }).0, ["2"]);
}

#[tokio::test]
async fn an_id_has_one_spelling() {
    let position = Position { key: 0xab, next: 7 };
    assert_eq!(position.to_string(), "00000000000000ab-7");
    assert_eq!(Position::parse("00000000000000ab-7"), Some(position));
    for id in
        ["", "-", "ab-7", "00000000000000AB-7", "00000000000000ab-07", "00000000000000ab-+7", "00000000000000ab--7"]
    {
        assert_eq!(Position::parse(id), None, "{id}");
    }
}
