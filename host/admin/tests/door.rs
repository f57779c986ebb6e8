//! The operator's door from outside, over real sockets.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use cardea_admin::{BindError, Operator, Ran, Readiness, ServerState, Settings, Status, ask, bind};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

#[derive(Default)]
struct Fake {
    ready: AtomicBool,
    runs: AtomicUsize,
}

impl Status for Fake {
    fn ready(&self) -> Readiness {
        let ready = self.ready.load(Ordering::Relaxed);
        let server = ServerState { name: "git".into(), state: "down".into(), detail: Some("refused".into()) };
        Readiness { ready, servers: vec![server] }
    }

    fn status(&self) -> Value {
        json!({ "generation": 7 })
    }

    fn calls(&self, most: usize) -> Value {
        json!({ "calls": [], "most": most })
    }

    fn call(&self, id: &str) -> Option<Value> {
        (id == "order/17").then(|| json!({ "call": id }))
    }

    fn metrics(&self) -> String {
        "cardea_sessions 3\n".to_owned()
    }
}

/// Says of every run what it was asked for, or never ends it.
impl Operator for Fake {
    fn generations(&self) -> Value {
        json!({ "serving": 7 })
    }

    fn shadows(&self) -> Value {
        json!([])
    }

    fn reload(&self) -> Ran {
        self.runs.fetch_add(1, Ordering::Relaxed);
        if self.ready.load(Ordering::Relaxed) {
            Ran { id: 4, ended: Box::pin(std::future::ready(Some(json!({ "id": 4, "outcome": "published" })))) }
        } else {
            Ran { id: 4, ended: Box::pin(std::future::pending()) }
        }
    }

    fn roll_back(&self) -> Ran {
        self.runs.fetch_add(1, Ordering::Relaxed);
        Ran { id: 5, ended: Box::pin(std::future::ready(Some(json!({ "id": 5, "outcome": "refused" })))) }
    }
}

async fn serve(token: Option<&str>, hosts: &[&str]) -> (SocketAddr, Arc<Fake>, CancellationToken) {
    let settings =
        Settings { hosts: hosts.iter().map(|host| host.to_string()).collect(), token: token.map(str::to_owned) };
    let bound = bind("127.0.0.1:0", settings).await.unwrap();
    let (address, fake, shutdown) = (bound.address(), Arc::new(Fake::default()), CancellationToken::new());
    let (status, operator) = (Arc::clone(&fake) as Arc<dyn Status>, Arc::clone(&fake) as Arc<dyn Operator>);
    tokio::spawn(bound.serve(status, operator, shutdown.clone()));
    (address, fake, shutdown)
}

