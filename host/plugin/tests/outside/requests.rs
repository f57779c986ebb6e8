//! Requests: who is reached, who is not, and many at a time.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cardea_chain::Stage;
use cardea_plugin::{Grants, WasmStage};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::sync::Barrier;

use crate::{ask, call, capabilities, engine, grants, guest, load_on};

/// As many as a stage that waits for others serves at a time.
const MANY: usize = 256;

/// A server that answers each request by its path, and remembers what it was sent.
struct Server {
    port: u16,
    connections: AtomicUsize,
    heads: Mutex<Vec<String>>,
    rounds: Mutex<HashMap<String, Arc<Barrier>>>,
}

impl Server {
    async fn start() -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Arc::new(Self {
            port: listener.local_addr().unwrap().port(),
            connections: AtomicUsize::new(0),
            heads: Mutex::default(),
            rounds: Mutex::default(),
        });
        let serving = Arc::clone(&server);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                serving.connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(Arc::clone(&serving).serve(stream));
            }
        });
        server
    }

    async fn serve(self: Arc<Self>, stream: tokio::net::TcpStream) {
        let (reading, mut writing) = stream.into_split();
        let mut lines = BufReader::new(reading).lines();
        let mut head = String::new();
        while let Ok(Some(line)) = lines.next_line().await {
            if !line.is_empty() {
                head += &line;
                head.push('\n');
                continue;
            }
            let answer = self.answer(&head).await;
            self.heads.lock().unwrap().push(std::mem::take(&mut head));
            if writing.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    }

    fn round(&self, name: &str) -> Arc<Barrier> {
        let mut rounds = self.rounds.lock().unwrap();
        Arc::clone(rounds.entry(name.to_owned()).or_insert_with(|| Arc::new(Barrier::new(MANY))))
    }

    async fn answer(&self, head: &str) -> String {
        let path = head.split(' ').nth(1).unwrap_or_default();
        match path {
            round if round.starts_with("/ok/all/") => {
                self.round(round).wait().await;
            }
            "/ok/slow" => tokio::time::sleep(Duration::from_millis(20)).await,
            "/ok/never" => std::future::pending().await,
            _ => {}
        }
        match path {
            "/ok/moved" => {
                let away = format!("http://127.0.0.1:{}/ok/", self.port);
                format!("HTTP/1.1 302 Found\r\nlocation: {away}\r\ncontent-length: 0\r\n\r\n")
            }
            "/ok/huge" => format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", 100 << 20),
            _ => "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nhere".to_owned(),
        }
    }
}

/// The guest, allowed to `GET` below `/ok/` at the server and at a name that stands for these addresses.
async fn stage(server: &Server, names: &[&str], instances: u32) -> Arc<WasmStage> {
    let port = server.port;
    let rules = ["127.0.0.1", "named.example", "127.0.0.2"].map(|host| format!("GET http://{host}:{port}/ok/*"));
    let ask = format!("kv = true\nsecret = ['hook']\nhttp = {rules:?}");
    let http = Some(rules.iter().map(|rule| rule.parse().unwrap()).collect());
    load_on(&engine(instances), guest(&ask), Grants { http, ..grants() }, capabilities(names)).await.unwrap()
}

fn get(server: &Server, path: &str) -> Value {
    json!({ "do": "send", "url": format!("http://127.0.0.1:{}{path}", server.port) })
}

#[tokio::test]
async fn what_a_rule_fits_is_sent_and_nothing_else() {
    let server = Server::start().await;
    let stage = stage(&server, &["127.0.0.1"], 16).await;
    let here = json!({ "status": 200, "body": "here" });
    assert_eq!(ask(&stage, get(&server, "/ok/x?q=1")).await, here);
    let named = json!({ "do": "send", "url": format!("http://named.example:{}/ok/x", server.port) });
    assert_eq!(ask(&stage, named).await, here);
    let sent = server.heads.lock().unwrap().len();
    for path in ["/", "/ok", "/ok/../x", "/OK/x"] {
        let told = ask(&stage, get(&server, path)).await;
        assert!(matches!(told["error"].as_str(), Some("denied" | "invalid")), "{path}: {told}");
    }
    let mut post = get(&server, "/ok/x");
    post["method"] = json!("POST");
    assert_eq!(ask(&stage, post).await, json!({ "error": "denied" }));
    assert_eq!(server.heads.lock().unwrap().len(), sent);
}

