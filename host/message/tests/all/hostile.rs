//! Bodies made to break parsers: refused with a JSON-RPC code, in linear time, without a word of them in the answer.

use std::time::{Duration, Instant};

use cardea_message::{
    JsonFaultKind::{self, DuplicateKey, LoneSurrogate, NotUtf8, Syntax, TooDeep},
    Message, error, json,
};

fn kind(text: &[u8]) -> Option<JsonFaultKind> {
    json::check(text).err().map(|fault| fault.kind)
}

#[test]
fn every_bad_text_is_refused_for_its_reason() {
    let deep = |n: usize| "[".repeat(n) + &"]".repeat(n);
    let table: &[(&[u8], JsonFaultKind)] = &[
        (b"", Syntax),
        (b"{", Syntax),
        (b"{} {}", Syntax),
        (b"{}x", Syntax),
        (b"{'a':1}", Syntax),
        (b"{\"a\":1,}", Syntax),
        (b"{a:1}", Syntax),
        (b"[1,]", Syntax),
        (b"NaN", Syntax),
        (b"Infinity", Syntax),
        (b"-", Syntax),
        (b"01", Syntax),
        (b"1.", Syntax),
        (b".5", Syntax),
        (b"+1", Syntax),
        (b"0x10", Syntax),
        (b"1e999", Syntax),
        (b"// a\n1", Syntax),
        (b"\"a\nb\"", Syntax),
        (b"\"\0\"", Syntax),
        (b"\0", Syntax),
        (b"\"\\x41\"", Syntax),
        (b"\"\\u12\"", Syntax),
        (b"\"\\u12g4\"", Syntax),
        (b"\xef\xbb\xbf{}", Syntax),
        (b"{}\x0c", Syntax),
        (b"{\"a\":1,\"a\":1}", DuplicateKey),
        (b"{\"a\":1,\"\\u0061\":1}", DuplicateKey),
        (b"[{\"\":1,\"b\":[],\"\":1}]", DuplicateKey),
        (b"{\"\xc3\xa9\":1,\"\\u00E9\":1}", DuplicateKey),
        (b"\"\\ud800\"", LoneSurrogate),
        (b"\"\\udc00\"", LoneSurrogate),
        (b"\"\\ud800\\n\"", LoneSurrogate),
        (b"\"\\ud800\\ud800\"", LoneSurrogate),
        (b"\"\\udc00\\ud800\"", LoneSurrogate),
        (b"{\"\\ud800x\":1}", LoneSurrogate),
        (b"\"\xff\"", NotUtf8),
        (b"\"\xc0\xaf\"", NotUtf8),
        (b"\"\xed\xa0\x80\"", NotUtf8),
        (b"\"\xe2\x82", NotUtf8),
        (&[0xff, 0xfe, b'{', 0, b'}', 0], NotUtf8),
    ];
    for (text, expected) in table {
        assert_eq!(kind(text), Some(*expected), "{}", text.escape_ascii());
    }
    assert_eq!(kind(deep(json::MAX_DEPTH).as_bytes()), None);
    assert_eq!(kind(deep(json::MAX_DEPTH + 1).as_bytes()), Some(TooDeep));
    assert_eq!(kind(deep(100_000).as_bytes()), Some(TooDeep));
    assert_eq!(kind("{\"a\":".repeat(100_000).as_bytes()), Some(TooDeep));
}

#[test]
fn a_duplicate_is_found_among_many_keys_wherever_it_stands() {
    for count in [2, 15, 16, 17, 18, 40, 5_000] {
        let mut keys: Vec<_> = (0..count).map(|i| format!("\"k{i}\":{{\"k0\":1}}")).collect();
        assert_eq!(kind(format!("{{{}}}", keys.join(",")).as_bytes()), None, "{count}");
        for twin in [0, count / 2, count - 1] {
            keys.push(format!("\"\\u006b{twin}\":1"));
            assert_eq!(kind(format!("{{{}}}", keys.join(",")).as_bytes()), Some(DuplicateKey), "{twin} of {count}");
            keys.pop();
        }
    }
}

#[test]
fn good_texts_pass() {
    for text in
        [&b"{}"[..], b" 1 ", b"\"\\ud83d\\ude00\"", b"\"\\u0000\"", b"1e-999", b"[{\"a\":{\"a\":[]}},{\"a\":1}]"]
    {
        assert_eq!(kind(text), None, "{}", text.escape_ascii());
    }
}