/// Status and body of the answer to a request line with headers.
async fn ask_raw(address: SocketAddr, request: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("{request}\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

async fn get(address: SocketAddr, path: &str, headers: &str) -> (u16, Value) {
    let (status, body) = ask_raw(address, &format!("GET {path} HTTP/1.1\r\nHost: localhost{headers}")).await;
    (status, serde_json::from_str(&body).unwrap_or(Value::String(body)))
}

#[tokio::test]
async fn health_readiness_and_state_are_shown() {
    let (address, fake, _shutdown) = serve(None, &[]).await;
    assert_eq!(get(address, "/livez", "").await, (200, json!("ok\n")));
    let (status, body) = get(address, "/readyz", "").await;
    assert_eq!((status, &body["ready"], &body["servers"][0]["detail"]), (503, &json!(false), &json!("refused")));
    fake.ready.store(true, Ordering::Relaxed);
    assert_eq!(get(address, "/readyz", "").await.0, 200);
    assert_eq!(get(address, "/status", "").await, (200, json!({ "generation": 7 })));
    assert_eq!(get(address, "/nowhere", "").await.0, 404);
}

#[tokio::test]
async fn calls_and_numbers_are_shown() {
    let (address, _, _shutdown) = serve(None, &[]).await;
    assert_eq!(get(address, "/v1/calls", "").await.1["most"], 50);
    assert_eq!(get(address, "/v1/calls?limit=7", "").await.1["most"], 7);
    assert_eq!(get(address, "/v1/calls?limit=many", "").await.0, 400);
    assert_eq!(get(address, "/v1/calls/order%2F17", "").await, (200, json!({ "call": "order/17" })));
    assert_eq!(get(address, "/v1/calls/other", "").await.0, 404);
    let (status, text) = ask_raw(address, "GET /metrics HTTP/1.1\r\nHost: localhost").await;
    assert_eq!((status, text.as_str()), (200, "cardea_sessions 3\n"));
}

#[tokio::test]
async fn a_token_guards_all_but_yes_and_no() {
    let (address, _, _shutdown) = serve(Some("s3cret"), &[]).await;
    assert_eq!(get(address, "/livez", "").await.0, 200);
    assert_eq!(get(address, "/readyz", "").await, (503, json!({ "ready": false })));
    for (headers, expected) in [
        ("", 401),
        ("\r\nAuthorization: Bearer wrong", 401),
        ("\r\nAuthorization: Bearer s3cret2", 401),
        ("\r\nAuthorization: Basic s3cret", 401),
        ("\r\nAuthorization: Bearer s3cret\r\nAuthorization: Bearer s3cret", 401),
        ("\r\nAuthorization: Bearer s3cret", 200),
        ("\r\nauthorization: bearer s3cret", 200),
    ] {
        for path in ["/status", "/metrics", "/v1/calls"] {
            let request = format!("GET {path} HTTP/1.1\r\nHost: localhost{headers}");
            assert_eq!(ask_raw(address, &request).await.0, expected, "{path} {headers}");
        }
    }
    let (_, body) = get(address, "/readyz", "\r\nAuthorization: Bearer s3cret").await;
    assert_eq!(body["servers"][0]["name"], "git");
}

#[tokio::test]
async fn web_pages_and_rebound_names_do_not_come_in() {
    let (address, _, _shutdown) = serve(None, &["admin.example"]).await;
    for path in ["/livez", "/readyz", "/status", "/nowhere"] {
        for (headers, expected) in [
            ("Host: evil.example", 403),
            ("Host: localhost.evil.example", 403),
            ("Host: localhost\r\nOrigin: http://localhost", 403),
            ("Host: localhost\r\nHost: localhost", 400),
            ("X: y", 400),
        ] {
            assert_eq!(
                ask_raw(address, &format!("GET {path} HTTP/1.1\r\n{headers}")).await.0,
                expected,
                "{path} {headers}"
            );
        }
    }
    for host in ["admin.example", "127.0.0.1:9", "[::1]", "LOCALHOST:9", "10.1.2.3"] {
        assert_eq!(ask_raw(address, &format!("GET /livez HTTP/1.1\r\nHost: {host}")).await.0, 200, "{host}");
    }
    assert_eq!(ask_raw(address, "POST /status HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0").await.0, 405);
}

#[tokio::test]
async fn generations_are_changed_by_who_has_the_token_and_by_the_right_method() {
    let (address, fake, _shutdown) = serve(Some("s3cret"), &[]).await;
    fake.ready.store(true, Ordering::Relaxed);
    let asked = async |token, method, path| ask(address, token, method, path).await.unwrap();
    for token in [None, Some("wrong")] {
        for (method, path) in [
            (Method::GET, "/v1/generations"),
            (Method::GET, "/v1/shadow"),
            (Method::POST, "/v1/reload"),
            (Method::POST, "/v1/rollback"),
        ] {
            assert_eq!(asked(token, method, path).await.0, StatusCode::UNAUTHORIZED, "{path}");
        }
    }
    let token = Some("s3cret");
    for (method, path) in
        [(Method::POST, "/v1/generations"), (Method::GET, "/v1/reload"), (Method::PUT, "/v1/rollback")]
    {
        assert_eq!(asked(token, method, path).await.0, StatusCode::METHOD_NOT_ALLOWED, "{path}");
    }
    let from_a_page =
        "POST /v1/reload HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\nAuthorization: Bearer s3cret";
    assert_eq!(ask_raw(address, from_a_page).await.0, 403);
    assert_eq!(fake.runs.load(Ordering::Relaxed), 0, "nothing was done for any of them");
    assert_eq!(asked(token, Method::GET, "/v1/generations").await.1["serving"], 7);
    assert_eq!(asked(token, Method::POST, "/v1/reload").await.0, StatusCode::OK);
    assert_eq!(asked(token, Method::POST, "/v1/rollback").await.0, StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_run_that_takes_long_is_told_by_its_number() {
    let (address, _, _shutdown) = serve(None, &[]).await;
    let (status, run) = ask(address, None, Method::POST, "/v1/reload").await.unwrap();
    assert_eq!((status, run), (StatusCode::ACCEPTED, json!({ "id": 4, "outcome": "running" })));
}

#[tokio::test]
async fn who_asks_where_no_gateway_is_hears_so() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let complaint = ask(nobody, None, Method::GET, "/status").await.unwrap_err();
    assert!(complaint.contains("no gateway answers at 127.0.0.1:"), "{complaint}");
}

#[tokio::test]
async fn beyond_loopback_it_opens_only_with_a_token() {
    let refused = bind("0.0.0.0:0", Settings::default()).await.unwrap_err();
    assert!(matches!(refused, BindError::Unprotected(_)));
    assert!(refused.to_string().contains("set a token"), "{refused}");
    let empty = Settings { token: Some(" ".into()), ..Settings::default() };
    assert!(matches!(bind("127.0.0.1:0", empty).await, Err(BindError::EmptyToken)));
    let guarded = Settings { token: Some("s3cret".into()), ..Settings::default() };
    assert!(!format!("{guarded:?}").contains("s3cret"));
    assert!(bind("0.0.0.0:0", guarded).await.is_ok());
}

#[tokio::test]
async fn it_ends_when_it_is_told_to() {
    let bound = bind("127.0.0.1:0", Settings::default()).await.unwrap();
    let (address, shutdown) = (bound.address(), CancellationToken::new());
    let served = tokio::spawn(bound.serve(Arc::new(Fake::default()), Arc::new(Fake::default()), shutdown.clone()));
    assert_eq!(get(address, "/livez", "").await.0, 200);
    shutdown.cancel();
    served.await.unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}
