//! Calls of legacy clients whose modern server wants to know something first: the gateway asks the client in the middle of
//! the call, and makes the call again with the answers, until it is done.

use std::sync::Arc;

use bytes::Bytes;
use cardea_chain::{Answered, Ask, Call, Event, Exchange, Fault};
use cardea_message::{Method, Pointer, Response, json};
use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use tokio::sync::oneshot;

use crate::introduction::Introduction;
use crate::session::Session;
use crate::translate;
use crate::wire::{Connection, Incoming, Said, ended_early};

/// How often a call is made again, and how much one result may ask.
const ROUNDS: usize = 8;
const ASKS: usize = 16;

/// A call as its server goes through it, round by round.
struct Rounds<C> {
    session: Arc<Session<C>>,
    /// The call as the client made it.
    call: Arc<Call>,
    /// The id of the present round.
    id: u64,
    events: Said,
    /// Rounds that have ended with questions.
    asked: usize,
    /// Questions still to be put to the client.
    asks: Vec<Ask>,
    next: Option<Next>,
}

/// What the next round takes.
struct Next {
    /// `requestState` as the server wrote it.
    state: Option<Bytes>,
    answers: Vec<(String, oneshot::Receiver<Answered>)>,
}

/// Follows a call to its end.
pub(crate) fn follow<C: Connection>(session: &Arc<Session<C>>, call: &Arc<Call>, id: u64, first: Incoming) -> Exchange {
    let rounds = Rounds {
        session: Arc::clone(session),
        call: Arc::clone(call),
        id,
        events: first.into_events(),
        asked: 0,
        asks: Vec::new(),
        next: None,
    };
    Exchange::Open(
        stream::unfold(Some(rounds), |rounds| async {
            let mut rounds = rounds?;
            match rounds.step().await {
                Ok(end @ Event::End(_)) => Some((Ok(end), None)),
                Ok(event) => Some((Ok(event), Some(rounds))),
                Err(fault) => Some((Err(fault), None)),
            }
        })
        .boxed(),
    )
}

/// Whether a result is a question.
pub(crate) fn is_question(response: &Response) -> bool {
    response.result().is_some_and(|result| translate::wants_input(&result))
}

impl<C: Connection> Rounds<C> {
    async fn step(&mut self) -> Result<Event, Fault> {
        loop {
            if let Some(ask) = self.asks.pop() {
                return Ok(Event::Ask(ask));
            }
            if let Some(next) = self.next.take() {
                self.again(next).await?;
            }
            let event = self.events.next().await.ok_or_else(|| ended_early(self.session.blame()))?;
            match event {
                Ok(Event::End(response)) if is_question(&response) => self.question(&response)?,
                event => {
                    if let Some(event) = self.session.event(event, self.id, &self.call) {
                        return event;
                    }
                }
            }
        }
    }

    fn question(&mut self, response: &Response) -> Result<(), Fault> {
        let blame = self.session.blame();
        self.asked += 1;
        if self.asked > ROUNDS {
            return Err(blame.bad_reply(format!("it still asks after {ROUNDS} rounds")));
        }
        let result = response.result().unwrap_or_default();
        json::check(&result).map_err(|fault| blame.bad_reply(format!("what it asks is not sound JSON: {fault}")))?;
        let part = |key: &str| json::member(&result, key).map(|span| result.slice(span));
        let state = part("requestState");
        let requests = part("inputRequests").unwrap_or(Bytes::from_static(b"{}"));
        let requests_by_key =
            json::members(&requests).ok_or_else(|| blame.bad_reply("`inputRequests` is no object"))?;
        if requests_by_key.len() > ASKS || (requests_by_key.is_empty() && state.is_none()) {
            return Err(blame.bad_reply(format!("one result asks {} questions", requests_by_key.len())));
        }
        let may = Introduction::of(&self.call.client);
        let mut answers = Vec::new();
        for (key, span) in requests_by_key {
            let (ask, answered) = asked(&requests.slice(span));
            if !may.allows(&ask) {
                return Err(blame.cannot_ask());
            }
            self.asks.push(ask);
            answers.push((key.into_owned(), answered));
        }
        self.asks.reverse();
        self.next = Some(Next { state, answers });
        Ok(())
    }

    /// Waits for the answers, and makes the call once more with them.
    async fn again(&mut self, next: Next) -> Result<(), Fault> {
        let (keys, waiting): (Vec<_>, Vec<_>) = next.answers.into_iter().unzip();
        let mut responses = b"{".to_vec();
        for (key, answered) in keys.iter().zip(join_all(waiting).await) {
            let Ok(Ok(answer)) = answered else { return Err(self.session.blame().unanswered()) };
            responses.extend_from_slice(if responses.len() > 1 { b"," } else { b"" });
            responses.extend_from_slice(&translate::quoted(key));
            responses.push(b':');
            responses.extend_from_slice(&answer);
        }
        responses.push(b'}');
        let params = with(self.call.params(), "inputResponses", Some(&responses))
            .and_then(|params| with(&params, "requestState", next.state.as_deref()));
        let params = params.ok_or_else(|| self.session.blame().bad_reply("its state nests too deep"))?;
        let call = Arc::new(Call { params: Some(params.into()), ..(*self.call).clone() });
        let (id, incoming) = self.session.send(&call).await.map_err(|failure| failure.fault)?;
        self.id = id;
        self.events = incoming.into_events();
        Ok(())
    }
}

/// A question as a message of its own asks it.
fn asked(request: &Bytes) -> (Ask, oneshot::Receiver<Answered>) {
    let method = Method::parse(&json::member_str(request, "method").unwrap_or_default());
    let params = json::member(request, "params").map(|span| request.slice(span));
    let params = params.map(|params| match json::member_str(&params, "mode").as_deref() {
        // The session versions want a name for what happens behind the URL.
        Some("url") if json::member(&params, "elicitationId").is_none() => {
            let id = translate::quoted(&format!("{:032x}", rand::random::<u128>()));
            with(&params, "elicitationId", Some(&id)).map_or(params, Bytes::from)
        }
        _ => params,
    });
    Ask::new(method, params)
}

/// An object with a member that is set, or taken away.
fn with(object: &[u8], key: &str, value: Option<&[u8]>) -> Option<Vec<u8>> {
    let at = Pointer::root().child(key);
    match value {
        Some(value) => json::set(object, &at, value).ok(),
        None => Some(json::remove(object, &at).unwrap_or_else(|_| object.to_vec())),
    }
}
