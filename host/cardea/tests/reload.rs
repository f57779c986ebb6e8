//! Changes under load: while clients call without a pause, a rule, a plugin's file and the certificate are replaced. No call
//! fails, and what is new is in force within a second.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cardea_test_support::{Connection, Gateway, Programs, Reply, Request, until};
use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

/// How soon a change of a file must be in force.
const SOON: Duration = Duration::from_secs(1);
/// Clients that call all the time.
const CLIENTS: usize = 4;

fn programs() -> Programs {
    Programs::beside(env!("CARGO_BIN_EXE_cardea"), env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// SHA-256 of the key `load`.
const KEY: &str = "0cf67fc72b3c86c7a454f6d86b43ed245a8e491d0e5288d4da8c7ff43a7bcdb0";

/// A manifest under which the one role there is may call these tools.
fn allowing(tools: &str) -> String {
    format!(
        r#"
        [[server]]
        name = "notes"
        command = ["cardea-fake-server"]

        [[stage]]
        plugin = "api-key"
        config.keys = [{{ id = "load", sha256 = "{KEY}", roles = ["caller"] }}]

        [[stage]]
        plugin = "rbac"
        config.roles.caller.allow = [{{ methods = ["tools/call"], names = {tools} }}]
        "#
    )
}

fn call(tool: &str) -> Request {
    let params = json!({ "name": tool, "arguments": { "text": "under load" } });
    Request::modern("/servers/notes/mcp", "tools/call", &params).with("Authorization", "Bearer load")
}

/// True for a result, false for a tool that is not known; anything else is a failed call.
fn is_allowed(reply: &Reply) -> bool {
    let body = reply.json().unwrap();
    match (reply.status, &body["error"]["code"]) {
        (200, Value::Null) if body["result"].is_object() => true,
        (200, code) if code == -32602 => false,
        _ => panic!("HTTP {}: {}", reply.status, reply.text()),
    }
}

/// Clients that call `echo`, each over one connection, until they are stopped.
struct Load {
    clients: JoinSet<()>,
    calls: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
}

impl Load {
    async fn start(address: SocketAddr) -> Self {
        let (calls, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            let (calls, stop) = (Arc::clone(&calls), Arc::clone(&stop));
            clients.spawn(async move {
                let mut connection = Connection::open(address).await.unwrap();
                while !stop.load(Ordering::Relaxed) {
                    let reply = connection.send(call("echo")).await.unwrap();
                    assert!(is_allowed(&reply), "{}", reply.text());
                    calls.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let load = Self { clients, calls, stop };
        load.goes_on().await;
        load
    }

    /// Waits until every client has had time for another call.
    async fn goes_on(&self) {
        let enough = self.calls.load(Ordering::Relaxed) + 2 * CLIENTS as u64;
        until("more calls", || (self.calls.load(Ordering::Relaxed) >= enough).then_some(())).await.unwrap();
    }

    /// Stops; panics if any client's call failed.
    async fn stop(mut self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(client) = self.clients.join_next().await {
            client.unwrap();
        }
        self.calls.load(Ordering::Relaxed)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_changed_under_load_is_in_force_within_a_second_and_no_call_fails() {
    let folder = tempfile::tempdir().unwrap();
    let (narrow, wide) = (allowing(r#"["echo"]"#), allowing(r#"["echo", "whoami"]"#));
    let gateway = Gateway::start(&programs(), folder.path(), &narrow, &[]).await.unwrap();
    let load = Load::start(gateway.address()).await;
    let mut probe = Connection::open(gateway.address()).await.unwrap();
    assert!(!is_allowed(&probe.send(call("whoami")).await.unwrap()));

    for (manifest, allows) in [(&wide, true), (&narrow, false), (&wide, true), (&narrow, false)] {
        let started = Instant::now();
        let change = gateway.change_manifest(manifest);
        let in_force = async {
            while is_allowed(&probe.send(call("whoami")).await.unwrap()) != allows {}
            started.elapsed()
        };
        let (published, took) = tokio::join!(change, in_force);
        published.unwrap();
        assert!(took < SOON, "the change took {took:?}");
        load.goes_on().await;
    }

    assert!(load.stop().await > 0);
    drop(probe);
    gateway.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_file_replaced_under_load_is_taken_in_and_no_call_fails() {
    let folder = tempfile::tempdir().unwrap();
    let component = std::fs::read(programs().plugin("rbac")).unwrap();
    std::fs::write(folder.path().join("rights.wasm"), &component).unwrap();
    let manifest = allowing(r#"["echo"]"#).replace("\"rbac\"", "\"./rights.wasm\"\nname = \"rights\"");
    let gateway = Gateway::start(&programs(), folder.path(), &manifest, &[]).await.unwrap();
    let admin = gateway.admin().unwrap();
    let load = Load::start(gateway.address()).await;
    let mut digests = vec![digest(admin).await];

    for version in 1..=3_u8 {
        let started = Instant::now();
        put(folder.path(), "rights.wasm", &another(&component, version));
        while digests.contains(&digest(admin).await) {
            assert!(started.elapsed() < cardea_test_support::DEADLINE, "the new file is not taken in");
        }
        digests.push(digest(admin).await);
        load.goes_on().await;
    }

    // A file that is no plugin changes nothing for those who call.
    put(folder.path(), "rights.wasm", b"not wasm");
    gateway.log().find("the refusal", 0, |line| line.contains("reload refused").then_some(())).await.unwrap();
    assert_eq!(digests.last(), Some(&digest(admin).await));
    load.goes_on().await;

    assert!(load.stop().await > 0);
    gateway.stop().await.unwrap();
}

/// The digest of the plugin that judges now.
async fn digest(admin: SocketAddr) -> String {
    let request = Request { method: "GET".to_owned(), target: "/status".to_owned(), ..Request::default() };
    let status = request.send(admin).await.unwrap().json().unwrap();
    let stages = status["stages"].as_array().unwrap();
    stages.iter().find(|stage| stage["name"] == "rights").unwrap()["digest"].as_str().unwrap().to_owned()
}

/// The same component with another digest: a custom section at its end says its version and does nothing.
fn another(component: &[u8], version: u8) -> Vec<u8> {
    let name = b"version";
    let mut section = vec![0, name.len() as u8 + 2, name.len() as u8];
    section.extend_from_slice(name);
    section.push(version);
    [component, &section].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_renewed_for_those_who_come_and_kept_for_those_who_are_there() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (certificate(), certificate());
    write(&folder, &first);
    let manifest = format!(
        "{}\n[listen]\naddress = \"127.0.0.1:0\"\ntls = {{ certificate = \"tls.pem\", key = \"tls.key\" }}\n",
        allowing(r#"["echo"]"#)
    );
    let gateway = Gateway::start(&programs(), folder.path(), &manifest, &[]).await.unwrap();
    let mut present = connect(gateway.address(), &first).await.unwrap();
    assert!(is_allowed(&present.send(call("echo")).await.unwrap()));
    assert!(connect(gateway.address(), &second).await.is_err(), "a certificate that is not served must not be trusted");

    write(&folder, &second);
    let renewed = async {
        loop {
            if let Ok(connection) = connect(gateway.address(), &second).await {
                return connection;
            }
        }
    };
    let mut renewed = tokio::time::timeout(cardea_test_support::DEADLINE, renewed).await.unwrap();
    assert!(is_allowed(&renewed.send(call("echo")).await.unwrap()));
    assert!(
        is_allowed(&present.send(call("echo")).await.unwrap()),
        "a connection outlives the certificate it began with"
    );

    drop((present, renewed));
    gateway.stop().await.unwrap();
}

fn certificate() -> CertifiedKey<KeyPair> {
    generate_simple_self_signed(["localhost".to_owned()]).unwrap()
}

/// Key first: for a moment the two do not fit, as with any tool that renews them.
fn write(folder: &TempDir, certified: &CertifiedKey<KeyPair>) {
    put(folder.path(), "tls.key", certified.signing_key.serialize_pem().as_bytes());
    put(folder.path(), "tls.pem", certified.cert.pem().as_bytes());
}

/// A connection of a client that trusts this certificate and no other.
async fn connect(address: SocketAddr, trusted: &CertifiedKey<KeyPair>) -> Result<Connection, String> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let client = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let client = client.with_root_certificates(roots).with_no_client_auth();
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TlsConnector::from(Arc::new(client)).connect(name, stream).await.map_err(|error| error.to_string())?;
    Connection::over(stream, "localhost").await
}

/// Puts a file in place in one step.
fn put(folder: &Path, name: &str, content: &[u8]) {
    let fresh = folder.join("fresh");
    std::fs::write(&fresh, content).unwrap();
    std::fs::rename(&fresh, folder.join(name)).unwrap();
}
