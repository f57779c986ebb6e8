//! Two gateways behind no load balancer in particular: any of them takes any request, with one Redis between them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use cardea_test_support::{Connection, Gateway, Programs, RedisServer, Reply, Request};
use rcgen::generate_simple_self_signed;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

const KEY: &str = "a key of more than thirty-two characters, shared";

fn programs() -> Programs {
    Programs::beside(env!("CARGO_BIN_EXE_cardea"), env!("CARGO_TARGET_TMPDIR")).unwrap()
}

fn manifest(redis: Option<&RedisServer>) -> String {
    let state = redis
        .map_or(String::new(), |redis| format!("state = {{ redis = \"{}\", patience = \"5s\" }}", redis.address()));
    format!(
        r#"
        open = "everybody may do everything in this test"
        cluster = {{ keys = ["{KEY}"], advertise = "http://127.0.0.1:0" }}
        {state}

        [[server]]
        name = "old"
        command = ["cardea-fake-server", "--era", "legacy"]

        [[stage]]
        plugin = "anonymous"

        [[stage]]
        plugin = "rate-limit"
        match.methods = ["prompts/list"]
        grant.limiter = true
        config = {{ limits = [{{ per = ["subject"], capacity = 3, refill-per-second = 0.001 }}] }}
        "#
    )
}

/// Two gateways that know each other by their key alone.
struct House {
    one: Gateway,
    other: Gateway,
    _folders: [TempDir; 2],
}

impl House {
    async fn start(manifest: &str) -> Self {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let start = async |folder: &Path| Gateway::start(&programs(), folder, manifest, &[]).await.unwrap();
        let (one, other) = (start(folders[0].path()).await, start(folders[1].path()).await);
        Self { one, other, _folders: folders }
    }
}

fn legacy(session: Option<&str>, method: &str, message: &Value) -> Request {
    let request = Request {
        method: method.to_owned(),
        target: "/servers/old/mcp".to_owned(),
        headers: Vec::new(),
        body: if message.is_null() { Vec::new().into() } else { message.to_string().into() },
    };
    let request = request
        .with("Content-Type", "application/json")
        .with("Accept", "application/json, text/event-stream")
        .with("MCP-Protocol-Version", "2025-11-25");
    match session {
        Some(session) => request.with("Mcp-Session-Id", session),
        None => request,
    }
}

fn initialize() -> Request {
    let client = json!({ "name": "test", "version": "1" });
    let capabilities = json!({ "roots": {} });
    let params = json!({ "protocolVersion": "2025-11-25", "capabilities": capabilities, "clientInfo": client });
    legacy(None, "POST", &json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params }))
}

async fn open_session(address: SocketAddr) -> String {
    session_of(&initialize().send(address).await.unwrap())
}

fn session_of(reply: &Reply) -> String {
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.headers["mcp-session-id"].to_str().unwrap().to_owned()
}

async fn echo(address: SocketAddr, session: &str) -> Reply {
    call_of(session).send(address).await.unwrap()
}

fn call_of(session: &str) -> Request {
    let params = json!({ "name": "echo", "arguments": { "text": "hello" } });
    let call = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": params });
    legacy(Some(session), "POST", &call)
}

