//! The life of a listener: generations that change, a drain that ends, TLS.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cardea_listen::tls::Certificate;
use cardea_listen::{Limits, Settings};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::RootCertStore;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::support::{House, modern_post, tool};

#[tokio::test]
async fn a_running_call_keeps_the_generation_it_began_with() {
    let house = House::start().await;
    let mut before = house.connect().await;
    before.write(&modern_post(&tool(1, "wait"))).await;
    house.server.hanging.notified().await;
    let second = house.publish(2, "second");
    let mut after = house.connect().await;
    let reply = after.exchange(&modern_post(&tool(2, "echo"))).await;
    assert_eq!(reply.json()["result"]["content"][0]["text"], "second");
    house.server.release.add_permits(1);
    assert_eq!(before.reply().await.json()["result"]["content"][0]["text"], "first");
    let reply = before.exchange(&modern_post(&tool(3, "echo"))).await;
    assert_eq!(reply.json()["result"]["content"][0]["text"], "second", "an old connection gets the new generation");
    assert_eq!(second.calls.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_shutdown_waits_for_running_calls_and_takes_no_new_ones() {
    let house = House::start().await;
    let (mut running, mut streaming, mut idle) = (house.connect().await, house.connect().await, house.connect().await);
    assert_eq!(idle.exchange(&modern_post(&tool(0, "echo"))).await.status, 200);
    running.write(&modern_post(&tool(1, "wait"))).await;
    house.server.hanging.notified().await;
    streaming.write(&modern_post(&tool(2, "wait-streaming"))).await;
    assert_eq!(streaming.head().await.status, 200);
    house.shutdown.cancel();
    assert!(idle.is_closed().await);
    while TcpStream::connect(house.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    house.server.release.add_permits(2);
    assert_eq!(running.reply().await.json()["id"], 1);
    assert_eq!(streaming.reply_events().await.last().unwrap()["id"], 2);
    house.ended().await;
}

#[tokio::test]
async fn what_does_not_end_by_the_drain_deadline_is_cut() {
    let house = House::with_limits(Limits { drain: Duration::from_millis(50), ..Limits::default() }).await;
    let mut hanging = house.connect().await;
    hanging.write(&modern_post(&tool(1, "hang"))).await;
    house.server.hanging.notified().await;
    house.shutdown.cancel();
    assert!(hanging.is_closed().await);
    let journal = Arc::clone(&house.journal);
    house.ended().await;
    assert_eq!(*journal.outcomes.lock().unwrap(), [("tools/call".to_owned(), "cancelled")]);
}

#[tokio::test]
async fn connections_beyond_the_bound_wait_for_their_turn() {
    let house = House::with_limits(Limits { max_connections: 1, ..Limits::default() }).await;
    let mut first = house.connect().await;
    assert_eq!(first.exchange(&modern_post(&tool(1, "echo"))).await.status, 200);
    let mut second = house.connect().await;
    second.write(&modern_post(&tool(2, "echo"))).await;
    assert_eq!(first.exchange(&modern_post(&tool(3, "echo"))).await.status, 200);
    assert_eq!(house.server.calls.lock().unwrap().len(), 2, "the second connection is not served yet");
    drop(first);
    assert_eq!(second.reply().await.json()["id"], 2);
}

#[tokio::test]
async fn a_stream_nobody_reads_is_cancelled() {
    let house = House::with_limits(Limits { write_stall: Duration::from_millis(100), ..quick() }).await;
    let mut unread = house.connect().await;
    unread.write(&modern_post(&tool(1, "flood"))).await;
    timeout(Duration::from_secs(20), house.server.dropped.notified()).await.unwrap();
}

#[tokio::test]
async fn a_reply_nobody_reads_gives_its_connection_up() {
    let limits = Limits { write_stall: Duration::from_millis(100), max_connections: 1, ..Limits::default() };
    let house = House::with_limits(limits).await;
    let mut unread = house.connect().await;
    unread.write(&modern_post(&tool(1, "huge"))).await;
    let mut next = house.connect().await;
    assert_eq!(next.exchange(&modern_post(&tool(2, "echo"))).await.status, 200);
    drop(unread);
}

#[tokio::test]
async fn over_http2_only_the_stream_nobody_reads_is_cancelled() {
    let house = House::with_limits(Limits { write_stall: Duration::from_millis(100), ..quick() }).await;
    let stream = TcpStream::connect(house.address).await.unwrap();
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let unread = sender.send_request(h2_call(&house, "flood")).await.unwrap();
    timeout(Duration::from_secs(20), house.server.dropped.notified()).await.unwrap();
    assert_eq!(sender.send_request(h2_call(&house, "echo")).await.unwrap().status(), 200);
    drop(unread);
}

/// Looks at its connections often.
fn quick() -> Limits {
    Limits { idle_timeout: Duration::from_secs(2), ..Limits::default() }
}

#[tokio::test]
async fn tls_speaks_http2_and_new_handshakes_get_the_new_certificate() {
    let (first, second) = (pair(), pair());
    let certificate = Certificate::load(first.0.as_bytes(), first.1.as_bytes()).unwrap();
    let settings = Settings { tls: Some(certificate.server_config().unwrap()), ..Settings::default() };
    let house = House::with(settings).await;
    assert_eq!(h2_status(&house, &first.2).await, Some(200));
    assert_eq!(h2_status(&house, &second.2).await, None, "nobody shows the second certificate yet");
    certificate.replace(second.0.as_bytes(), second.1.as_bytes()).unwrap();
    assert_eq!(h2_status(&house, &second.2).await, Some(200));
    assert_eq!(h2_status(&house, &first.2).await, None);
    // Plain bytes on a TLS port: no answer, and the listener goes on.
    let mut plain = house.connect().await;
    plain.write("POST /mcp HTTP/1.1\r\n\r\n").await;
    assert_eq!(h2_status(&house, &second.2).await, Some(200));
}

fn pair() -> (String, String, Vec<u8>) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem(), made.cert.der().to_vec())
}

/// Status of one call over HTTP/2; none if the certificate is not the trusted one.
async fn h2_status(house: &House, trusted: &[u8]) -> Option<u16> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.to_vec().into()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = TcpStream::connect(house.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.ok()?;
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let response = sender.send_request(h2_call(house, "echo")).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert!(body.starts_with(b"{\"jsonrpc\""), "{body:?}");
    Some(status)
}

fn h2_call(house: &House, name: &str) -> http::Request<Full<Bytes>> {
    http::Request::post(format!("https://localhost:{}/mcp", house.address.port()))
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2026-07-28")
        .header("mcp-method", "tools/call")
        .header("mcp-name", name)
        .body(Full::from(tool(1, name).to_string()))
        .unwrap()
}
