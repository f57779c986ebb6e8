//! Both directories, over servers that live in these tests.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use cardea_chain::{FaultKind, Health, ItemKind, Place};
use cardea_message::{Method, Version};
use cardea_registry::{Registry, Server};
use http::HeaderMap;
use serde_json::{Value, json};

use support::{Fake, Mood, by, call, composed, names, registry, resolve};

#[tokio::test]
async fn one_server_keeps_its_names_and_gets_every_method_but_those_that_lead_nowhere() {
    let git = Arc::new(Fake::with_tools(&["log"]));
    let registry = registry(&[("git", &git)]);
    let one = registry.one("git").unwrap();
    assert!(registry.one("got").is_none());
    let target = resolve(&one, "tools/call", json!({ "name": "any_name" })).await.unwrap();
    assert_eq!(
        (target.server.as_deref(), target.native_name.as_deref(), target.params),
        (Some("git"), Some("any_name"), None)
    );
    for passed in ["server/discover", "tools/list", "completion/complete", "resources/templates/list", "acme/new"] {
        assert!(resolve(&one, passed, json!({})).await.is_ok(), "{passed}");
    }
    for refused in ["initialize", "logging/setLevel"] {
        let fault = resolve(&one, refused, json!({ "uri": "a:b" })).await.err().unwrap();
        assert_eq!(fault.kind, FaultKind::UnknownMethod, "{refused}");
    }
    for modern in ["subscriptions/listen", "tasks/get", "tasks/x"] {
        let mut asked = call(&one, modern, json!({ "name": "t" }));
        assert!(one.resolve(&asked).await.is_ok(), "{modern}");
        let client = Arc::make_mut(&mut Arc::get_mut(&mut asked).unwrap().client);
        client.version = Version::LATEST_LEGACY;
        assert_eq!(one.resolve(&asked).await.err().unwrap().kind, FaultKind::UnknownMethod, "{modern}");
    }
    for nameless in ["tools/call", "prompts/get", "resources/read", "resources/subscribe", "tasks/get"] {
        let fault = resolve(&one, nameless, json!({})).await.err().unwrap();
        assert_eq!(fault.kind, FaultKind::InvalidParams, "{nameless}");
    }
    let asked = call(&one, "tools/list", json!({}));
    assert_eq!(one.place(&asked, ItemKind::Tool, "a_b"), Some(Place { server: "git".into(), native: "a_b".into() }));
}