fn ask(more: &Value) -> Request {
    let mut params = json!({
        "name": "ask", "arguments": { "method": "roots/list" },
        "_meta": { "io.modelcontextprotocol/clientCapabilities": { "roots": { "listChanged": true } } }
    });
    params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Request::modern("/servers/old/mcp", "tools/call", &params)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_one_is_served_ended_and_missed_by_the_other() {
    let House { one, other, _folders } = House::start(&manifest(None)).await;
    let session = open_session(one.address()).await;
    for gateway in [&one, &other] {
        let reply = echo(gateway.address(), &session).await;
        assert!(reply.status == 200 && reply.text().contains("hello"), "{} {}", reply.status, reply.text());
    }
    let stolen = legacy(Some(&session), "DELETE", &Value::Null);
    let elsewhere = Request { target: "/mcp".to_owned(), ..stolen };
    assert_eq!(elsewhere.send(other.address()).await.unwrap().status, 404, "good for its own endpoint only");

    let ended = legacy(Some(&session), "DELETE", &Value::Null).send(other.address()).await.unwrap();
    assert_eq!(ended.status, 204, "{}", ended.text());
    for gateway in [&one, &other] {
        assert_eq!(echo(gateway.address(), &session).await.status, 404);
    }

    let session = open_session(one.address()).await;
    one.stop().await.unwrap();
    let missed = echo(other.address(), &session).await;
    assert_eq!(missed.status, 404, "{}", missed.text());
    assert!(missed.text().contains("begin again with `initialize`"), "{}", missed.text());
    let again = open_session(other.address()).await;
    assert_eq!(echo(other.address(), &again).await.status, 200);
    other.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_a_session_goes_through_the_other_and_ends_with_it() {
    let House { one, other, _folders } = House::start(&manifest(None)).await;
    let session = open_session(one.address()).await;
    let (mut stream, mut said) = streamed(other.address(), &session, "GET", "", "id: ").await;
    assert!(said.starts_with(b"HTTP/1.1 200"));
    let second = legacy(Some(&session), "GET", &Value::Null).send(one.address()).await.unwrap();
    assert_eq!(second.status, 409, "the owner knows that its stream is read");

    other.stop().await.unwrap();
    while stream.read_buf(&mut said).await.unwrap() > 0 {}
    assert_eq!(echo(one.address(), &session).await.status, 200, "the session goes on");
    one.stop().await.unwrap();
}

/// Sends a message of a session and reads what comes until it holds this. More may come.
async fn streamed(address: SocketAddr, session: &str, verb: &str, more: &str, until: &str) -> (TcpStream, Vec<u8>) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "{verb} /servers/old/mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: 2025-11-25\r\n\
         Mcp-Session-Id: {session}\r\n"
    );
    let more = if more.is_empty() { "\r\n" } else { more };
    stream.write_all(format!("{head}{more}").as_bytes()).await.unwrap();
    let mut said = Vec::new();
    while !String::from_utf8_lossy(&said).contains(until) {
        assert_ne!(stream.read_buf(&mut said).await.unwrap(), 0, "{}", String::from_utf8_lossy(&said));
    }
    (stream, said)
}