#[test]
fn a_fault_tells_where_and_repeats_nothing() {
    let secret = "s3cret".repeat(1000);
    for text in [
        format!("{{\"{secret}\":1,\n\"{secret}\":2}}"),
        format!("\n\"{secret}"),
        format!("{{\"a\":\n{secret}}}"),
        format!("{{\"jsonrpc\":\"{secret}\",\n\"id\":1}}"),
        format!("\n\"{secret}\""),
    ] {
        let fault = Message::parse(text.clone().into()).unwrap_err();
        assert!(!fault.message().contains("s3cret"), "{fault}");
        assert!(fault.message().len() < 120, "{fault}");
        if let Err(fault) = json::check(text.as_bytes()) {
            assert_eq!(fault.line, 2, "{fault}");
        }
    }
    let fault = json::check(b"{\n \"a\":\xff}").unwrap_err();
    assert_eq!((fault.line, fault.column), (2, 6));
}

#[test]
fn bad_bodies_have_a_json_rpc_code() {
    for (text, code) in [
        (&b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"x\""[..], error::PARSE),
        (b"{\"jsonrpc\":\"2.0\",\"id\":NaN,\"method\":\"x\"}", error::PARSE),
        (b"{\"jsonrpc\":\"2.0\",\"id\":1,\"id\":1,\"method\":\"x\"}", error::PARSE),
        (b"{\"jsonrpc\":\"2.0\",\"id\":1e400,\"method\":\"x\"}", error::PARSE),
        (b"{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"x\"}", error::INVALID_REQUEST),
        (b"[]", error::INVALID_REQUEST),
        (b"null", error::INVALID_REQUEST),
        (b"\xff", error::PARSE),
    ] {
        assert_eq!(Message::parse(text.to_vec().into()).unwrap_err().code(), code, "{}", text.escape_ascii());
    }
}

/// Eight times the text must not cost much more than eight times the time; a quadratic step would cost 64 times.
fn assert_linear(what: &str, run: impl Fn(usize)) {
    let time = |size: usize| {
        let run_once = || {
            let start = Instant::now();
            run(size);
            start.elapsed()
        };
        (0..5).map(|_| run_once()).min().unwrap_or_default().max(Duration::from_micros(50))
    };
    let (small, large) = (time(8_000), time(64_000));
    assert!(large < small * 30, "{what}: {small:?} for one, {large:?} for eight");
}

#[test]
fn the_worst_texts_take_linear_time() {
    let object = |n: usize, key: &dyn Fn(usize) -> String| {
        let members: Vec<_> = (0..n).map(|i| format!("\"{}\":\"v\"", key(i))).collect();
        format!("{{{}}}", members.join(","))
    };
    assert_linear("many keys", |n| {
        assert_eq!(kind(object(n, &|i| format!("k{i}")).as_bytes()), None);
    });
    assert_linear("many escaped keys", |n| {
        assert_eq!(kind(object(n, &|i| format!("\\u0061{i}")).as_bytes()), None);
    });
    assert_linear("long numbers", |n| {
        assert_eq!(kind("9".repeat(n).as_bytes()), Some(Syntax));
    });
    assert_linear("long fractions", |n| {
        assert_eq!(kind(format!("0.{}", "9".repeat(n)).as_bytes()), None);
    });
    assert_linear("many empty objects", |n| {
        assert_eq!(kind(format!("[{}1]", "{},".repeat(n)).as_bytes()), None);
    });
    assert_linear("a top level of many keys", |n| {
        let text = object(n, &|i| format!("k{i}"));
        assert!(Message::parse_reply(text.into()).is_err());
    });
    assert_linear("a reply nested deep", |n| {
        let text = format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}{}}}", "[".repeat(n), "]".repeat(n));
        assert!(Message::parse_reply(text.into()).is_ok());
    });
    assert_linear("texts", |n| {
        let text = object(n, &|i| format!("k{i}"));
        assert_eq!(json::texts(text.as_bytes(), 0, usize::MAX).0.len(), n);
    });
    assert_linear("an edit", |n| {
        let text = object(n, &|i| format!("k{i}"));
        let pointer = json::Pointer::root().child("new");
        let changed = json::set(text.as_bytes(), &pointer, b"1").unwrap();
        assert_eq!(json::remove(&changed, &pointer).unwrap(), text.as_bytes());
    });
}
