//! The table of translations: what stands on the left comes out as what stands on the right.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use cardea_chain::{CallId, Deadline, Directory, Duties, Event, ItemKind, Place, Scratch, Subject, Target};
use cardea_message::compose;
use futures_util::future::BoxFuture;
use proptest::{collection::vec, prelude::*};
use serde_json::{Map, Value, json};

use super::*;
use crate::subscription;

struct Nowhere;

impl Directory for Nowhere {
    fn resolve<'a>(&'a self, call: &'a Arc<Call>) -> BoxFuture<'a, Result<Target, Fault>> {
        Box::pin(async { Err(Fault::unknown_method(&call.method)) })
    }

    fn place(&self, _: &Call, _: ItemKind, _: &str) -> Option<Place> {
        None
    }

    fn definition(&self, _: &Call, _: ItemKind, _: &str) -> Option<Bytes> {
        None
    }
}

fn call(client: Era, method: &str, params: Option<&'static str>) -> Call {
    Call {
        id: CallId::new("test"),
        method: Method::parse(method),
        params: params.map(Bytes::from),
        name: None,
        native_name: Some("a:b".into()),
        server: None,
        endpoint: "/mcp".into(),
        directory: Arc::new(Nowhere),
        client: Arc::new(Client {
            version: if client == Era::Modern { Version::LATEST } else { Version::LATEST_LEGACY },
            capabilities: r#"{"roots":{}}"#.into(),
            info: None,
            log_level: None,
            progress_token: None,
            session: None,
        }),
        subject: Arc::new(Subject::default()),
        headers: Arc::default(),
        deadline: Deadline::new(Duration::from_secs(1), Duration::from_secs(1)),
        traceparent: None,
        received: std::time::SystemTime::now(),
        scratch: Scratch::default(),
        duties: Duties::default(),
    }
}

fn client_mut(call: &mut Call) -> &mut Client {
    Arc::make_mut(&mut call.client)
}

const VERSION: &str = r#""io.modelcontextprotocol/protocolVersion":"2026-07-28""#;
const ROOTS: &str = r#""io.modelcontextprotocol/clientCapabilities":{"roots":{}}"#;

