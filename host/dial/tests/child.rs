//! Servers that are programs.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cardea_chain::{Call, Event, Exchange, FaultKind, Health, Upstream};
use cardea_dial::{ChildServer, ChildSpec, SessionPolicy};
use common::{ask, legacy, legacy_in, legacy_of, listening, modern, told, tool, until, within};
use futures_util::StreamExt;
use serde_json::{Value, json};

fn spec(mode: &str) -> ChildSpec {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fake_server.py");
    let mut spec = ChildSpec::new("fake", "python3");
    spec.args = vec![script.to_str().unwrap().to_owned(), mode.to_owned()];
    spec.env = vec![("PATH".to_owned(), std::env::var("PATH").unwrap()), ("OWN".to_owned(), "1".to_owned())];
    spec
}

fn dial(mode: &str) -> ChildServer {
    ChildServer::new(spec(mode))
}

/// A call of a tool within a legacy client's session.
fn tool_in(session: &str, name: &str) -> Call {
    legacy_in(session, "tools/call", json!({ "name": name }))
}

async fn pid(server: &ChildServer, call: Call) -> u32 {
    told(server, call).await.text().parse().unwrap()
}

fn exists(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

/// True if a process runs; one that has ended and was not its parent's to wait for does not.
fn runs(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    status.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}

fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(pid.cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

#[tokio::test]
async fn all_kinds_of_servers_are_understood() {
    for (mode, era) in [("modern", "modern"), ("legacy", "legacy"), ("silent", "legacy"), ("exits", "legacy")] {
        let mut spec = spec(mode);
        if mode == "silent" {
            spec.probe_timeout = Duration::from_millis(50);
        }
        let server = ChildServer::new(spec);
        let said = told(&server, tool("echo", json!({ "text": "h\u{e9}\n" }))).await;
        assert_eq!(said.text(), "h\u{e9}\n", "{mode}");
        assert_eq!(server.health(), Health::Up { era }, "{mode}");
        server.shut().await;
    }
}

#[tokio::test]
async fn what_is_said_outside_calls_reaches_the_one_client_whose_process_says_it() {
    let server = dial("legacy");
    let ((ann, mut anns), (bob, mut bobs)) = (listening("ann"), listening("bob"));
    let change = || json!({ "name": "change" });
    let done = told(&server, legacy_of(&ann, "tools/call", change())).await;
    assert!(done.notifications.is_empty(), "it is no part of the call: {done:?}");
    for method in ["notifications/tools/list_changed", "notifications/resources/updated"] {
        assert_eq!(within(anns.recv()).await.unwrap()["method"], method);
    }
    told(&server, legacy_of(&bob, "resources/subscribe", json!({ "uri": "a:b" }))).await;
    assert!(anns.try_recv().is_err() && bobs.try_recv().is_err());
    told(&server, legacy_of(&bob, "tools/call", change())).await;
    assert_eq!(within(bobs.recv()).await.unwrap()["params"]["uri"], "a:b");
    assert!(anns.try_recv().is_err());
}

#[tokio::test]
async fn changes_are_promised_and_subscriptions_taken_where_they_can_be_kept() {
    let discovered = async |server: &ChildServer, mut call: Call| {
        call.method = cardea_message::Method::SERVER_DISCOVER;
        told(server, call).await.json()["capabilities"].clone()
    };
    let declared =
        json!({ "tools": { "listChanged": true }, "resources": { "subscribe": true, "x": 1 }, "logging": {} });
    let kept = json!({ "tools": {}, "resources": { "x": 1 }, "logging": {} });
    let (ann, _) = listening("ann");
    let of_ann = |method| legacy_of(&ann, method, json!({ "uri": "a:b" }));
    let server = dial("legacy");
    assert_eq!(discovered(&server, of_ann("ping")).await, declared);
    assert_eq!(discovered(&server, legacy("ping", json!({}))).await, kept, "no stream leads to it");
    assert_eq!(discovered(&server, modern("ping", json!({}))).await, declared, "it has a stream of its own");
    told(&server, of_ann("resources/subscribe")).await;
    let refused = ask(&server, legacy_in("bob", "resources/subscribe", json!({ "uri": "a:b" }))).await;
    assert_eq!(refused.unwrap_err().kind, FaultKind::UnknownMethod);

    let shared = ChildServer::new(ChildSpec { session: SessionPolicy::Shared, ..spec("legacy") });
    assert_eq!(discovered(&shared, of_ann("ping")).await, kept);
    assert_eq!(ask(&shared, of_ann("resources/subscribe")).await.unwrap_err().kind, FaultKind::UnknownMethod);
    assert_eq!(
        discovered(&shared, modern("ping", json!({}))).await,
        declared,
        "each hears what it wants of what is said"
    );
    let modern_one = dial("modern");
    assert_eq!(ask(&modern_one, of_ann("resources/subscribe")).await.unwrap_err().kind, FaultKind::UnknownMethod);
    let per_call = ChildServer::new(ChildSpec { session: SessionPolicy::Call, ..spec("legacy") });
    assert_eq!(discovered(&per_call, modern("ping", json!({}))).await, kept);
    assert_eq!(ask(&per_call, listen(json!({}))).await.unwrap_err().kind, FaultKind::UnknownMethod);
}

#[tokio::test]
async fn a_subscription_keeps_its_process_and_outlives_it() {
    let server = ChildServer::new(ChildSpec { idle_timeout: Duration::from_millis(30), ..spec("legacy") });
    let (ann, mut heard) = listening("ann");
    let call = |name: &str| legacy_of(&ann, "tools/call", json!({ "name": name }));
    told(&server, legacy_of(&ann, "resources/subscribe", json!({ "uri": "a:b" }))).await;
    let first = pid(&server, call("pid")).await;
    let other = pid(&server, tool_in("bob", "pid")).await;
    until(|| !exists(other)).await;
    assert!(runs(first), "the other one was unused, this one was listened to");
    assert!(ask(&server, call("die")).await.is_err());
    told(&server, call("change")).await;
    assert_eq!(within(heard.recv()).await.unwrap()["method"], "notifications/tools/list_changed");
    let again = told(&server, call("subscribed")).await.text();
    assert_eq!(again, r#"["a:b"]"#, "the process that serves it now was told of it too");
    told(&server, legacy_of(&ann, "resources/unsubscribe", json!({ "uri": "a:b" }))).await;
    let second = pid(&server, call("pid")).await;
    until(|| !exists(second)).await;
}

#[tokio::test]
async fn a_modern_server_is_one_process_and_a_legacy_one_a_process_per_session() {
    let server = dial("modern");
    let modern = pid(&server, tool_in("a", "pid")).await;
    assert_eq!(pid(&server, tool_in("b", "pid")).await, modern);

    let server = dial("legacy");
    let (a, b) = (pid(&server, tool_in("a", "pid")).await, pid(&server, tool_in("b", "pid")).await);
    assert_ne!(a, b);
    assert_eq!(pid(&server, tool_in("a", "pid")).await, a);
    server.session_ended("a");
    until(|| !exists(a)).await;
    assert!(exists(b));
}

#[tokio::test]
async fn who_shares_a_process_is_what_the_manifest_says_and_none_is_left_behind() {
    let of = |subject: &str, session: &str| {
        let mut call = tool_in(session, "pid");
        Arc::make_mut(&mut call.subject).id = subject.into();
        call
    };
    for (session, expected) in [
        (SessionPolicy::Client, [0, 1, 2, 0]),
        (SessionPolicy::Subject, [0, 0, 1, 0]),
        (SessionPolicy::Shared, [0, 0, 0, 0]),
        (SessionPolicy::Call, [0, 1, 2, 3]),
    ] {
        let server = ChildServer::new(ChildSpec { session, ..spec("legacy") });
        let mut pids = Vec::new();
        let mut seen = Vec::new();
        for call in [of("ann", "a"), of("ann", "b"), of("bob", "c"), of("ann", "a")] {
            let pid = pid(&server, call).await;
            let position = pids.iter().position(|known| *known == pid).unwrap_or(pids.len());
            if position == pids.len() {
                pids.push(pid);
            }
            seen.push(position);
        }
        assert_eq!(seen, expected, "{session:?}");
        server.shut().await;
        // A process that ended and was not waited for would still be there.
        assert_eq!(pids.iter().filter(|pid| exists(**pid)).count(), 0, "{session:?}");
    }
}

#[tokio::test]
async fn a_process_gets_the_environment_it_was_given_and_no_other() {
    let server = dial("modern");
    let names: Vec<String> = serde_json::from_str(&told(&server, tool("environment", json!({}))).await.text()).unwrap();
    let given = |name: &String| {
        ["PATH", "OWN", "LC_CTYPE"].contains(&name.as_str()) || name.starts_with("PYENV") || name.starts_with('_')
    };
    // A shell that wraps the interpreter may add a few of its own.
    let foreign: Vec<_> =
        names.iter().filter(|name| !given(name) && !["PWD", "OLDPWD", "SHLVL"].contains(&name.as_str())).collect();
    assert!(foreign.is_empty(), "{foreign:?}");
}

#[tokio::test]
async fn a_thousand_calls_at_once_get_their_own_answers() {
    let server = Arc::new(dial("modern"));
    let calls = (0..1000).map(|nonce| {
        let server = Arc::clone(&server);
        tokio::spawn(async move {
            (nonce, told(&*server, tool("echo", json!({ "text": format!("n{nonce}") }))).await.text())
        })
    });
    for call in calls.collect::<Vec<_>>() {
        let (nonce, text) = call.await.unwrap();
        assert_eq!(text, format!("n{nonce}"));
    }
}

#[tokio::test]
async fn bytes_of_a_result_stay_and_line_breaks_in_params_break_no_line() {
    let server = dial("legacy");
    let mut call = legacy("tools/call", json!({}));
    call.params = Some("{\n  \"name\": \"raw\",\r\n  \"arguments\": {}\n}".into());
    let end = told(&server, call).await.end;
    let text = String::from_utf8(end.to_vec()).unwrap();
    let (head, tail) = text.split_once(r#""id":"#).unwrap();
    assert_eq!(head, r#"{ "x": 1.0 ,"result" : {"b":1e2,"a":[ ], "u":"\u00e9"}, "#);
    assert!(tail.ends_with(r#","jsonrpc":"2.0"}"#), "{tail}");
}

#[tokio::test]
async fn progress_and_log_messages_find_their_call() {
    let server = dial("legacy");
    let mut call = tool("progress", json!({}));
    Arc::make_mut(&mut call.client).progress_token = Some(r#""mine""#.into());
    let progress = told(&server, call).await.notifications;
    let params: Vec<_> = progress.iter().map(|note| note["params"].clone()).collect();
    assert_eq!(params, [json!({ "progressToken": "mine", "progress": 1 })]);

    let mut call = tool("log", json!({}));
    Arc::make_mut(&mut call.client).log_level = Some("warning".into());
    let logged = told(&server, call).await.notifications;
    let levels: Vec<_> = logged.iter().map(|note| note["params"]["level"].clone()).collect();
    assert_eq!(levels, ["error"], "no more than the client wants");
    assert_eq!(told(&server, tool("log", json!({}))).await.notifications, [Value::Null; 0]);
}

/// A subscription of a process, which does what its filter says.
fn listen(filter: Value) -> Call {
    modern("subscriptions/listen", json!({ "notifications": filter }))
}

#[tokio::test]
async fn a_subscription_hears_its_own_news_beside_calls() {
    for end in ["result", "cancelled"] {
        let server = dial("modern");
        let open = Arc::new(listen(json!({})));
        let Exchange::Open(mut first) = within(server.open(&open)).await.unwrap() else { panic!("it is acknowledged") };
        let said = told(&server, listen(json!({ "x-changes": 2, "x-end": end }))).await;
        let steps: Vec<_> = said.notifications.iter().map(|note| note["params"]["step"].clone()).collect();
        assert_eq!(steps, [Value::Null, json!(0), json!(1)], "{end}");
        assert_eq!(said.result(), json!({ "resultType": "complete" }));
        // A log message is the only call's, whoever subscribes meanwhile.
        let mut call = tool("log", json!({}));
        Arc::make_mut(&mut call.client).log_level = Some("error".into());
        assert_eq!(told(&server, call).await.notifications.len(), 1);
        let mut id = None;
        for method in ["notifications/subscriptions/acknowledged", "notifications/tools/list_changed"] {
            let Event::Notification(note) = within(first.next()).await.unwrap().unwrap() else { panic!("no end yet") };
            assert_eq!(note.method.as_str(), method);
            let params: Value = serde_json::from_slice(&note.params().unwrap()).unwrap();
            id = params["_meta"]["io.modelcontextprotocol/subscriptionId"].as_u64();
        }
        drop(first);
        let cancelled: Vec<u64> =
            serde_json::from_str(&told(&server, tool("cancelled", json!({}))).await.text()).unwrap();
        assert!(cancelled.contains(&id.unwrap()), "whoever leaves is unsubscribed");
    }
}

#[tokio::test]
async fn a_subscription_that_is_not_read_ends_before_it_loses_news() {
    let server = dial("modern");
    let open = Arc::new(listen(json!({ "x-changes": 1000 })));
    let Exchange::Open(events) = within(server.open(&open)).await.unwrap() else { panic!("it is acknowledged") };
    // The answer to a call is written behind all of them, so all of them have come.
    told(&server, tool("echo", json!({ "text": "" }))).await;
    let heard: Vec<_> = within(events.collect()).await;
    let (last, told_before) = heard.split_last().unwrap();
    assert_eq!(last.as_ref().unwrap_err().kind, FaultKind::Overloaded);
    assert!(told_before.len() > 1 && told_before.iter().all(Result::is_ok));
    let cancelled: Vec<u64> = serde_json::from_str(&told(&server, tool("cancelled", json!({}))).await.text()).unwrap();
    assert_eq!(cancelled.len(), 1);
}

#[tokio::test]
async fn a_subscription_ends_with_its_process() {
    let server = dial("modern");
    let open = Arc::new(listen(json!({})));
    let Exchange::Open(events) = within(server.open(&open)).await.unwrap() else { panic!("it is acknowledged") };
    kill(pid(&server, tool("pid", json!({}))).await);
    let heard: Vec<_> = within(events.collect()).await;
    assert_eq!(heard.last().unwrap().as_ref().unwrap_err().kind, FaultKind::Unreachable);
}

#[tokio::test]
// proves: tasks, the extension of 2026-07-28 | modern | legacy | refused
async fn a_legacy_server_knows_no_tasks() {
    let asked = ask(&dial("legacy"), modern("tasks/get", json!({ "taskId": "t" }))).await;
    assert_eq!(asked.unwrap_err().kind, FaultKind::UnknownMethod);
}

#[tokio::test]
async fn the_trace_travels_in_meta() {
    let server = dial("modern");
    let mut call = tool("params", json!({}));
    call.traceparent = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into());
    let params: Value = serde_json::from_str(&told(&server, call).await.text()).unwrap();
    assert_eq!(params["_meta"]["traceparent"], "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
}

#[tokio::test]
async fn what_a_server_asks_is_answered_by_the_gateway() {
    let server = dial("legacy");
    let answers: Value = serde_json::from_str(&told(&server, tool("ask", json!({}))).await.text()).unwrap();
    assert_eq!(answers[0], json!({ "jsonrpc": "2.0", "id": 0, "result": {} }));
    assert_eq!((&answers[1]["id"], &answers[1]["error"]["code"]), (&json!("q"), &json!(-32601)));
}

#[tokio::test]
async fn a_stray_line_is_passed_over() {
    assert_eq!(told(&dial("legacy"), tool("stray", json!({}))).await.text(), "done");
}

#[tokio::test]
async fn a_death_in_the_middle_of_a_call_is_a_fault_and_the_next_call_starts_anew() {
    for mode in ["modern", "legacy"] {
        let server = dial(mode);
        let before = pid(&server, tool("pid", json!({}))).await;
        let fault = ask(&server, tool("die", json!({}))).await.unwrap_err();
        assert_eq!((fault.kind, fault.outside.as_str()), (FaultKind::Unreachable, "Server `fake` cannot be reached"));
        assert!(
            fault.inside.contains("exit status: 3") && fault.inside.contains("last\u{fffd}[2J words"),
            "{}",
            fault.inside
        );
        assert!(matches!(server.health(), Health::Down { .. }));
        let after = pid(&server, tool("pid", json!({}))).await;
        assert_ne!(before, after, "{mode}");
        assert!(!exists(before), "no zombie is left");
    }
}

#[tokio::test]
async fn a_killed_process_is_replaced_and_leaves_no_zombie() {
    let server = dial("modern");
    let before = pid(&server, tool("pid", json!({}))).await;
    kill(before);
    until(|| !exists(before)).await;
    // The call that meets the death may fail; the one after it may not.
    let _ = ask(&server, tool("pid", json!({}))).await;
    assert_ne!(pid(&server, tool("pid", json!({}))).await, before);
}

#[tokio::test]
async fn leaving_cancels_at_the_server() {
    let server = dial("modern");
    let mut call = tool("hang", json!({}));
    Arc::make_mut(&mut call.client).progress_token = Some("7".into());
    let call = Arc::new(call);
    let Exchange::Open(mut events) = within(server.open(&call)).await.unwrap() else {
        panic!("it said something first")
    };
    assert!(events.next().await.unwrap().is_ok());
    drop(events);
    // What is written later is read later, so the cancellation has come before the question about it.
    let cancelled: Vec<u64> = serde_json::from_str(&told(&server, tool("cancelled", json!({}))).await.text()).unwrap();
    let asked = told(&server, tool("cancelled", json!({}))).await.json()["id"].as_u64().unwrap();
    assert_eq!(cancelled, [asked - 2], "the id the server knows");
}

#[tokio::test]
async fn an_oversized_reply_fails_its_call_and_nothing_else() {
    let mut spec = spec("modern");
    spec.max_message_bytes = 2000;
    let server = ChildServer::new(spec);
    let before = pid(&server, tool("pid", json!({}))).await;
    let fault = ask(&server, tool("big", json!({ "bytes": 5000 }))).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::TooLarge);
    assert_eq!(pid(&server, tool("pid", json!({}))).await, before);
}

#[tokio::test]
async fn an_oversized_reply_among_several_calls_ends_them_all() {
    let mut spec = spec("modern");
    spec.max_message_bytes = 2000;
    let server = Arc::new(ChildServer::new(spec));
    told(&*server, tool("echo", json!({ "text": "" }))).await;
    let hanging = Arc::new(tool("hang", json!({})));
    let (hung, big) = tokio::join!(within(server.open(&hanging)), ask(&*server, tool("big", json!({ "bytes": 5000 }))));
    assert_eq!(hung.err().unwrap().kind, FaultKind::TooLarge);
    assert_eq!(big.unwrap_err().kind, FaultKind::TooLarge);
    told(&*server, tool("echo", json!({ "text": "" }))).await;
}

#[tokio::test]
async fn processes_are_bounded_and_idle_ones_go() {
    let mut spec = spec("legacy");
    spec.max_children = 1;
    let server = ChildServer::new(spec.clone());
    pid(&server, tool_in("a", "pid")).await;
    assert_eq!(ask(&server, tool_in("b", "pid")).await.unwrap_err().kind, FaultKind::Overloaded);
    server.session_ended("a");
    pid(&server, tool_in("b", "pid")).await;

    spec.idle_timeout = Duration::from_millis(20);
    let server = ChildServer::new(spec);
    let idle = pid(&server, tool_in("a", "pid")).await;
    until(|| !exists(idle)).await;
    pid(&server, tool_in("a", "pid")).await;
}

#[tokio::test]
async fn a_process_of_one_call_ends_with_it() {
    let mut spec = spec("legacy");
    spec.session = SessionPolicy::Call;
    let server = ChildServer::new(spec);
    let (first, second) = (pid(&server, tool("pid", json!({}))).await, pid(&server, tool("pid", json!({}))).await);
    assert_ne!(first, second);
    until(|| !exists(first) && !exists(second)).await;
}

#[tokio::test]
async fn what_a_process_has_started_ends_with_it() {
    let server = dial("modern");
    let own = pid(&server, tool("pid", json!({}))).await;
    let started = pid(&server, tool("spawn", json!({}))).await;
    assert!(runs(started));
    server.shut().await;
    assert!(!exists(own), "waited for, so no zombie");
    until(|| !runs(started)).await;
}

#[tokio::test]
async fn a_process_that_will_not_end_is_killed() {
    let server = dial("stubborn");
    let stubborn = pid(&server, tool("pid", json!({}))).await;
    within(server.shut()).await;
    assert!(!exists(stubborn));
}

#[tokio::test]
async fn dropping_the_server_ends_its_processes() {
    let server = dial("modern");
    let own = pid(&server, tool("pid", json!({}))).await;
    drop(server);
    until(|| !exists(own)).await;
}

#[test]
fn the_end_of_the_runtime_ends_the_processes() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (server, own) = runtime.block_on(async {
        let server = dial("stubborn");
        let own = pid(&server, tool("pid", json!({}))).await;
        (server, own)
    });
    drop(runtime);
    let begun = std::time::Instant::now();
    while runs(own) {
        assert!(begun.elapsed() < Duration::from_secs(30), "it still runs");
        std::thread::yield_now();
    }
    drop(server);
}

#[tokio::test]
async fn a_program_that_keeps_failing_is_given_pauses() {
    let server = dial("fails");
    let first = ask(&server, tool("pid", json!({}))).await.unwrap_err();
    assert_eq!(first.kind, FaultKind::Unreachable);
    assert!(first.inside.contains("no such repository"), "{}", first.inside);
    let second = ask(&server, tool("pid", json!({}))).await.unwrap_err();
    assert!(second.inside.contains("keeps ending"), "{}", second.inside);
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named_inside_only() {
    let server = ChildServer::new(ChildSpec::new("git", "/no/such/program"));
    let fault = ask(&server, tool("t", json!({}))).await.unwrap_err();
    assert_eq!((fault.kind, fault.outside.as_str()), (FaultKind::Unreachable, "Server `git` cannot be reached"));
    assert!(fault.inside.contains("/no/such/program"), "{}", fault.inside);
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn error_output_goes_to_the_log_under_the_servers_name() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let server = dial("modern");
    let call = Arc::new(tool("hang", json!({})));
    let written = || String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    within(async {
        tokio::select! {
            opened = server.open(&call) => match opened.unwrap() {
                Exchange::Open(mut events) => drop(events.next().await),
                _ => panic!("it hangs"),
            },
            () = until(|| written().contains("server: hanging")) => {}
        }
    })
    .await;
    assert!(written().lines().any(|line| line.contains("server=fake")), "{}", written());
}
