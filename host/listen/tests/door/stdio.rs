//! Standard input and output as a front door, over a pair of pipes.

use std::time::Duration;

use cardea_chain::Subject;
use cardea_listen::Limits;
use cardea_listen::stdio::{Stdio, serve};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, Lines, ReadHalf, WriteHalf, duplex, split};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::legacy::tool;
use crate::support::{House, legacy, modern};

const PATIENCE: Duration = Duration::from_secs(20);

/// A client at the other end of the pipes.
struct Client {
    input: Option<WriteHalf<DuplexStream>>,
    output: Lines<BufReader<ReadHalf<DuplexStream>>>,
    shutdown: CancellationToken,
    served: JoinHandle<()>,
}

impl Client {
    fn of(house: &House, limits: Limits) -> Self {
        let (ours, theirs) = duplex(1 << 20);
        let (input, output) = split(theirs);
        let subject = Subject { id: "ann".into(), issuer: "stdio".into(), ..Subject::default() };
        let stdio = Stdio { endpoint: "/mcp".into(), subject, limits };
        let shutdown = CancellationToken::new();
        let generation = std::sync::Arc::clone(&house.generation);
        let served = tokio::spawn(serve(input, output, stdio, generation, shutdown.clone()));
        let (output, input) = split(ours);
        Self { input: Some(input), output: BufReader::new(output).lines(), shutdown, served }
    }

    async fn begun(house: &House, version: &str) -> Self {
        let mut client = Self::of(house, Limits::default());
        let params = json!({ "protocolVersion": version, "capabilities": { "roots": {} } });
        assert_eq!(client.ask(&legacy(0, "initialize", params)).await["result"]["protocolVersion"], version);
        client.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await;
        client
    }

    async fn write(&mut self, text: &str) {
        self.input.as_mut().unwrap().write_all(text.as_bytes()).await.unwrap();
    }

    async fn send(&mut self, message: &Value) {
        self.write(&format!("{message}\n")).await;
    }

    async fn heard(&mut self) -> Option<Value> {
        let line = timeout(PATIENCE, self.output.next_line()).await.expect("the gateway is silent").unwrap()?;
        Some(serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}")))
    }

    async fn ask(&mut self, message: &Value) -> Value {
        self.send(message).await;
        self.heard().await.unwrap()
    }

    /// Closes the input.
    async fn leave(&mut self) {
        self.input.take().unwrap().shutdown().await.unwrap();
    }

    /// Everything that is still said, and then that nothing runs any more.
    async fn rest(mut self) -> Vec<Value> {
        let mut rest = Vec::new();
        while let Some(message) = self.heard().await {
            rest.push(message);
        }
        timeout(PATIENCE, self.served).await.expect("it does not end").unwrap();
        rest
    }
}

fn cancelled(id: impl Into<Value>) -> Value {
    json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": id.into() } })
}

#[tokio::test]
async fn both_protocols_are_spoken_on_one_pair_of_pipes() {
    let house = House::start().await;
    let mut client = Client::begun(&house, "2025-06-18").await;
    assert_eq!(client.ask(&tool(1, "echo")).await["result"]["content"][0]["text"], "first");
    let call = house.server.last();
    assert_eq!(
        (call.subject.id.as_str(), &*call.endpoint, call.client.version.as_str()),
        ("ann", "/mcp", "2025-06-18")
    );
    assert!(call.client.session.is_some());
    let discovered = client.ask(&modern("d", "server/discover", json!({}))).await;
    assert_eq!((&discovered["id"], &discovered["result"]["instructions"]), (&json!("d"), &json!("be kind")));
    client.send(&modern(1, "tools/call", json!({ "name": "stream" }))).await;
    let heard = [client.heard().await, client.heard().await, client.heard().await].map(Option::unwrap);
    assert_eq!([&heard[0]["method"], &heard[1]["method"]], ["notifications/progress"; 2]);
    assert_eq!((&heard[2]["id"], &heard[2]["result"]["resultType"]), (&json!(1), &json!("complete")));
    let call = house.server.last();
    assert_eq!(call.client.version.as_str(), "2026-07-28");
    assert!(call.client.session.is_none());
    client.leave().await;
    assert!(client.rest().await.is_empty());
    assert_eq!(house.server.ended.lock().unwrap().len(), 1, "the servers hear of the end of the session");
}