#[tokio::test]
async fn an_address_inside_is_reached_only_if_it_is_listed() {
    let server = Server::start().await;
    for names in [&["127.0.0.2"][..], &["127.0.0.1", "10.0.0.1"], &["169.254.169.254"]] {
        let stage = stage(&server, names, 16).await;
        let url = format!("http://named.example:{}/ok/", server.port);
        assert_eq!(ask(&stage, json!({ "do": "send", "url": url })).await, json!({ "error": "denied" }), "{names:?}");
        let literal = format!("http://127.0.0.2:{}/ok/", server.port);
        assert_eq!(ask(&stage, json!({ "do": "send", "url": literal })).await, json!({ "error": "denied" }));
    }
    assert_eq!(server.connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn redirects_sizes_and_times_are_the_hosts() {
    let server = Server::start().await;
    let stage = stage(&server, &[], 16).await;
    assert_eq!(ask(&stage, get(&server, "/ok/moved")).await["status"], json!(302));
    assert_eq!(server.heads.lock().unwrap().len(), 1);
    assert_eq!(ask(&stage, get(&server, "/ok/huge")).await, json!({ "error": "too-large" }));
    let mut never = get(&server, "/ok/never");
    never["timeout"] = json!(30);
    assert_eq!(ask(&stage, never).await, json!({ "error": "timeout" }));
    // What the hook may wait is its budget, however long the guest would.
    let started = Instant::now();
    assert_eq!(ask(&stage, get(&server, "/ok/never")).await, json!({ "error": "timeout" }));
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_secret_is_filled_in_on_the_way_out() {
    let server = Server::start().await;
    let stage = stage(&server, &[], 16).await;
    let with = |value: &str| {
        let mut request = get(&server, "/ok/x");
        request["header"] = json!("authorization");
        request["value"] = json!(value);
        request
    };
    assert_eq!(ask(&stage, with("Bearer {{secret:hook}}-{{secret:hook}}")).await["status"], json!(200));
    let head = server.heads.lock().unwrap().pop().unwrap();
    assert!(head.contains("authorization: Bearer key-key\n"), "{head}");
    assert_eq!(ask(&stage, with("{{secret:other}}")).await, json!({ "error": "denied" }));
    assert_eq!(ask(&stage, with("{{secret:hook")).await, json!({ "error": "invalid" }));
    let mut host = with("elsewhere.example");
    host["header"] = json!("host");
    assert_eq!(ask(&stage, host).await, json!({ "error": "invalid" }));
}

#[tokio::test]
async fn many_are_sent_at_once_and_a_hook_has_its_share() {
    let server = Server::start().await;
    let stage = stage(&server, &[], 16).await;
    let many = |many: usize| {
        let mut request = get(&server, "/ok/x");
        request["do"] = json!("send-many");
        request["many"] = json!(many);
        request
    };
    let eight = ask(&stage, many(8)).await;
    assert!(eight["answers"].as_array().unwrap().iter().all(|answer| answer["status"] == json!(200)), "{eight}");
    assert_eq!(server.heads.lock().unwrap().len(), 8);
    let nine = ask(&stage, many(9)).await;
    assert!(nine["answers"].as_array().unwrap().iter().all(|answer| answer["error"] == json!("too-large")), "{nine}");
}

/// The server answers nobody of a round before all are there: a pool that let fewer in would let none out, in any round. On
/// a busy machine the first rounds may run out of time while instances are still being started; none is refused even then.
#[tokio::test]
async fn as_many_hooks_wait_at_once_as_there_are_calls() {
    const ROUNDS: usize = 10;
    let server = Server::start().await;
    let stage = stage(&server, &[], 300).await;
    for round in 1..=ROUNDS {
        let path = format!("/ok/all/{round}");
        let answers = join_all((0..MANY).map(|_| ask(&stage, get(&server, &path)))).await;
        assert_eq!((stage.stats().calls(), stage.stats().failed()), ((round * MANY) as u64, 0));
        let late = answers.iter().filter(|answer| answer["error"] == json!("timeout")).count();
        let served = answers.iter().filter(|answer| answer["status"] == json!(200)).count();
        assert_eq!(late + served, MANY, "{answers:?}");
        if served == MANY {
            return;
        }
    }
    panic!("in {ROUNDS} rounds {MANY} calls never waited at the same time");
}

/// `cargo test --release -p cardea-plugin --test outside -- --ignored --nocapture`
#[tokio::test]
#[ignore = "prints a measurement"]
async fn how_many_calls_pass_a_stage_that_waits_20_ms() {
    const ROUNDS: usize = 20;
    let server = Server::start().await;
    let stage = stage(&server, &[], 300).await;
    for _ in 0..2 {
        let started = Instant::now();
        let callers = (0..MANY).map(|_| async {
            for _ in 0..ROUNDS {
                let call = call(get(&server, "/ok/slow"));
                stage.judge_call(&call).await.unwrap();
            }
        });
        join_all(callers).await;
        let took = started.elapsed();
        let rate = (MANY * ROUNDS) as f64 / took.as_secs_f64();
        println!(
            "{} calls of {MANY} callers in {took:?}: {rate:.0}/s; by the wait alone {}/s",
            MANY * ROUNDS,
            MANY * 50
        );
    }
}
