//! What servers ask in the middle of a call, between all pairs of eras.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use cardea_chain::{Ask, Call, Deadline, FaultKind, Subject};
use cardea_dial::{ChildServer, ChildSpec, HttpServer, HttpSpec, SessionPolicy};
use cardea_message::ErrorObject;
use common::fake_http::{Events, FakeHttp, Reply, Seen, event};
use common::{able, answering, ask, legacy_in, modern, told, tool};
use serde_json::{Value, json};
use tokio::sync::Notify;

fn dial(fake: &FakeHttp) -> HttpServer {
    HttpServer::new(HttpSpec::new("fake", fake.url.clone())).unwrap()
}

/// A call's stream, its id, and the answers so far.
type UnderWay = (Events, Value, Vec<Value>);

/// A legacy server whose tool asks one thing after the other under the ids `q0`, `q1`, …, and ends with all answers.
async fn asking(asks: Vec<Value>) -> FakeHttp {
    let under_way = Arc::<Mutex<Option<UnderWay>>>::default();
    FakeHttp::start(move |seen| {
        let reply = match seen.method() {
            "server/discover" => seen.error(-32601, "unknown").status(400),
            "initialize" => seen.initialized("s"),
            "tools/call" => {
                let (reply, events) = Reply::events();
                events.send(event(&question(&asks, 0))).unwrap();
                *under_way.lock().unwrap() = Some((events, seen.id().clone(), Vec::new()));
                reply
            }
            "" if seen.http == http::Method::POST => {
                if let Some((events, id, answers)) = &mut *under_way.lock().unwrap() {
                    answers.push(seen.body.clone());
                    let next = match answers.len() < asks.len() {
                        true => question(&asks, answers.len()),
                        false => json!({ "jsonrpc": "2.0", "id": id, "result": { "answers": answers } }),
                    };
                    // Nobody may be left to hear it.
                    let _ = events.send(event(&next));
                }
                Reply::empty(202)
            }
            _ => Reply::empty(202),
        };
        async { reply }
    })
    .await
}

fn question(asks: &[Value], number: usize) -> Value {
    let mut params = asks[number]["params"].clone();
    params["_meta"] = json!({ "progressToken": number });
    json!({ "jsonrpc": "2.0", "id": format!("q{number}"), "method": asks[number]["method"], "params": params })
}

fn form() -> Value {
    json!({ "method": "elicitation/create", "params": { "message": "Who?", "requestedSchema": { "type": "object" } } })
}

fn sample() -> Value {
    json!({ "method": "sampling/createMessage", "params": { "messages": [], "maxTokens": 1 } })
}

fn all() -> Value {
    json!({ "elicitation": {}, "sampling": {}, "roots": { "listChanged": true }, "experimental": {} })
}