#[tokio::test]
async fn what_cannot_be_taken_is_answered_with_an_error_and_the_next_line_counts() {
    let house = House::start().await;
    let mut client = Client::of(&house, Limits { max_body: 1024, ..Limits::default() });
    let envelope = |version: &str| json!({ "_meta": { "io.modelcontextprotocol/protocolVersion": version } });
    for (line, id, code) in [
        ("{".to_owned(), Value::Null, -32700),
        ("[]".to_owned(), Value::Null, -32600),
        (r#"{"jsonrpc":"2.0","id":1}"#.to_owned(), json!(1), -32600),
        (r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#.to_owned(), Value::Null, -32700),
        ("x".repeat(5000), Value::Null, -32600),
        (tool(2, "echo").to_string(), json!(2), -32600),
        (legacy(3, "initialize", json!({})).to_string(), json!(3), -32602),
        (legacy(4, "server/discover", json!({})).to_string(), json!(4), -32602),
        (legacy(5, "tools/list", envelope("2026-07-28")).to_string(), json!(5), -32602),
        (modern(6, "ping", json!({})).to_string(), json!(6), -32601),
        (modern(7, "tools/list", json!({})).to_string().replace("2026-07-28", "v999.0.0"), json!(7), -32022),
        (modern(8, "no/such-method", json!({})).to_string(), json!(8), -32601),
    ] {
        client.write(&format!("{line}\r\n\n")).await;
        let answer = client.heard().await.unwrap();
        assert_eq!((&answer["id"], &answer["error"]["code"]), (&id, &json!(code)), "{line}: {answer}");
    }
    assert!(client.ask(&modern(9, "server/discover", json!({}))).await["result"].is_object());
}

#[tokio::test]
async fn requests_run_side_by_side_and_are_cancelled_one_by_one() {
    let house = House::start().await;
    let mut client = Client::begun(&house, "2025-11-25").await;
    client.send(&modern("m", "tools/call", json!({ "name": "hang" }))).await;
    house.server.hanging.notified().await;
    client.send(&tool("l", "hang")).await;
    house.server.hanging.notified().await;
    let again = client.ask(&modern("m", "tools/call", json!({ "name": "echo" }))).await;
    assert_eq!((&again["id"], &again["error"]["code"]), (&json!("m"), &json!(-32600)), "the id is in use");
    for id in ["m", "l"] {
        client.send(&cancelled(id)).await;
        house.server.dropped.notified().await;
    }
    client.send(&cancelled("unknown")).await;
    assert_eq!(client.ask(&tool(3, "echo")).await["id"], 3);
    for id in 10..30 {
        client.send(&modern(id, "tools/call", json!({ "name": "echo" }))).await;
    }
    let mut answered = Vec::new();
    while answered.len() < 20 {
        answered.push(client.heard().await.unwrap()["id"].as_u64().unwrap());
    }
    answered.sort_unstable();
    assert_eq!(answered, (10..30).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_legacy_client_is_asked_on_its_line() {
    let house = House::start().await;
    let mut client = Client::begun(&house, "2025-11-25").await;
    let question = client.ask(&tool(1, "ask")).await;
    assert_eq!(question["method"], "roots/list");
    let answer = json!({ "jsonrpc": "2.0", "id": question["id"], "result": { "roots": [] } });
    assert_eq!(client.ask(&answer).await["result"]["said"], r#"{"roots":[]}"#);
}

#[tokio::test]
async fn a_subscription_is_heard_until_it_is_cancelled_or_the_input_ends() {
    let house = House::start().await;
    let mut client = Client::of(&house, Limits::default());
    let listen = |id: &str| {
        modern(id, "subscriptions/listen", json!({ "notifications": { "toolsListChanged": true, "then": "hang" } }))
    };
    for id in ["a", "b"] {
        let acknowledged = client.ask(&listen(id)).await;
        assert_eq!(acknowledged["method"], "notifications/subscriptions/acknowledged");
        assert_eq!(acknowledged["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], id);
    }
    client.send(&cancelled("a")).await;
    house.server.dropped.notified().await;
    client.leave().await;
    house.server.dropped.notified().await;
    let rest = client.rest().await;
    assert!(rest.iter().all(|message| message["id"] == "b"), "{rest:?}");
}

#[tokio::test]
async fn what_was_asked_before_the_input_ended_is_answered() {
    let house = House::start().await;
    let mut client = Client::of(&house, Limits::default());
    client.send(&modern(1, "tools/call", json!({ "name": "wait" }))).await;
    // The last line of a file often lacks its end.
    client.write(&modern(2, "tools/call", json!({ "name": "echo" })).to_string()).await;
    client.leave().await;
    assert_eq!(client.heard().await.unwrap()["id"], 2);
    house.server.release.add_permits(1);
    assert_eq!(client.rest().await[0]["id"], 1);
}

#[tokio::test]
async fn what_has_not_ended_by_the_drain_deadline_is_cut() {
    let house = House::start().await;
    let mut client = Client::of(&house, Limits { drain: Duration::from_millis(20), ..Limits::default() });
    client.send(&modern(1, "tools/call", json!({ "name": "hang" }))).await;
    house.server.hanging.notified().await;
    client.leave().await;
    assert!(client.rest().await.is_empty());
    house.server.dropped.notified().await;
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_what_runs() {
    let house = House::start().await;
    let mut client = Client::begun(&house, "2025-11-25").await;
    for message in [tool(1, "hang"), modern(1, "tools/call", json!({ "name": "hang" }))] {
        client.send(&message).await;
        house.server.hanging.notified().await;
    }
    client.shutdown.cancel();
    let Client { output, served, .. } = client;
    timeout(PATIENCE, served).await.expect("it does not end").unwrap();
    drop(output);
    assert_eq!(house.journal.outcomes.lock().unwrap().iter().filter(|(_, outcome)| *outcome == "cancelled").count(), 2);
}

#[tokio::test]
async fn a_client_that_no_longer_reads_ends_it() {
    let house = House::start().await;
    let mut client = Client::of(&house, Limits::default());
    client.send(&modern(1, "tools/call", json!({ "name": "flood" }))).await;
    let Client { input, output, served, .. } = client;
    drop((input, output));
    timeout(PATIENCE, served).await.expect("it does not end").unwrap();
    house.server.dropped.notified().await;
}