#[tokio::test]
async fn all_servers_are_one_page_in_manifest_order_with_every_other_byte_as_it_was() {
    let git = Arc::new(Fake { page_size: Some(2), ..Fake::with_tools(&["c", "a", "b", "a"]) });
    let web = Arc::new(Fake { mood: Mood::Talkative, ..Fake::with_tools(&["get"]) });
    let all = registry(&[("git", &git), ("web", &web)]).all();
    let list = composed(&all, &call(&all, "tools/list", json!({}))).await;
    let item = |name: &str| format!(r#"{{ "title":"T", "name" : "{name}","n":1.0 }}"#);
    let items = ["git_c", "git_a", "git_b", "web_get"].map(item).join(",");
    assert_eq!(list, format!(r#"{{"tools":[{items}],"resultType":"complete","ttlMs":0,"cacheScope":"private"}}"#));
    let asked = git.seen.lock().unwrap().iter().find(|call| call.method == Method::TOOLS_LIST).unwrap().clone();
    assert!(
        asked.client.progress_token.is_none() && asked.subject.id == "alice",
        "asked in the caller's name, beside its call"
    );
}

#[tokio::test]
async fn a_dead_server_is_missing_and_a_silent_one_holds_nobody_up() {
    tokio::time::pause();
    let (dead, silent) = (
        Arc::new(Fake { mood: Mood::Dead, ..Fake::default() }),
        Arc::new(Fake { mood: Mood::Silent, ..Fake::default() }),
    );
    let git = Arc::new(Fake::with_tools(&["log"]));
    let registry = registry(&[("dead", &dead), ("git", &git), ("silent", &silent)]);
    let all = registry.all();
    let asked = call(&all, "tools/list", json!({}));
    assert_eq!(names(&all, &asked).await, ["git_log"]);
    assert!(!asked.deadline.remaining().is_zero(), "and the client is answered in time");
    let down: Vec<_> =
        registry.health().into_iter().filter(|fare| matches!(fare.health, Health::Down { .. })).collect();
    assert_eq!(down.len(), 1);
    assert_eq!((&*down[0].server, down[0].endpoint.as_str()), ("dead", "dead/0"));
    let fault = resolve(&all, "tools/call", json!({ "name": "dead_x" })).await.err().unwrap();
    assert_eq!(fault.kind, FaultKind::Unreachable);
}

#[tokio::test]
async fn a_name_leads_to_its_server_and_becomes_the_servers_own() {
    let long = "n".repeat(70);
    let git =
        Arc::new(Fake { prompts: vec![r#"{"name":"review"}"#.to_owned()], ..Fake::with_tools(&["read_file", &long]) });
    let web = Arc::new(Fake::with_tools(&["read_file"]));
    let all = registry(&[("git", &git), ("web", &web)]).all();
    let target =
        resolve(&all, "tools/call", json!({ "arguments": { "b": 1, "a": 2 }, "name": "web_read_file" })).await.unwrap();
    assert_eq!((target.server.as_deref(), target.native_name.as_deref()), (Some("web"), Some("read_file")));
    assert_eq!(target.params.unwrap(), r#"{"arguments":{"a":2,"b":1},"name":"read_file"}"#);
    let target = resolve(&all, "prompts/get", json!({ "name": "git_review" })).await.unwrap();
    assert_eq!(target.native_name.as_deref(), Some("review"));

    let listed = call(&all, "tools/list", json!({}));
    let joined = names(&all, &listed).await;
    assert_eq!(joined[1].len(), 64, "long names are shortened");
    let target = resolve(&all, "tools/call", json!({ "name": joined[1] })).await.unwrap();
    assert_eq!(target.native_name.as_deref(), Some(long.as_str()));
    assert_eq!(all.place(&listed, ItemKind::Tool, &joined[1]), Some(Place { server: "git".into(), native: long }));
    let definition = all.definition(&listed, ItemKind::Tool, "git_read_file").unwrap();
    assert_eq!(definition, r#"{ "title":"T", "name" : "git_read_file","n":1.0 }"#);
}

#[tokio::test]
async fn an_unknown_name_gets_its_server_asked_once_more() {
    let git = Arc::new(Fake::with_tools(&["log"]));
    let all = registry(&[("git", &git)]).all();
    resolve(&all, "tools/call", json!({ "name": "git_log" })).await.unwrap();
    assert_eq!(git.lists_asked.load(Ordering::SeqCst), 1);
    git.tools.lock().unwrap().push(r#"{"name":"new"}"#.to_owned());
    resolve(&all, "tools/call", json!({ "name": "git_new" })).await.unwrap();
    assert_eq!(git.lists_asked.load(Ordering::SeqCst), 2);
    let fault = resolve(&all, "tools/call", json!({ "name": "git_none" })).await.err().unwrap();
    assert_eq!((fault.kind, fault.outside.as_str()), (FaultKind::UnknownName, "Unknown tool: git_none"));
    assert_eq!(git.lists_asked.load(Ordering::SeqCst), 3);
    for nowhere in ["other_log", "log", "git_", "_x", ""] {
        let fault = resolve(&all, "tools/call", json!({ "name": nowhere })).await.err().unwrap();
        assert_eq!(fault.kind, FaultKind::UnknownName, "{nowhere}");
    }
    assert_eq!(git.lists_asked.load(Ordering::SeqCst), 3, "no server, nobody to ask");
}

#[tokio::test]
async fn lists_are_kept_for_one_viewer_each_and_fetched_once_for_all_who_wait() {
    let git = Arc::new(Fake::with_tools(&["log"]));
    let all = registry(&[("git", &git)]).all();
    let asked = call(&all, "tools/list", json!({}));
    let waiting = (0..50).map(|_| names(&all, &asked));
    for list in futures_util::future::join_all(waiting).await {
        assert_eq!(list, ["git_log"]);
    }
    assert_eq!(git.lists_asked.load(Ordering::SeqCst), 1);
    names(&all, &by("bob", &asked)).await;
    assert_eq!(git.lists_asked.load(Ordering::SeqCst), 2, "what one may see says nothing about another");
    let mut other = (*asked).clone();
    Arc::make_mut(&mut other.client).capabilities = r#"{"roots":{}}"#.into();
    names(&all, &Arc::new(other)).await;
    assert_eq!(git.lists_asked.load(Ordering::SeqCst), 3, "servers list by capabilities");
    assert!(all.definition(&by("carol", &asked), ItemKind::Tool, "git_log").is_none(), "nor is anything known of her");
}

#[tokio::test]
async fn the_house_introduces_all_servers_as_one() {
    let git = Arc::new(Fake { instructions: Some("commit often\n"), ..Fake::with_tools(&["log"]) });
    let web = Arc::new(Fake {
        prompts: vec![r#"{"name":"p"}"#.to_owned()],
        instructions: Some("be polite"),
        ..Fake::default()
    });
    let mute = Arc::new(Fake::default());
    let all = registry(&[("git", &git), ("web", &web), ("mute", &mute)]).all();
    let said: Value = serde_json::from_slice(&composed(&all, &call(&all, "server/discover", json!({}))).await).unwrap();
    assert_eq!(said["supportedVersions"], json!(["2026-07-28"]));
    assert_eq!(said["capabilities"], json!({ "tools": {}, "prompts": {} }));
    assert_eq!(said["instructions"], "# git\n\ncommit often\n\n# web\n\nbe polite");
    assert_eq!(said["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "cardea");
    assert_eq!(names(&all, &call(&all, "prompts/list", json!({}))).await, ["web_p"]);
    assert_eq!(
        git.seen.lock().unwrap().iter().filter(|call| call.method == Method::PROMPTS_LIST).count(),
        0,
        "it offers none"
    );
}

#[tokio::test]
async fn what_all_servers_do_not_have_together_is_refused() {
    let all = registry(&[("git", &Arc::new(Fake::default()))]).all();
    for method in ["tasks/list", "tasks/result", "acme/new", "ping"] {
        let params = json!({ "uri": "a:b", "taskId": "t", "name": "t" });
        let fault = resolve(&all, method, params).await.err().unwrap();
        assert_eq!(fault.kind, FaultKind::UnknownMethod, "{method}");
    }
    assert_eq!(resolve(&all, "tools/call", json!({})).await.err().unwrap().kind, FaultKind::InvalidParams);
    let asked = call(&all, "tools/list", json!({ "cursor": "x" }));
    let target = all.resolve(&asked).await.unwrap();
    let fault = target.endpoints[0].upstream.open(&asked).await.err().unwrap();
    assert_eq!(fault.kind, FaultKind::InvalidParams, "a page that was never promised");
}

#[tokio::test]
async fn what_one_is_shown_at_a_servers_own_endpoint_is_known_of_it() {
    let registry = registry(&[("git", &Arc::new(Fake::default()))]);
    let one = registry.one("git").unwrap();
    let marked = r#"{ "name":"t","inputSchema":{"properties":{"a":{"type":"string","x-mcp-header":"A"}}} }"#;
    let asked = call(&one, "tools/call", json!({ "name": "t" }));
    let mut sends = (*by("bob", &asked)).clone();
    let header = ("mcp-param-b".parse().unwrap(), "1".parse().unwrap());
    sends.headers = Arc::new(HeaderMap::from_iter([header]));
    assert_eq!(one.marks(&asked).unwrap().len(), 0, "as long as no tool was seen to have any");
    assert!(one.marks(&sends).is_none(), "unless the client seems to know of some");

    let lists = call(&one, "tools/list", json!({}));
    one.listed(&lists, &format!(r#"{{"tools":[{marked},{{"name":"plain"}}],"nextCursor":"2"}}"#).into());
    one.listed(&call(&one, "tools/list", json!({ "cursor": "2" })), &r#"{"tools":[{"name":"last"}]}"#.into());
    assert_eq!(one.marks(&asked).unwrap()[0].header, "mcp-param-a");
    assert_eq!(one.definition(&asked, ItemKind::Tool, "t").unwrap(), marked);
    for name in ["plain", "last"] {
        assert_eq!(one.marks(&call(&one, "tools/call", json!({ "name": name }))).unwrap().len(), 0, "{name}");
    }
    assert!(one.marks(&call(&one, "tools/call", json!({ "name": "other" }))).is_none(), "one that was not there");
    assert!(one.marks(&sends).is_none() && one.definition(&sends, ItemKind::Tool, "t").is_none(), "nor shown to bob");

    one.listed(&lists, &r#"{"tools":[{"name":"t"}]}"#.into());
    assert_eq!(one.marks(&asked).unwrap().len(), 0, "the latest look counts");
}

#[tokio::test]
async fn endpoints_are_counted() {
    let (busy, dead) = (
        Arc::new(Fake { mood: Mood::Talkative, ..Fake::default() }),
        Arc::new(Fake { mood: Mood::Dead, ..Fake::default() }),
    );
    let registry = registry(&[("busy", &busy), ("dead", &dead)]);
    let one = registry.one("busy").unwrap();
    let facts = async || resolve(&one, "tools/list", json!({})).await.unwrap().endpoints[0].candidate();
    assert_eq!((facts().await.in_flight, facts().await.latency_us, facts().await.healthy), (0, 0, true));
    let asked = call(&one, "tools/list", json!({}));
    let target = one.resolve(&asked).await.unwrap();
    let exchange = target.endpoints[0].upstream.open(&asked).await.unwrap();
    assert_eq!(facts().await.in_flight, 1);
    drop(exchange);
    assert_eq!(facts().await.in_flight, 0);
    assert!(facts().await.latency_us > 0);
    let dead = registry.one("dead").unwrap();
    assert!(!resolve(&dead, "tools/list", json!({})).await.unwrap().endpoints[0].candidate().healthy);
}

#[tokio::test]
async fn the_end_of_a_session_is_told_on() {
    let (git, web) = (Arc::new(Fake::default()), Arc::new(Fake::default()));
    let registry = registry(&[("git", &git), ("web", &web)]);
    registry.one("git").unwrap().session_ended("a");
    registry.all().session_ended("b");
    assert_eq!(*git.sessions_ended.lock().unwrap(), ["a", "b"]);
    assert_eq!(*web.sessions_ended.lock().unwrap(), ["b"]);
}

#[test]
fn a_name_that_cannot_be_a_prefix_is_refused() {
    assert!(Registry::new(vec![Server { name: "a_b".into(), endpoints: Vec::new(), call_timeout: None }]).is_err());
}
