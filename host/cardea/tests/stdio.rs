//! `cardea stdio` as a desktop client starts it: a process whose standard output is the protocol and nothing else.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use cardea_test_support::{Gateway, Programs, keep_code, until};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(30);

const SERVERS: &str = r#"
    [[server]]
    name = "fake"
    command = ["cardea-fake-server", "--era", "legacy"]

    [[server]]
    name = "other"
    command = ["cardea-fake-server", "--era", "modern"]
"#;

/// Ann may call one tool, and the key with which she may do so elsewhere is `canary-key-5f1c`.
const RIGHTS: &str = r#"
    [[stage]]
    plugin = "api-key"
    config.keys = [
      { id = "ann", sha256 = "20e31dc9ab3caa75c2ffa3b82e1b3495f49931346e760428ed000c5d870e1e15", roles = ["reader"] },
    ]

    [[stage]]
    plugin = "rbac"
    [stage.config.roles.reader]
    allow = [{ names = ["echo", "wait", "ask"] }]
"#;

const ANN: &str = "[stdio]\nsubject = \"ann\"\nroles = [\"reader\"]\n";

fn programs() -> Programs {
    Programs::beside(env!("CARGO_BIN_EXE_cardea"), env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// `cardea stdio` with arguments, in a folder.
fn command(folder: &Path, arguments: &[&str]) -> Command {
    let cardea = Path::new(env!("CARGO_BIN_EXE_cardea"));
    let mut path = std::ffi::OsString::from(cardea.parent().unwrap());
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap());
    let mut command = Command::new(cardea);
    command.arg("stdio").args(arguments).current_dir(folder).env("PATH", path).kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A desktop client, and the gateway it started.
struct Desktop {
    process: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
}

impl Desktop {
    fn start(mut command: Command) -> Self {
        let mut process = command.spawn().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { input: process.stdin.take(), output, process }
    }

    /// One that serves a manifest by itself.
    fn alone(folder: &Path, manifest: &str, arguments: &[&str]) -> Self {
        keep_code(&programs(), folder).unwrap();
        std::fs::write(folder.join("cardea.toml"), manifest).unwrap();
        Self::start(command(folder, arguments))
    }

    async fn send(&mut self, message: &Value) {
        self.input.as_mut().unwrap().write_all(format!("{message}\n").as_bytes()).await.unwrap();
    }

    async fn heard(&mut self) -> Value {
        let line = timeout(PATIENCE, self.output.next_line()).await.expect("the gateway is silent").unwrap();
        let Some(line) = line else { panic!("the output ended; {}", self.complaint().await) };
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    async fn ask(&mut self, message: &Value) -> Value {
        self.send(message).await;
        self.heard().await
    }

    /// Introduces the client in the legacy way.
    async fn initialize(&mut self) -> Value {
        let params = json!({ "protocolVersion": "2025-06-18", "capabilities": { "roots": {} } });
        let welcome = self.ask(&request(0, "initialize", params)).await;
        self.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await;
        welcome
    }

    async fn complaint(&mut self) -> String {
        let mut complaint = String::new();
        self.process.stderr.take().unwrap().read_to_string(&mut complaint).await.unwrap();
        complaint
    }

    /// The processes it has started that still run.
    fn children(&self) -> BTreeSet<u32> {
        children_of(self.process.id().unwrap())
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_raw(self.process.id().unwrap().cast_signed()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }

    async fn ended(&mut self) -> ExitStatus {
        timeout(PATIENCE, self.process.wait()).await.expect("it does not end").unwrap()
    }
}

/// The processes whose parent is this one, those that ended and were not waited for among them.
fn children_of(parent: u32) -> BTreeSet<u32> {
    let processes =
        std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let is_child = |pid: &u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let after_name = stat.rsplit(") ").next().unwrap_or_default();
        after_name.split(' ').nth(1).and_then(|field| field.parse().ok()) == Some(parent)
    };
    processes.filter(is_child).collect()
}

fn is_alive(pid: u32) -> bool {
    Path::new("/proc").join(pid.to_string()).exists()
}

fn request(id: u64, method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}

fn modern(id: u64, method: &str, mut params: Value) -> Value {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": { "roots": {} },
    });
    request(id, method, params)
}

fn echo(name: &str) -> Value {
    json!({ "name": name, "arguments": { "text": "hello" } })
}

fn text(answer: &Value) -> &str {
    answer["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{answer}"))
}

