//! Endpoints of several servers: whose a name or a URI is, by the rules of the manifest.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use cardea_chain::{Directory, FaultKind, ItemKind, Target};
use cardea_registry::{Prefix, Rename, View};
use serde_json::{Value, json};

use support::{Fake, Mood, call, composed, names, registry, resolve};

fn leads_to(target: &Target) -> (&str, &str) {
    (target.server.as_deref().unwrap(), target.native_name.as_deref().unwrap())
}

async fn finds(directory: &Arc<dyn Directory>, method: &str, params: Value) -> Option<(String, String)> {
    let target = resolve(directory, method, params).await.ok()?;
    let (server, native) = leads_to(&target);
    Some((server.to_owned(), native.to_owned()))
}

fn owned(server: &str, native: &str) -> Option<(String, String)> {
    Some((server.to_owned(), native.to_owned()))
}

#[tokio::test]
async fn a_name_is_the_first_servers_and_others_have_it_with_theirs() {
    let (git, web) = (Arc::new(Fake::with_tools(&["log", "diff"])), Arc::new(Fake::with_tools(&["get", "log"])));
    let registry = registry(&[("git", &git), ("web", &web)]);
    let view = View { prefix: Prefix::OnConflict, ..View::default() };
    let several = registry.several(&view);
    let tool = async |name: &str| finds(&several, "tools/call", json!({ "name": name })).await;
    assert_eq!(tool("log").await, owned("git", "log"), "asked for before anything was listed");
    assert_eq!(names(&several, &call(&several, "tools/list", json!({}))).await, ["log", "diff", "get", "web_log"]);
    assert_eq!(tool("get").await, owned("web", "get"));
    assert_eq!(tool("web_log").await, owned("web", "log"));
    assert_eq!(tool("git_log").await, owned("git", "log"), "a name with its server always leads there");
    assert_eq!(tool("none").await, None);
    let backwards = registry.several(&View { servers: vec!["web".into(), "git".into()], ..view });
    let listed = call(&backwards, "tools/list", json!({}));
    assert_eq!(names(&backwards, &listed).await, ["get", "log", "git_log", "diff"]);
    let definition = backwards.definition(&listed, ItemKind::Tool, "get").unwrap();
    assert_eq!(definition, r#"{ "title":"T", "name" : "get","n":1.0 }"#);
}

#[tokio::test]
async fn a_server_that_is_away_keeps_its_names() {
    tokio::time::pause();
    let (git, web) = (Arc::new(Fake::with_tools(&["log"])), Arc::new(Fake::with_tools(&["log"])));
    let dead = Arc::new(Fake { mood: Mood::Dead, ..Fake::default() });
    let view = View { prefix: Prefix::Never, ..View::default() };
    let several = registry(&[("dead", &dead), ("git", &git), ("web", &web)]).several(&view);
    assert_eq!(names(&several, &call(&several, "tools/list", json!({}))).await, ["log"], "the dead one is missing");
    assert_eq!(finds(&several, "tools/call", json!({ "name": "log" })).await, owned("git", "log"));
    assert_eq!(finds(&several, "tools/call", json!({ "name": "web_log" })).await, None, "no name carries its server");
    let fault = resolve(&several, "tools/call", json!({ "name": "other" })).await.err().unwrap();
    assert_eq!(fault.kind, FaultKind::Unreachable, "it may be the dead one's");
    git.tools.lock().unwrap().clear();
    assert!(resolve(&several, "tools/call", json!({ "name": "log" })).await.is_ok(), "as last seen");
}

#[tokio::test]
async fn what_is_renamed_excluded_or_of_another_server_is_not_there_under_its_old_name() {
    let (git, web) = (Arc::new(Fake::with_tools(&["log", "push"])), Arc::new(Fake::with_tools(&["get"])));
    let view = View {
        servers: vec!["git".into()],
        exclude: vec!["git/pu*".into()],
        rename: vec![Rename { server: "git".into(), native: "log".into(), name: "history".into() }],
        ..View::default()
    };
    let several = registry(&[("git", &git), ("web", &web)]).several(&view);
    let listed = call(&several, "tools/list", json!({}));
    assert_eq!(names(&several, &listed).await, ["history"]);
    assert_eq!(finds(&several, "tools/call", json!({ "name": "history" })).await, owned("git", "log"));
    assert_eq!(several.place(&listed, ItemKind::Tool, "history").unwrap().native, "log");
    for gone in ["git_log", "log", "git_push", "web_get"] {
        let fault = resolve(&several, "tools/call", json!({ "name": gone })).await.err().unwrap();
        assert_eq!(fault.outside, format!("Unknown tool: {gone}"));
    }
    assert_eq!(web.seen.lock().unwrap().len(), 0, "a server that is not of the endpoint hears nothing");
}

#[tokio::test]
async fn a_uri_leads_to_the_server_that_lists_it_or_whose_template_fits() {
    let left = Arc::new(Fake { uris: vec!["a://1", "same://x", "note://{id}"], ..Fake::default() });
    let right = Arc::new(Fake { uris: vec!["b://1", "same://x", "note://special/{id}", "{+any}"], ..Fake::default() });
    let all = registry(&[("left", &left), ("right", &right)]).all();
    let read = async |uri: &str| finds(&all, "resources/read", json!({ "uri": uri })).await;
    assert_eq!(read("b://1").await, owned("right", "b://1"));
    assert_eq!(read("same://x").await, owned("left", "same://x"), "of two that list it, the first");
    assert_eq!(read("note://7").await, owned("left", "note://7"));
    assert_eq!(read("note://special/7").await, owned("right", "note://special/7"));
    assert_eq!(read("other://thing").await, owned("right", "other://thing"));
    let listed = call(&all, "resources/list", json!({}));
    assert_eq!(names(&all, &listed).await, ["a://1", "same://x", "b://1"]);
    let templates = call(&all, "resources/templates/list", json!({}));
    assert_eq!(names(&all, &templates).await, ["note://{id}", "note://special/{id}", "{+any}"]);
    let target = resolve(&all, "resources/read", json!({ "uri": "b://1", "x": 1.0 })).await.unwrap();
    assert!(target.params.is_none(), "a URI is the server's own");
}

#[tokio::test]
async fn a_uri_nobody_lists_is_the_only_ones_that_has_resources_and_else_nobodys() {
    let (left, plain) = (Arc::new(Fake { uris: vec!["a://1"], ..Fake::default() }), Arc::new(Fake::default()));
    let all = registry(&[("left", &left), ("plain", &plain)]).all();
    assert_eq!(finds(&all, "resources/read", json!({ "uri": "a://link" })).await, owned("left", "a://link"));
    let right = Arc::new(Fake { uris: vec!["b://1"], ..Fake::default() });
    let all = registry(&[("left", &left), ("right", &right)]).all();
    let fault = resolve(&all, "resources/read", json!({ "uri": "a://link" })).await.err().unwrap();
    assert_eq!((fault.kind, fault.outside.as_str()), (FaultKind::UnknownName, "Resource not found: a://link"));
}

#[tokio::test]
async fn a_value_is_completed_by_the_server_of_its_prompt_or_resource() {
    let left = Arc::new(Fake { prompts: vec![r#"{"name":"review"}"#.into()], ..Fake::default() });
    let right = Arc::new(Fake { uris: vec!["b://1", "note://{id}"], ..Fake::default() });
    let all = registry(&[("left", &left), ("right", &right)]).all();
    let complete = async |reference: Value| resolve(&all, "completion/complete", json!({ "ref": reference })).await;
    let target = complete(json!({ "type": "ref/prompt", "name": "left_review" })).await.unwrap();
    assert_eq!(target.server.as_deref(), Some("left"));
    assert_eq!(target.params.unwrap(), r#"{"ref":{"name":"review","type":"ref/prompt"}}"#);
    for uri in ["note://{id}", "b://1", "note://7"] {
        let target = complete(json!({ "type": "ref/resource", "uri": uri })).await.unwrap();
        assert_eq!(target.server.as_deref(), Some("right"), "{uri}");
    }
    for (unknown, kind) in [
        (json!({ "type": "ref/prompt", "name": "left_none" }), FaultKind::UnknownName),
        (json!({ "type": "ref/other" }), FaultKind::InvalidParams),
        (Value::Null, FaultKind::InvalidParams),
    ] {
        assert_eq!(complete(unknown).await.err().unwrap().kind, kind);
    }
}

#[tokio::test]
async fn a_list_of_several_servers_comes_in_pages_if_it_is_long() {
    let tools: Vec<String> = (0..1500).map(|number| format!("t{number}")).collect();
    let tools: Vec<&str> = tools.iter().map(String::as_str).collect();
    let git = Arc::new(Fake { page_size: Some(100), ..Fake::with_tools(&tools) });
    let all = registry(&[("git", &git)]).all();
    let first: Value = serde_json::from_slice(&composed(&all, &call(&all, "tools/list", json!({}))).await).unwrap();
    assert_eq!(first["tools"].as_array().unwrap().len(), 1000);
    let second = call(&all, "tools/list", json!({ "cursor": first["nextCursor"] }));
    assert_eq!(names(&all, &second).await.len(), 500);
    assert_eq!(git.lists_asked.load(Ordering::SeqCst), 15, "the server was asked once for each of its pages");
}

#[tokio::test]
async fn servers_have_together_what_any_of_them_has() {
    let left = Arc::new(Fake { uris: vec!["a://1"], ..Fake::default() });
    let all = registry(&[("left", &left), ("plain", &Arc::new(Fake::default()))]).all();
    let said: Value = serde_json::from_slice(&composed(&all, &call(&all, "server/discover", json!({}))).await).unwrap();
    assert_eq!(said["capabilities"], json!({ "tools": {}, "resources": {}, "completions": {} }));
}