fn accept(ask: Ask) {
    ask.answer(Ok(r#"{"action":"accept"}"#.into()));
}

fn old_client() -> Call {
    able(legacy_in("c1", "tools/call", json!({ "name": "t" })), all())
}

fn new_client() -> Call {
    able(tool("t", json!({ "a": 1, "b": 2 })), all())
}

/// The same call made again, with an answer to the one thing that was asked.
fn again(asked: &Value, answer: &Value) -> Call {
    let key = asked["inputRequests"].as_object().unwrap().keys().next().unwrap().clone();
    let params = json!({
        "name": "t", "arguments": { "b": 2, "a": 1 },
        "requestState": asked["requestState"], "inputResponses": { key: answer, "other": {} },
    });
    able(modern("tools/call", params), all())
}

async fn asked(server: &HttpServer) -> Value {
    told(server, new_client()).await.result()
}

#[tokio::test]
// proves: elicitation, form | legacy | legacy | passes
// proves: sampling | legacy | legacy | passes
async fn a_legacy_client_answers_a_legacy_server_under_the_servers_own_id() {
    let fake = asking(vec![form(), sample()]).await;
    let said = answering(&dial(&fake), old_client(), accept).await.unwrap();
    assert_eq!(said.asks.len(), 2);
    assert_eq!((&said.asks[0]["method"], &said.asks[0]["params"]), (&form()["method"], &form()["params"]));
    assert_ne!(said.asks[0]["id"], said.asks[1]["id"]);
    let accepted = |id: &str| json!({ "jsonrpc": "2.0", "id": id, "result": { "action": "accept" } });
    assert_eq!(said.result()["answers"], json!([accepted("q0"), accepted("q1")]));
    let initialize = fake.wait_for(|seen| seen.method() == "initialize").await;
    let declared = json!({ "elicitation": {}, "sampling": {}, "roots": {} });
    assert_eq!(initialize.body["params"]["capabilities"], declared, "the client's own, as far as they are bridged");
    let answer = fake.wait_for(|seen| seen.body["id"] == "q0").await;
    assert_eq!(answer.header("mcp-session-id"), Some("s"));
}

#[tokio::test]
async fn what_is_not_declared_is_refused_and_a_session_of_many_declares_nothing() {
    for (policy, capabilities) in [(SessionPolicy::Client, json!({ "sampling": {} })), (SessionPolicy::Subject, all())]
    {
        let fake = asking(vec![form()]).await;
        let server = HttpServer::new(HttpSpec { session: policy, ..HttpSpec::new("fake", fake.url.clone()) }).unwrap();
        let said = answering(&server, able(old_client(), capabilities.clone()), accept).await.unwrap();
        assert_eq!((said.asks.len(), &said.result()["answers"][0]["error"]["code"]), (0, &json!(-32601)));
        let initialize = fake.wait_for(|seen| seen.method() == "initialize").await;
        let declared = if policy == SessionPolicy::Client { capabilities } else { json!({}) };
        assert_eq!(initialize.body["params"]["capabilities"], declared);
    }
}

#[tokio::test]
async fn an_error_of_the_client_reaches_the_server_and_so_does_its_silence() {
    let fake = asking(vec![form(), form()]).await;
    let mut answers = vec![None, Some(ErrorObject::new(-1, "User rejected"))];
    let person = |ask: Ask| match answers.pop().unwrap() {
        Some(error) => ask.answer(Err(error)),
        None => drop(ask),
    };
    let said = answering(&dial(&fake), old_client(), person).await.unwrap();
    let codes = [0, 1].map(|at| said.result()["answers"][at]["error"]["code"].clone());
    assert_eq!(codes, [json!(-1), json!(-32601)]);
}

#[tokio::test]
async fn a_server_can_take_its_question_back() {
    let fake = FakeHttp::start(|seen| async move {
        match seen.method() {
            "server/discover" => seen.error(-32601, "unknown").status(400),
            "initialize" => seen.initialized("s"),
            "tools/call" => {
                let (reply, events) = Reply::events();
                let cancel = |id: &str| json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": id } });
                for said in [question(&[form()], 0), cancel("nobody-asked"), cancel("q0")] {
                    events.send(event(&said)).unwrap();
                }
                events.send(event(&json!({ "jsonrpc": "2.0", "id": seen.id(), "result": {} }))).unwrap();
                reply
            }
            _ => Reply::empty(202),
        }
    })
    .await;
    let mut kept = Vec::new();
    let said = answering(&dial(&fake), old_client(), |ask| kept.push(ask)).await.unwrap();
    assert_eq!(said.notifications.len(), 1, "{:?}", said.notifications);
    assert_eq!(said.notifications[0]["params"]["requestId"], said.asks[0]["id"]);
    common::until(|| kept[0].is_withdrawn()).await;
}

/// A legacy server that asks on the session's own stream, and answers its one call in JSON.
async fn asking_beside() -> FakeHttp {
    let (stream, answered) = (Arc::<Mutex<Option<Events>>>::default(), Arc::new(Notify::new()));
    FakeHttp::start(move |seen| {
        let (stream, answered) = (Arc::clone(&stream), Arc::clone(&answered));
        async move {
            match seen.method() {
                "server/discover" => seen.error(-32601, "unknown").status(400),
                "initialize" => seen.initialized("s"),
                "tools/call" if seen.body["params"]["name"] == "quiet" => std::future::pending().await,
                "tools/call" => {
                    stream.lock().unwrap().as_ref().unwrap().send(event(&question(&[form()], 0))).unwrap();
                    answered.notified().await;
                    seen.result(json!({ "done": 1 }))
                }
                "" if seen.http == http::Method::GET => {
                    let (reply, events) = Reply::events();
                    *stream.lock().unwrap() = Some(events);
                    reply
                }
                "" if seen.http == http::Method::POST => {
                    answered.notify_one();
                    Reply::empty(202)
                }
                _ => Reply::empty(202),
            }
        }
    })
    .await
}

#[tokio::test]
async fn what_a_server_asks_beside_its_calls_is_put_to_the_one_that_runs() {
    let fake = asking_beside().await;
    let server = dial(&fake);
    let said = answering(&server, old_client(), accept).await.unwrap();
    assert_eq!((said.asks.len(), &said.result()["done"]), (1, &json!(1)));
    let get = fake.wait_for(|seen| seen.http == http::Method::GET).await;
    assert_eq!(get.header("mcp-session-id"), Some("s"));
    let answer = fake.wait_for(|seen| seen.body["id"] == "q0").await;
    assert_eq!(answer.body["result"], json!({ "action": "accept" }));

    let quiet = able(legacy_in("c1", "tools/call", json!({ "name": "quiet" })), all());
    let both = async {
        fake.wait_for(|seen| seen.body["params"]["name"] == "quiet").await;
        ask(&server, old_client()).await.unwrap().asks.len()
    };
    tokio::select! {
        _ = ask(&server, quiet) => panic!("it never answers"),
        asks = both => assert_eq!(asks, 0, "whose question it is, nobody knows"),
    }
}

#[tokio::test]
// proves: roots | legacy | legacy | passes
async fn a_process_asks_the_client_whose_call_alone_runs() {
    let mut spec = ChildSpec::new("fake", "python3");
    spec.args = vec![concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fake_server.py").into(), "legacy".into()];
    spec.env = vec![("PATH".into(), std::env::var("PATH").unwrap())];
    let server = ChildServer::new(spec);
    let call = able(legacy_in("c1", "tools/call", json!({ "name": "ask" })), json!({ "roots": {} }));
    let said = answering(&server, call, |ask| ask.answer(Ok(r#"{"roots":[]}"#.into()))).await.unwrap();
    let answers: Value = serde_json::from_str(&said.text()).unwrap();
    assert_eq!(answers[0], json!({ "jsonrpc": "2.0", "id": 0, "result": {} }), "a ping is nobody's but ours");
    assert_eq!(answers[1], json!({ "jsonrpc": "2.0", "id": "q", "result": { "roots": [] } }));
    server.shut().await;
}

#[tokio::test]
// proves: elicitation, URL (2025-11-25 and later) | modern | legacy | translated
async fn a_modern_client_gets_the_question_as_its_result_and_answers_with_the_call_made_again() {
    let url = json!({ "mode": "url", "message": "Log in", "url": "https://a", "elicitationId": "e" });
    let fake = asking(vec![form(), json!({ "method": "elicitation/create", "params": url })]).await;
    let server = dial(&fake);
    let capabilities = json!({ "elicitation": { "form": {}, "url": {} } });
    let first = told(&server, able(new_client(), capabilities.clone())).await.result();
    assert_eq!(first["resultType"], "input_required");
    let requests: Vec<_> = first["inputRequests"].as_object().unwrap().values().collect();
    assert_eq!(requests, [&form()]);
    let second =
        told(&server, able(again(&first, &json!({ "action": "accept" })), capabilities.clone())).await.result();
    assert_ne!(second["requestState"], first["requestState"]);
    let requests: Vec<_> = second["inputRequests"].as_object().unwrap().values().collect();
    let bare = json!({ "mode": "url", "message": "Log in", "url": "https://a" });
    assert_eq!(requests, [&json!({ "method": "elicitation/create", "params": bare })]);
    let last = told(&server, able(again(&second, &json!({ "action": "decline" })), capabilities)).await.result();
    let actions = [0, 1].map(|at| last["answers"][at]["result"]["action"].clone());
    assert_eq!((actions, &last["resultType"]), ([json!("accept"), json!("decline")], &json!("complete")));
    assert_eq!(fake.methods().iter().filter(|method| *method == "tools/call").count(), 1, "the server hears one call");
}

#[tokio::test]
async fn a_state_is_good_once_for_the_one_who_got_it_and_for_the_call_it_came_from() {
    let fake = asking(vec![form()]).await;
    let server = dial(&fake);
    let first = asked(&server).await;
    let yes = json!({ "action": "accept" });
    let mut foreign = again(&first, &yes);
    foreign.subject = Arc::new(Subject { id: "mallory".into(), ..Subject::default() });
    let mut elsewhere = again(&first, &yes);
    elsewhere.endpoint = "/servers/fake/mcp".into();
    let mut tampered = first.clone();
    tampered["requestState"] = json!(format!("{}x", first["requestState"].as_str().unwrap()));
    let mut other = again(&first, &yes);
    other.native_name = Some("u".into());
    let mut others = again(&first, &yes);
    others.params = Some(String::from_utf8_lossy(others.params()).replace(r#""a":1"#, r#""a":2"#).into());
    for refused in [foreign, elsewhere, again(&tampered, &yes), other, others] {
        let fault = ask(&server, refused).await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::InvalidParams, "{fault}");
    }
    let unanswered = ask(&server, again(&first, &json!("yes"))).await.unwrap().json();
    assert_eq!(unanswered, first, "what is no answer is asked for again");
    assert!(told(&server, again(&first, &yes)).await.result()["answers"].is_array());
    assert_eq!(ask(&server, again(&first, &yes)).await.unwrap_err().kind, FaultKind::InvalidParams, "it is used");
}

#[tokio::test]
async fn parked_calls_are_bounded_in_time_and_number() {
    let fake = asking(vec![form()]).await;
    let server = dial(&fake);
    let mut call = new_client();
    call.deadline = Deadline::new(Duration::from_millis(300), Duration::from_millis(300));
    let late = told(&server, call).await.result();
    fake.wait_for(|seen| seen.method() == "notifications/cancelled").await;
    let fault = ask(&server, again(&late, &json!({}))).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::InvalidParams, "{fault}");
    for _ in 0..256 {
        asked(&server).await;
    }
    assert_eq!(ask(&server, new_client()).await.unwrap_err().kind, FaultKind::Overloaded);
    let mut bob = new_client();
    bob.subject = Arc::new(Subject { id: "bob".into(), ..Subject::default() });
    assert_eq!(told(&server, bob).await.result()["resultType"], "input_required", "others have places of their own");
}

/// A modern server that asks in rounds, and counts them in its state.
async fn asking_in_rounds(rounds: u64) -> FakeHttp {
    FakeHttp::start(move |seen| async move {
        if seen.method() == "server/discover" {
            return seen.discovered();
        }
        let round = seen.body["params"]["requestState"].as_str().map_or(0, |state| state.parse().unwrap());
        if round >= rounds {
            return seen.result(json!({ "resultType": "complete", "heard": seen.body["params"]["inputResponses"] }));
        }
        let url = json!({ "method": "elicitation/create", "params": { "mode": "url", "url": "https://a" } });
        let requests = if round == 0 { json!({ "say": sample(), "who": form() }) } else { json!({ "go": url }) };
        let state = (round + 1).to_string();
        seen.result(json!({ "resultType": "input_required", "requestState": state, "inputRequests": requests }))
    })
    .await
}

fn able_to_all() -> Call {
    able(old_client(), json!({ "elicitation": { "form": {}, "url": {} }, "sampling": {} }))
}

#[tokio::test]
// proves: elicitation, form | legacy | modern | translated
// proves: sampling | legacy | modern | translated
// proves: elicitation, URL (2025-11-25 and later) | legacy | modern | translated
async fn a_legacy_client_is_asked_in_the_middle_of_a_call_what_a_modern_server_asks_in_results() {
    let fake = asking_in_rounds(2).await;
    let said = answering(&dial(&fake), able_to_all(), accept).await.unwrap();
    let methods: Vec<_> = said.asks.iter().map(|ask| ask["method"].as_str().unwrap()).collect();
    assert_eq!(methods, ["sampling/createMessage", "elicitation/create", "elicitation/create"]);
    assert!(said.asks[2]["params"]["elicitationId"].is_string(), "which the session versions want");
    assert_eq!(said.result()["heard"], json!({ "go": { "action": "accept" } }));
    let calls: Vec<Seen> = fake.seen().into_iter().filter(|seen| seen.method() == "tools/call").collect();
    let answers: Vec<_> = calls.iter().map(|seen| &seen.body["params"]["inputResponses"]).collect();
    let yes = json!({ "action": "accept" });
    assert_eq!(answers, [&Value::Null, &json!({ "who": yes, "say": yes }), &json!({ "go": yes })]);
    assert_ne!(calls[0].id(), calls[1].id());
    assert_eq!(
        calls[0].body["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"],
        json!({ "elicitation": { "form": {}, "url": {} }, "sampling": {} })
    );
}

#[tokio::test]
async fn rounds_end_where_the_client_does_not_answer_may_not_be_asked_or_would_never_be_done() {
    let fault = |rounds, call, person: fn(Ask)| async move {
        let fake = asking_in_rounds(rounds).await;
        answering(&dial(&fake), call, person).await.unwrap_err().kind
    };
    assert_eq!(fault(1, able_to_all(), drop).await, FaultKind::InvalidParams);
    assert_eq!(
        fault(1, old_client(), |ask| ask.answer(Err(ErrorObject::new(-1, "no")))).await,
        FaultKind::InvalidParams
    );
    assert_eq!(fault(2, old_client(), accept).await, FaultKind::BadReply, "a URL it cannot open");
    assert_eq!(fault(99, able_to_all(), accept).await, FaultKind::BadReply);
}

#[tokio::test]
// proves: the error that a URL has to be visited first (`-32042`, 2025-11-25) | modern | legacy | translated
async fn a_url_that_a_call_needs_first_is_asked_for_as_a_modern_client_knows_it() {
    let url = json!({ "mode": "url", "message": "Log in", "url": "https://a", "elicitationId": "e" });
    let fake = FakeHttp::start(move |seen| {
        let reply = match seen.method() {
            "server/discover" => seen.error(-32601, "unknown").status(400),
            "initialize" => seen.initialized("s"),
            "tools/call" if seen.body["params"]["arguments"]["visited"] == true => {
                seen.result(json!({ "content": [] }))
            }
            "tools/call" => {
                let error = json!({ "code": -32042, "message": "Log in first", "data": { "elicitations": [url] } });
                Reply::json(json!({ "jsonrpc": "2.0", "id": seen.id(), "error": error }).to_string())
            }
            _ => Reply::empty(202),
        };
        async { reply }
    })
    .await;
    let server = dial(&fake);
    let able_to_visit = || json!({ "elicitation": { "url": {} } });
    let first = told(&server, able(new_client(), able_to_visit())).await.result();
    assert_eq!((&first["resultType"], first.get("requestState")), (&json!("input_required"), None));
    let requests: Vec<_> = first["inputRequests"].as_object().unwrap().values().collect();
    let bare = json!({ "mode": "url", "message": "Log in", "url": "https://a" });
    assert_eq!(requests, [&json!({ "method": "elicitation/create", "params": bare })]);

    let again =
        modern("tools/call", json!({ "name": "t", "arguments": { "visited": true }, "inputResponses": { "x": {} } }));
    assert_eq!(told(&server, able(again, able_to_visit())).await.result()["resultType"], "complete");
    let last = fake.seen().into_iter().rev().find(|seen| seen.method() == "tools/call").unwrap();
    assert!(last.body["params"].get("inputResponses").is_none(), "which this server knows nothing of");

    let told_plainly = told(&server, able(new_client(), json!({ "elicitation": { "form": {} } }))).await.json();
    assert_eq!(told_plainly["error"]["code"], -32042, "who cannot be asked hears the error");
}