#[tokio::test]
async fn a_manifest_is_served_to_both_protocols_with_the_rights_of_the_one_it_names() {
    let folder = tempfile::tempdir().unwrap();
    let mut desktop = Desktop::alone(folder.path(), &format!("{ANN}{SERVERS}{RIGHTS}"), &[]);
    assert_eq!(desktop.initialize().await["result"]["protocolVersion"], "2025-06-18");
    let listed = desktop.ask(&request(1, "tools/list", json!({}))).await;
    let mut names: Vec<_> = listed["result"]["tools"].as_array().unwrap().iter().map(|tool| &tool["name"]).collect();
    names.sort_by_key(|name| name.to_string());
    assert_eq!(names, ["fake_ask", "fake_echo", "fake_wait", "other_ask", "other_echo", "other_wait"]);
    for (id, name) in [(2, "fake_echo"), (3, "other_echo")] {
        assert_eq!(text(&desktop.ask(&request(id, "tools/call", echo(name))).await), r#"{"text":"hello"}"#);
        assert_eq!(text(&desktop.ask(&modern(id, "tools/call", echo(name))).await), r#"{"text":"hello"}"#);
    }
    assert_eq!(desktop.ask(&request(4, "tools/call", echo("fake_whoami"))).await["error"]["code"], -32602);

    let children = desktop.children();
    assert!(children.len() >= 2, "{children:?}");
    drop(desktop.input.take());
    assert!(desktop.ended().await.success());
    assert!(!children.iter().any(|child| is_alive(*child)), "a process of a server is left");
    let complaint = desktop.complaint().await;
    assert!(complaint.contains("stopped"), "{complaint}");
}

#[tokio::test]
async fn one_server_is_reached_with_its_names_untouched_and_asks_its_client() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["--manifest", "cardea.toml", "--endpoint", "/servers/fake/mcp"];
    let mut desktop = Desktop::alone(folder.path(), &format!("{ANN}{SERVERS}{RIGHTS}"), &arguments);
    desktop.initialize().await;
    let question = desktop.ask(&request(1, "tools/call", json!({ "name": "ask", "arguments": {} }))).await;
    assert_eq!(question["method"], "roots/list");
    let answer = json!({ "jsonrpc": "2.0", "id": question["id"], "result": { "roots": [{ "uri": "file:///a" }] } });
    let end = desktop.ask(&answer).await;
    assert!(end["result"].to_string().contains("file:///a"), "{end}");
    let question = desktop.ask(&modern(2, "tools/call", json!({ "name": "ask", "arguments": {} }))).await;
    assert_eq!(question["result"]["resultType"], "input_required");
}

#[tokio::test]
async fn sigterm_ends_it_with_all_it_has_started_whatever_runs() {
    let folder = tempfile::tempdir().unwrap();
    let mut desktop = Desktop::alone(folder.path(), &format!("{ANN}{SERVERS}{RIGHTS}"), &[]);
    desktop.initialize().await;
    desktop.ask(&request(1, "tools/call", echo("fake_echo"))).await;
    desktop.send(&request(2, "tools/call", json!({ "name": "fake_wait", "arguments": {} }))).await;
    desktop.ask(&request(3, "tools/call", echo("other_echo"))).await;
    let children = desktop.children();
    assert!(!children.is_empty());
    desktop.signal(rustix::process::Signal::TERM);
    assert!(desktop.ended().await.success());
    assert!(!children.iter().any(|child| is_alive(*child)), "a process of a server is left");
}

#[tokio::test]
async fn what_it_cannot_serve_is_said_on_standard_error_and_nothing_on_standard_output() {
    let folder = tempfile::tempdir().unwrap();
    keep_code(&programs(), folder.path()).unwrap();
    for (manifest, arguments, code, complaint) in [
        (format!("{SERVERS}{RIGHTS}"), &[][..], 78, "nothing says who calls over standard input and output"),
        (format!("[stdio]\n{SERVERS}{RIGHTS}"), &[], 78, "subject"),
        (
            format!("{ANN}{SERVERS}{RIGHTS}"),
            &["--endpoint", "/servers/none/mcp"],
            64,
            "is not one of /mcp, /servers/fake/mcp",
        ),
        (String::new(), &["--url", "ftp://127.0.0.1/mcp"], 64, "is no URL with http"),
        (
            String::new(),
            &["--url", "http://127.0.0.1:1/mcp", "--header-from-env", "A=UNSET_VARIABLE"],
            64,
            "UNSET_VARIABLE is not set",
        ),
        (String::new(), &["--url", "http://127.0.0.1:1/mcp", "--header-from-env", "A"], 64, "NAME=VARIABLE"),
    ] {
        std::fs::write(folder.path().join("cardea.toml"), manifest).unwrap();
        let output = timeout(PATIENCE, command(folder.path(), arguments).output()).await.unwrap().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{told}");
        assert!(told.contains(complaint), "{told}");
        assert!(output.stdout.is_empty());
    }
}

#[tokio::test]
async fn a_bridge_reaches_every_endpoint_of_a_running_gateway_over_every_road() {
    let (folder, programs) = (tempfile::tempdir().unwrap(), programs());
    let gateway = Gateway::start(&programs, folder.path(), &format!("{SERVERS}{RIGHTS}"), &[]).await.unwrap();
    for (path, name) in [
        ("/mcp", "fake_echo"),
        ("/servers/fake/mcp", "echo"),
        ("/servers/other/mcp", "echo"),
        ("/servers/fake/sse", "echo"),
    ] {
        let url = format!("http://{}{path}", gateway.address());
        let mut command = command(folder.path(), &["--url", &url, "--header-from-env", "Authorization=ANNS_KEY"]);
        command.env("ANNS_KEY", "Bearer canary-key-5f1c");
        let mut desktop = Desktop::start(command);
        assert_eq!(desktop.initialize().await["result"]["protocolVersion"], "2025-06-18", "{path}");
        assert_eq!(text(&desktop.ask(&request(1, "tools/call", echo(name))).await), r#"{"text":"hello"}"#);
        assert_eq!(text(&desktop.ask(&modern(2, "tools/call", echo(name))).await), r#"{"text":"hello"}"#);
        let refused = desktop.ask(&request(3, "tools/call", echo("none"))).await;
        assert_eq!(refused["error"]["code"], -32602, "{refused}");
        drop(desktop.input.take());
        assert!(desktop.ended().await.success());
    }
    gateway.stop().await.unwrap();
}

#[tokio::test]
async fn a_question_and_a_cancellation_cross_a_bridge() {
    let (folder, programs) = (tempfile::tempdir().unwrap(), programs());
    let manifest = r#"
        open = "everybody may do everything in this test"
        [[server]]
        name = "fake"
        command = ["cardea-fake-server", "--era", "legacy", "--diary", "diary"]
        [[stage]]
        plugin = "anonymous"
    "#;
    let gateway = Gateway::start(&programs, folder.path(), manifest, &[]).await.unwrap();
    let url = format!("http://{}/servers/fake/mcp", gateway.address());
    let mut desktop = Desktop::start(command(folder.path(), &["--url", &url]));
    desktop.initialize().await;
    let question = desktop.ask(&request(1, "tools/call", json!({ "name": "ask", "arguments": {} }))).await;
    assert_eq!(question["method"], "roots/list");
    let answer = json!({ "jsonrpc": "2.0", "id": question["id"], "result": { "roots": [{ "uri": "file:///a" }] } });
    assert!(desktop.ask(&answer).await["result"].to_string().contains("file:///a"));

    let diary = folder.path().join("diary");
    let noted = |what: &str| std::fs::read_to_string(&diary).unwrap_or_default().matches(what).count();
    for (request, before) in [
        (request(2, "tools/call", json!({ "name": "wait", "arguments": {} })), 0),
        (modern(2, "tools/call", json!({ "name": "wait", "arguments": {} })), 1),
    ] {
        desktop.send(&request).await;
        until("the call", || (noted("waiting") > before).then_some(())).await.unwrap();
        let cancelled = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 2 } });
        desktop.send(&cancelled).await;
        until("the cancellation", || (noted("cancel") > before).then_some(())).await.unwrap();
    }
    desktop.signal(rustix::process::Signal::TERM);
    assert!(desktop.ended().await.success());
    gateway.stop().await.unwrap();
}

#[tokio::test]
async fn a_gateway_that_is_not_there_or_lets_nobody_in_is_an_error_of_the_protocol() {
    let (folder, programs) = (tempfile::tempdir().unwrap(), programs());
    let gateway = Gateway::start(&programs, folder.path(), &format!("{SERVERS}{RIGHTS}"), &[]).await.unwrap();
    let url = format!("http://{}/mcp", gateway.address());
    let mut desktop = Desktop::start(command(folder.path(), &["--url", &url]));
    let welcome = desktop.initialize().await;
    assert!(welcome["error"]["code"].as_i64().unwrap() < 0, "{welcome}");
    let discovered = desktop.ask(&modern(1, "server/discover", json!({}))).await;
    assert!(discovered["error"]["code"].as_i64().unwrap() < 0, "{discovered}");
    drop(desktop.input.take());
    assert!(desktop.ended().await.success());
    gateway.stop().await.unwrap();
    let mut desktop = Desktop::start(command(folder.path(), &["--url", &url]));
    assert_eq!(desktop.initialize().await["error"]["code"], -32015);
}