#[tokio::test]
async fn params_speak_the_servers_era() {
    use Era::{Legacy, Modern};
    let table: [(Era, Era, Option<&'static str>, Option<String>); 10] = [
        // Legacy servers never see modern keys; everything else stays as it stood.
        (Legacy, Legacy, None, None),
        (Legacy, Legacy, Some(r#"{ "a" : 1 }"#), Some(r#"{ "a" : 1 }"#.into())),
        (Legacy, Legacy, Some(r#"{"_meta":{"io.modelcontextprotocol/x":1}}"#), Some(r#"{"_meta":{"io.modelcontextprotocol/x":1}}"#.into())),
        (Modern, Legacy, Some(r#"{"_meta":{"io.modelcontextprotocol/protocolVersion":"x","own":1}}"#), Some(r#"{"_meta":{"own":1}}"#.into())),
        (Modern, Legacy, Some(r#"{"_meta":{"io.modelcontextprotocol/logLevel":"x"}}"#), Some("{}".into())),
        // Modern servers get what a modern client said, and what the gateway's own calls lack.
        (
            Modern,
            Modern,
            Some(r#"{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"x":1}}, "z":1.0}"#),
            Some(r#"{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"x":1}}, "z":1.0}"#.into()),
        ),
        (
            Modern,
            Modern,
            Some(r#"{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"extensions":{"io.modelcontextprotocol/tasks":{},"y":{}}}}}"#),
            Some(r#"{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"extensions":{"io.modelcontextprotocol/tasks":{},"y":{}}}}}"#.into()),
        ),
        (Modern, Modern, None, Some(format!(r#"{{"_meta":{{{VERSION},{ROOTS}}}}}"#))),
        // Legacy clients can do nothing mid-call, whatever they declared.
        (Legacy, Modern, None, Some(format!(r#"{{"_meta":{{{VERSION},"io.modelcontextprotocol/clientCapabilities":{{}}}}}}"#))),
        (Legacy, Modern, Some(r#"{"name":"t"}"#), Some(format!(r#"{{"name":"t","_meta":{{{VERSION},"io.modelcontextprotocol/clientCapabilities":{{}}}}}}"#))),
    ];
    for (client, server, given, expected) in table {
        let made = params(&call(client, "tools/call", given), server, 7, false);
        assert_eq!(made, expected.map(Bytes::from), "{client:?} to {server:?}: {given:?}");
    }
}

#[tokio::test]
async fn what_only_one_era_has_stays_within_it() {
    use Era::{Legacy, Modern};
    for method in ["subscriptions/listen", "tasks/get", "tasks/update", "tasks/cancel", "tasks/new"] {
        for (client, server, passes) in
            [(Modern, Modern, true), (Modern, Legacy, false), (Legacy, Modern, false), (Legacy, Legacy, false)]
        {
            assert_eq!(is_bridged(&call(client, method, None), server), passes, "{method}: {client:?} to {server:?}");
            assert!(is_bridged(&call(client, "acme/new", None), server));
        }
    }
}

#[tokio::test]
async fn the_progress_token_is_the_gateways_and_only_where_the_client_gave_one() {
    let given = r#"{"_meta":{"progressToken":"p"}}"#;
    let mut with = call(Era::Legacy, "tools/call", Some(given));
    client_mut(&mut with).progress_token = Some(r#""p""#.into());
    assert_eq!(params(&with, Era::Legacy, 7, false).unwrap(), r#"{"_meta":{"progressToken":7}}"#);
    assert_eq!(params(&call(Era::Legacy, "tools/call", Some(given)), Era::Legacy, 7, false).unwrap(), "{}");
}

#[tokio::test]
async fn responses_speak_the_clients_era() {
    use Era::{Legacy, Modern};
    let info = r#""_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s"}}"#;
    let result = |text: &str| format!(r#"{{"jsonrpc":"2.0","id":7,"result":{text}}}"#);
    let error = |text: &str| format!(r#"{{"jsonrpc":"2.0","id":7,"error":{text}}}"#);
    let gone = r#"{"code":-32002,"message":"m"}"#;
    let invalid = r#"{"code":-32602,"message":"m","data":{"uri":"a:b"}}"#;
    let table = [
        (Legacy, Modern, "x/new", result("{}"), result(&format!(r#"{{"resultType":"complete",{info}}}"#))),
        (
            Legacy,
            Modern,
            "x/new",
            result(r#"{"a":[] }"#),
            result(&format!(r#"{{"a":[] ,"resultType":"complete",{info}}}"#)),
        ),
        (
            Legacy,
            Modern,
            "tools/call",
            result(r#"{"resultType":"task","_meta":{}}"#),
            result(&format!(r#"{{"resultType":"task",{info}}}"#)),
        ),
        (
            Legacy,
            Modern,
            "resources/read",
            result(r#"{"contents":[],"ttlMs":9}"#),
            result(&format!(r#"{{"contents":[],"ttlMs":9,"resultType":"complete","cacheScope":"private",{info}}}"#)),
        ),
        (Legacy, Modern, "resources/read", error(gone), error(invalid)),
        (Legacy, Modern, "tools/call", error(gone), error(gone)),
        (
            Modern,
            Legacy,
            "resources/read",
            error(invalid),
            error(r#"{"code":-32002,"message":"m","data":{"uri":"a:b"}}"#),
        ),
        (Modern, Legacy, "tools/call", error(invalid), error(invalid)),
        (
            Modern,
            Legacy,
            "tools/list",
            result(r#"{"resultType":"complete","ttlMs":1}"#),
            result(r#"{"resultType":"complete","ttlMs":1}"#),
        ),
        (Legacy, Legacy, "resources/read", error(gone), error(gone)),
        (Modern, Modern, "resources/read", error(invalid), error(invalid)),
    ];
    let blame = Blame::new(&Arc::from("s"));
    for (server, client, method, given, expected) in table {
        let Ok(Message::Response(given)) = Message::parse(given.into()) else { panic!("the table is wrong") };
        let mut greeting = Greeting::none_given().unwrap();
        (greeting.era, greeting.server_info) = (server, Some(r#"{"name":"s"}"#.into()));
        let made = response(given, &call(client, method, None), &greeting, &blame).unwrap();
        assert_eq!(made.bytes(), &expected, "{server:?} to {client:?}: {method}");
    }
}

#[test]
fn notifications_reach_who_wants_them() {
    let client = |era: Era, level: Option<&str>| {
        let mut call = call(era, "tools/call", None);
        client_mut(&mut call).log_level = level.map(Into::into);
        (*call.client).clone()
    };
    let passes = |client: &Client, method: &str, params: &str| {
        let Ok(Message::Notification(note)) = Message::parse(compose::notification(method, Some(params.as_bytes())))
        else {
            panic!("the table is wrong")
        };
        notification(note, 7, client).is_some()
    };
    let log = "notifications/message";
    for (client, method, params, expected) in [
        (client(Era::Modern, None), log, r#"{"level":"emergency"}"#, false),
        (client(Era::Legacy, None), log, r#"{"level":"debug"}"#, true),
        (client(Era::Modern, Some("error")), log, r#"{"level":"warning"}"#, false),
        (client(Era::Modern, Some("error")), log, r#"{"level":"error"}"#, true),
        (client(Era::Legacy, Some("error")), log, r#"{"level":"notice"}"#, false),
        (client(Era::Legacy, Some("error")), log, r#"{"level":"of its own"}"#, true),
        (client(Era::Legacy, None), "notifications/progress", r#"{"progressToken":7}"#, false),
        (client(Era::Legacy, None), "notifications/tools/list_changed", "{}", false),
        (client(Era::Legacy, None), "notifications/cancelled", "{}", true),
        (client(Era::Modern, None), "notifications/cancelled", "{}", false),
        (client(Era::Legacy, None), "notifications/elicitation/complete", "{}", true),
        (client(Era::Modern, None), "notifications/elicitation/complete", "{}", false),
        (client(Era::Legacy, None), "notifications/x-new", "{}", true),
    ] {
        assert_eq!(passes(&client, method, params), expected, "{method} {params} to {client:?}");
    }
}

#[test]
fn a_clients_token_comes_back_as_it_was_written() {
    let mut client = (*call(Era::Legacy, "tools/call", None).client).clone();
    client.progress_token = Some(r#""\u0070""#.into());
    let text = r#"{"params":{ "progress":1.0 ,"progressToken" : 7},"jsonrpc":"2.0","method":"notifications/progress"}"#;
    let Ok(Message::Notification(note)) = Message::parse(text.into()) else { panic!("the text is wrong") };
    let restored = notification(note.clone(), 7, &client).unwrap();
    assert_eq!(restored.bytes(), &text.replace(": 7", r#": "\u0070""#));
    assert!(notification(note, 8, &client).is_none(), "another call's");
}

// ---- Whatever nobody here knows ------------------------------------------------------------------------------------

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![Just(Value::Null), any::<i64>().prop_map(Value::from), ".{0,8}".prop_map(Value::from)];
    leaf.prop_recursive(3, 24, 5, |inner| {
        prop_oneof![vec(inner.clone(), 0..4).prop_map(Value::from), members(inner).prop_map(Value::from)]
    })
}

fn members(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Map<String, Value>> {
    vec((".{0,12}", value), 0..5).prop_map(|members| members.into_iter().collect())
}

fn era() -> impl Strategy<Value = Era> {
    prop_oneof![Just(Era::Modern), Just(Era::Legacy)]
}

proptest! {
    #[test]
    fn what_goes_in_comes_out_between_two_of_one_era(
        era in era(), mut given in members(value()), mut own in members(value()), capabilities in members(value()), pretty: bool,
    ) {
        if era == Era::Modern {
            own.insert(meta::PROTOCOL_VERSION.into(), Version::LATEST.as_str().into());
            own.insert(meta::CLIENT_CAPABILITIES.into(), json!({ "extensions": capabilities, "acme": 1 }));
        }
        given.insert("_meta".into(), own.into());
        let given = Value::from(given);
        let text = if pretty { format!("{given:#}") } else { given.to_string() };

        let mut asked = call(era, "acme/new", None);
        asked.params = Some(text.clone().into());
        prop_assert_eq!(params(&asked, era, 7, false).unwrap(), &text);

        let answer = format!(r#"{{"x":1.0, "result":{text} ,"jsonrpc":"2.0","id":7}}"#);
        let Ok(Message::Response(answered)) = Message::parse_reply(answer.clone().into()) else { panic!("{answer}") };
        let mut greeting = Greeting::none_given().unwrap();
        greeting.era = era;
        let told = response(answered, &asked, &greeting, &Blame::new(&Arc::from("s"))).unwrap();
        prop_assert_eq!(told.bytes(), &answer);

        let note = format!(r#"{{"jsonrpc":"2.0", "params":{text},"method":"notifications/acme/new"}}"#);
        let Ok(Message::Notification(said)) = Message::parse_reply(note.clone().into()) else { panic!("{note}") };
        let told = notification(said.clone(), 7, &asked.client).unwrap();
        prop_assert_eq!(told.bytes(), &note);
        let Some(Event::Notification(told)) = subscription::event(said, 7) else { panic!("{note}") };
        prop_assert_eq!(told.bytes(), &note);
    }
}
