//! What nobody knows passes: of what several servers offer, and of what is asked of them, nothing but names is changed.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::{Arc, Mutex};

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use support::{Fake, call, composed, registry};

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
        Just(json!("ui://widget/1")),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((key(), inner), 0..4).prop_map(|members| Value::from(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// Keys of the protocol, of JSON Schema and of nobody.
fn key() -> impl Strategy<Value = String> {
    const KNOWN: &[&str] =
        &["inputSchema", "icons", "_meta", "annotations", "execution", "$defs", "$ref", "x-mcp-header", "title"];
    prop_oneof![proptest::sample::select(KNOWN).prop_map(str::to_owned), "[a-z/.~]{1,8}", ".{1,4}"]
}

/// Members of an object as a peer may write them, each with a comma behind it. None has a name that decides.
fn members() -> impl Strategy<Value = String> {
    let blank = proptest::sample::select(&["", " ", "\n", "\t "][..]);
    vec((key(), value(), blank), 0..5).prop_map(|members| {
        let mut seen = vec!["name".to_owned(), "uri".to_owned(), "cursor".to_owned()];
        let mut text = String::new();
        for (key, value, blank) in members {
            if !seen.contains(&key) {
                text.push_str(&format!("{}{blank}:{blank}{value} ,{blank}", Value::from(key.as_str())));
                seen.push(key);
            }
        }
        text
    })
}

fn runs<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    // proves: fields, icons, schemas and `_meta` of lists at endpoints of several servers | any | any | passes
    #[test]
    fn a_definition_keeps_every_byte_but_its_name(before in members(), after in members()) {
        // One key must not stand twice, so the second half is used only where the first is empty.
        let written = |name: &str| match before.is_empty() {
            true => format!(r#"{{"name":"{name}" ,{after} "last-one":1.0 }}"#),
            false => format!(r#"{{ {before}"name" :"{name}" }}"#),
        };
        let git = Arc::new(Fake { tools: Mutex::new(vec![written("t")]), ..Fake::default() });
        let all = registry(&[("git", &git)]).all();
        let list = runs(async { composed(&all, &call(&all, "tools/list", json!({}))).await });
        let expected = format!(r#"{{"tools":[{}],"resultType":"complete","ttlMs":0,"cacheScope":"private"}}"#, written("git_t"));
        prop_assert_eq!(String::from_utf8_lossy(&list), expected);
    }

    // proves: unknown params and `_meta` at endpoints of several servers | any | any | passes
    #[test]
    fn a_call_keeps_every_byte_but_its_name(before in members()) {
        let written = |name: &str| format!(r#"{{ {before}"name" :"{name}" }}"#);
        let git = Arc::new(Fake::with_tools(&["t"]));
        let all = registry(&[("git", &git)]).all();
        let mut asked = (*call(&all, "tools/call", json!({ "name": "git_t" }))).clone();
        asked.params = Some(written("git_t").into());
        let target = runs(async { all.resolve(&Arc::new(asked)).await.unwrap() });
        prop_assert_eq!(target.params.unwrap(), written("t"));
    }
}