/// What follows a word, up to a word that ends it.
fn after<'a>(text: &'a str, word: &str, end: &[char]) -> &'a str {
    let (_, rest) = text.rsplit_once(word).unwrap_or_else(|| panic!("no {word} in {text}"));
    rest.split(end).next().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_and_the_rest_of_a_broken_stream_find_their_session_through_the_other() {
    let House { one, other, _folders } = House::start(&manifest(None)).await;
    let session = open_session(one.address()).await;
    let params = json!({ "name": "ask", "arguments": { "method": "roots/list" } });
    let call = json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params }).to_string();
    let body = format!("Content-Length: {}\r\n\r\n{call}", call.len());
    let (stream, said) = streamed(other.address(), &session, "POST", &body, "roots/list\"").await;
    let said = String::from_utf8(said).unwrap();
    let (event, question) = (after(&said, "id: ", &['\r', '\n']), after(&said, "\"id\":", &[',', '}']));
    drop(stream);

    let question: Value = serde_json::from_str(question).unwrap();
    let answer = json!({ "jsonrpc": "2.0", "id": question, "result": { "roots": [{ "uri": "file:///a" }] } });
    let taken = legacy(Some(&session), "POST", &answer).send(other.address()).await.unwrap();
    assert_eq!(taken.status, 202, "{}", taken.text());

    let resume = format!("Last-Event-ID: {event}\r\n\r\n");
    let (_, rest) = streamed(other.address(), &session, "GET", &resume, "file:///a").await;
    assert!(String::from_utf8_lossy(&rest).contains(r#""id": 7"#), "{}", String::from_utf8_lossy(&rest));
    one.stop().await.unwrap();
    other.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_waits_at_one_is_answered_through_the_other() {
    let House { one, other, _folders } = House::start(&manifest(None)).await;
    let asked = ask(&json!({})).send(one.address()).await.unwrap().json().unwrap();
    let state = asked["result"]["requestState"].as_str().unwrap_or_else(|| panic!("{asked}")).to_owned();
    let answer =
        json!({ "requestState": state, "inputResponses": { "roots-1": { "roots": [{ "uri": "file:///a" }] } } });

    let mut forged = answer.clone();
    forged["requestState"] = json!(format!("{state}x"));
    let refused = ask(&forged).send(other.address()).await.unwrap().json().unwrap();
    assert_eq!(refused["error"]["code"], -32602, "{refused}");

    let answered = ask(&answer).send(other.address()).await.unwrap().json().unwrap();
    assert_eq!(answered["result"]["structuredContent"]["result"]["roots"][0]["uri"], "file:///a", "{answered}");
    let again = ask(&answer).send(other.address()).await.unwrap().json().unwrap();
    assert_eq!(again["error"]["code"], -32602, "once: {again}");

    one.stop().await.unwrap();
    let late = ask(&answer).send(other.address()).await.unwrap().json().unwrap();
    assert!(late["error"]["message"].as_str().is_some_and(|told| told.contains("is gone")), "{late}");
    other.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_is_shared() {
    let folder = tempfile::tempdir().unwrap();
    let Some(redis) = RedisServer::start(folder.path()).unwrap() else { return };
    let House { one, other, _folders } = House::start(&manifest(Some(&redis))).await;
    let mut statuses = Vec::new();
    for gateway in [&one, &other, &one, &other, &one] {
        let list = Request::modern("/servers/old/mcp", "prompts/list", &json!({}));
        statuses.push(list.send(gateway.address()).await.unwrap().status);
    }
    assert_eq!(statuses, [200, 200, 200, 429, 429]);
    one.stop().await.unwrap();
    other.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_but_a_replica_hands_over() {
    let House { one, other, _folders } = House::start(&manifest(None)).await;
    let session = open_session(one.address()).await;
    let forged = legacy(Some(&session), "DELETE", &Value::Null).with("Cardea-Handover", "AAAA");
    assert_eq!(forged.send(one.address()).await.unwrap().status, 403);
    assert_eq!(echo(one.address(), &session).await.status, 200);
    one.stop().await.unwrap();
    other.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_serve_https_trust_their_own_authority_and_no_other() {
    let certified = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let stranger = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let files = tempfile::tempdir().unwrap();
    let put = |name: &str, text: String| {
        let place = files.path().join(name);
        std::fs::write(&place, text).unwrap();
        place.display().to_string()
    };
    let (certificate, key) =
        (put("tls.pem", certified.cert.pem()), put("tls.key", certified.signing_key.serialize_pem()));
    let secured = |ca: &str| {
        let manifest = manifest(None).replace(
            r#"advertise = "http://127.0.0.1:0""#,
            &format!(r#"advertise = "https://localhost:0", ca = "{ca}""#),
        );
        let tls = format!(r#"tls = {{ certificate = "{certificate}", key = "{key}" }}"#);
        format!("{manifest}\n[listen]\naddress = \"127.0.0.1:0\"\n{tls}\n")
    };
    for (ca, status) in [(certificate.clone(), 200), (put("stranger.pem", stranger.cert.pem()), 404)] {
        let House { one, other, _folders } = House::start(&secured(&ca)).await;
        let root = certified.cert.der();
        let session = session_of(&over_tls(one.address(), root, initialize()).await);
        assert_eq!(over_tls(other.address(), root, call_of(&session)).await.status, status);
        one.stop().await.unwrap();
        other.stop().await.unwrap();
    }
}

async fn over_tls(address: SocketAddr, root: &CertificateDer<'static>, request: Request) -> Reply {
    let mut roots = RootCertStore::empty();
    roots.add(root.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let client = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let client = client.with_root_certificates(roots).with_no_client_auth();
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TlsConnector::from(Arc::new(client)).connect(name, stream).await.unwrap();
    Connection::over(stream, "localhost").await.unwrap().send(request).await.unwrap()
}
