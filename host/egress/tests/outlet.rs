//! An outlet against servers on loopback: what is reached, what is not, and what comes back.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use cardea_egress::{EgressFault, Limits, Request};
use http::{HeaderMap, HeaderValue, Method};
use support::{Answers, LOOPBACK, Server, egress, egress_within};

const LONG: Duration = Duration::from_secs(10);

fn get(url: String) -> Request {
    Request { method: Method::GET, uri: url.parse().unwrap(), headers: HeaderMap::new(), body: Bytes::new() }
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[tokio::test]
async fn an_address_that_is_not_listed_is_not_reached_by_name_or_by_number() {
    let server = Server::start("127.0.0.1", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi").await;
    let outlet = egress(&Arc::new(Answers::always(&["127.0.0.1"]))).outlet(&[]);
    for host in ["inside.example", "127.0.0.1", "[::ffff:127.0.0.1]"] {
        let fault = outlet.send(get(format!("http://{host}:{}/", server.port)), LONG).await.unwrap_err();
        assert!(matches!(fault, EgressFault::Forbidden { .. }), "{host}: {fault}");
    }
    assert_eq!(server.connections.load(Ordering::SeqCst), 0);
    let outlet = egress(&Arc::new(Answers::always(&["127.0.0.1"]))).outlet(&[LOOPBACK]);
    let response = outlet.send(get(format!("http://inside.example:{}/", server.port)), LONG).await.unwrap();
    assert_eq!((response.status.as_u16(), &response.body[..]), (200, &b"hi"[..]));
}

#[tokio::test]
async fn one_address_inside_spoils_an_answer() {
    let outlet = egress(&Arc::new(Answers::always(&["93.184.215.14", "10.0.0.1"]))).outlet(&[]);
    let fault = outlet.send(get("http://mixed.example/".to_owned()), LONG).await.unwrap_err();
    assert_eq!(fault, EgressFault::Forbidden { host: "mixed.example".to_owned(), address: ip("10.0.0.1") });
}

#[tokio::test]
async fn a_name_that_is_bound_again_is_checked_again_and_never_between_check_and_use() {
    let closing = "HTTP/1.1 200 OK\r\ncontent-length: 1\r\nconnection: close\r\n\r\n1";
    let allowed = Server::start("127.0.0.1", closing).await;
    let forbidden = Server::start_at("127.0.0.2", allowed.port, closing).await;
    // The second answer is where an attacker wants the connection to go.
    let answers = Arc::new(Answers::of(&[&["127.0.0.1"], &["127.0.0.2"], &["127.0.0.1"]]));
    let outlet = egress(&answers).outlet(&["127.0.0.1/32".parse().unwrap()]);
    let url = || get(format!("http://rebound.example:{}/", allowed.port));
    assert!(outlet.send(url(), LONG).await.is_ok());
    let fault = outlet.send(url(), LONG).await.unwrap_err();
    assert_eq!(fault, EgressFault::Forbidden { host: "rebound.example".to_owned(), address: ip("127.0.0.2") });
    assert!(outlet.send(url(), LONG).await.is_ok());
    assert_eq!(answers.asked.load(Ordering::SeqCst), 3, "one question a connection");
    assert_eq!(allowed.connections.load(Ordering::SeqCst), 2);
    assert_eq!(forbidden.connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn outlets_do_not_share_connections() {
    let server = Server::start("127.0.0.1", "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n1").await;
    let egress = egress(&Arc::new(Answers::always(&["127.0.0.1"])));
    let (trusted, other) = (egress.outlet(&[LOOPBACK]), egress.outlet(&[]));
    let url = || get(format!("http://inside.example:{}/", server.port));
    for _ in 0..3 {
        assert!(trusted.send(url(), LONG).await.is_ok());
    }
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);
    assert!(matches!(other.send(url(), LONG).await, Err(EgressFault::Forbidden { .. })));
}

#[tokio::test]
async fn a_redirect_is_a_response() {
    let target = Server::start("127.0.0.1", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let moved = format!("HTTP/1.1 307 Go\r\nlocation: http://127.0.0.1:{}/\r\ncontent-length: 0\r\n\r\n", target.port);
    let server = Server::start("127.0.0.1", &moved).await;
    let outlet = egress(&Arc::new(Answers::default())).outlet(&[LOOPBACK]);
    let response = outlet.send(get(format!("http://127.0.0.1:{}/", server.port)), LONG).await.unwrap();
    assert_eq!(response.status.as_u16(), 307);
    assert!(response.headers.contains_key("location"));
    assert_eq!(target.connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn what_is_too_large_does_not_come_through() {
    let limits = Limits { request: 10, response: 10, headers: 4, header_bytes: 200 };
    let long = "x".repeat(11);
    for answer in [
        format!("HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n{long}"),
        format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nb\r\n{long}\r\n0\r\n\r\n"),
        "HTTP/1.1 200 OK\r\na: 1\r\nb: 2\r\nc: 3\r\nd: 4\r\ne: 5\r\ncontent-length: 0\r\n\r\n".to_owned(),
        format!("HTTP/1.1 200 OK\r\na: {}\r\ncontent-length: 0\r\n\r\n", "x".repeat(300)),
    ] {
        let server = Server::start("127.0.0.1", &answer).await;
        let outlet = egress_within(&Arc::new(Answers::default()), limits).outlet(&[LOOPBACK]);
        let sent = outlet.send(get(format!("http://127.0.0.1:{}/", server.port)), LONG).await;
        assert!(matches!(sent, Err(EgressFault::TooLarge(_) | EgressFault::Unreachable(_))), "{answer}: {sent:?}");
    }
    let outlet = egress_within(&Arc::new(Answers::default()), limits).outlet(&[LOOPBACK]);
    let large = Request { body: long.into(), ..get("http://127.0.0.1:1/".to_owned()) };
    assert!(matches!(outlet.send(large, LONG).await, Err(EgressFault::TooLarge(_))));
}

#[tokio::test]
async fn headers_of_the_connection_are_not_the_callers() {
    let outlet = egress(&Arc::new(Answers::default())).outlet(&[LOOPBACK]);
    for name in ["host", "content-length", "transfer-encoding", "connection", "upgrade"] {
        let mut request = get("http://127.0.0.1:1/".to_owned());
        request.headers.insert(name, HeaderValue::from_static("1"));
        assert!(matches!(outlet.send(request, LONG).await, Err(EgressFault::Invalid(_))), "{name}");
    }
}

#[tokio::test]
async fn a_server_that_is_silent_is_given_up() {
    let server = Server::start("127.0.0.1", "").await;
    let outlet = egress(&Arc::new(Answers::default())).outlet(&[LOOPBACK]);
    let within = Duration::from_millis(20);
    let sent = outlet.send(get(format!("http://127.0.0.1:{}/", server.port)), within).await;
    assert_eq!(sent.unwrap_err(), EgressFault::Timeout(within));
}

#[tokio::test]
async fn nobody_there_is_told_with_its_cause() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let outlet = egress(&Arc::new(Answers::default())).outlet(&[LOOPBACK]);
    match outlet.send(get(format!("http://127.0.0.1:{free}/")), LONG).await {
        Err(EgressFault::Unreachable(why)) => assert!(why.contains("refused"), "{why}"),
        other => panic!("{other:?}"),
    }
}
