//! Calls that need answers of the client before theirs. Since 2026-07-28 they ask in a result and get the answers with the next
//! try; before, they ask in the middle of the call.

use rmcp::ErrorData;
use rmcp::model::{
    ClientCapabilities, InputRequest, InputRequests, InputRequiredResult, InputResponses, RequestStateCodec,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::catalog::Catalog;
use crate::fill;

/// What one tool or prompt needs to know.
#[derive(Deserialize)]
pub(crate) struct Rounds {
    /// Round by round, the names of its questions.
    asks: Vec<Vec<String>>,
    /// Whether it counts its rounds in a sealed state that the client carries. Without one there is one round.
    #[serde(default)]
    sealed: bool,
    /// What it says in the end, with places for the answers.
    then: String,
}

/// How a try ends.
pub(crate) enum Turn {
    /// With questions.
    Ask(InputRequiredResult),
    /// With what the call came for.
    Done(String),
}

/// One try: what the client sent, and what it can do.
pub(crate) struct Try {
    /// The call's arguments.
    pub(crate) arguments: Value,
    /// Its answers.
    pub(crate) responses: Option<InputResponses>,
    /// The state it was given the last time.
    pub(crate) state: Option<String>,
    /// Whom it can ask.
    pub(crate) capabilities: ClientCapabilities,
}

impl Rounds {
    /// Asks, asks again for what is missing, goes on to the next round, or ends.
    pub(crate) fn play(&self, this: &Try, catalog: &Catalog, codec: &RequestStateCodec) -> Result<Turn, ErrorData> {
        let last = match this.state.as_deref().filter(|_| self.sealed) {
            Some(state) => Some(open(state, codec)?),
            None => (!self.sealed).then_some(0),
        };
        let round = match last {
            Some(round) => round + usize::from(this.has_answered(&self.requests(round, this, catalog)?)),
            None => 0,
        };
        if round == self.asks.len() {
            return Ok(Turn::Done(fill::text(&self.then, &json!(this.responses))));
        }
        let state = self.sealed.then(|| codec.seal_json(&round)).transpose().map_err(internal)?;
        Ok(Turn::Ask(InputRequiredResult::new(Some(self.requests(round, this, catalog)?), state)))
    }

    /// The questions of a round that this client can answer; it must be one at least.
    fn requests(&self, round: usize, this: &Try, catalog: &Catalog) -> Result<InputRequests, ErrorData> {
        let mut requests = InputRequests::new();
        for name in self.asks.get(round).into_iter().flatten() {
            let request = catalog.ask(name, &this.arguments)?;
            if can_answer(&this.capabilities, &request) {
                requests.insert(name.clone(), request);
            }
        }
        if requests.is_empty() {
            return Err(ErrorData::missing_required_client_capability(who_can_answer()));
        }
        Ok(requests)
    }
}

impl Try {
    /// What is no object is no answer to anything a server may ask.
    fn has_answered(&self, requests: &InputRequests) -> bool {
        let answer = |name: &String| self.responses.as_ref().and_then(|responses| responses.get(name));
        requests.keys().all(|name| answer(name).is_some_and(Value::is_object))
    }
}

/// The round that was asked last. What a client carries may have been tampered with.
fn open(state: &str, codec: &RequestStateCodec) -> Result<usize, ErrorData> {
    codec.open_json(state).map_err(|_| ErrorData::invalid_params("requestState is not one this server gave", None))
}

fn can_answer(capabilities: &ClientCapabilities, request: &InputRequest) -> bool {
    match request {
        InputRequest::CreateMessage(_) => capabilities.sampling.is_some(),
        InputRequest::Elicitation(_) => capabilities.elicitation.is_some(),
        InputRequest::ListRoots(_) => capabilities.roots.is_some(),
        _ => false,
    }
}

fn who_can_answer() -> ClientCapabilities {
    ClientCapabilities::builder().enable_elicitation().enable_sampling().enable_roots().build()
}

fn internal(error: impl ToString) -> ErrorData {
    ErrorData::internal_error(error.to_string(), None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounds() -> Rounds {
        Rounds { asks: vec![vec!["step1".into()], vec!["step2".into()]], sealed: true, then: "{step2/x}".into() }
    }

    fn play(
        rounds: &Rounds,
        state: Option<String>,
        responses: Value,
        can: ClientCapabilities,
    ) -> Result<Turn, ErrorData> {
        let responses = serde_json::from_value(responses).unwrap();
        let this = Try { arguments: Value::Null, responses, state, capabilities: can };
        rounds.play(&this, &Catalog::read().unwrap(), &RequestStateCodec::try_new([7; 32]).unwrap())
    }

    fn asked(turn: Result<Turn, ErrorData>) -> (Vec<String>, Option<String>) {
        let Ok(Turn::Ask(ask)) = turn else { panic!("it did not ask") };
        (ask.input_requests.unwrap().into_keys().collect(), ask.request_state)
    }

    #[test]
    fn a_round_is_asked_until_it_is_answered_and_the_next_one_then() {
        let (names, first) = asked(play(&rounds(), None, Value::Null, who_can_answer()));
        assert_eq!(names, ["step1"]);
        let (names, again) = asked(play(&rounds(), first.clone(), json!({ "step1": 7 }), who_can_answer()));
        assert_eq!((names, again), (vec!["step1".to_owned()], first.clone()));
        let (names, second) = asked(play(&rounds(), first, json!({ "step1": {} }), who_can_answer()));
        assert_eq!(names, ["step2"]);
        let done = play(&rounds(), second, json!({ "step2": { "x": "end" } }), who_can_answer());
        assert!(matches!(done, Ok(Turn::Done(text)) if text == "end"));
    }

    #[test]
    fn a_state_of_somebody_else_is_refused() {
        assert!(play(&rounds(), Some("forged".into()), json!({ "step1": {} }), who_can_answer()).is_err());
    }

    #[test]
    fn only_what_the_client_can_answer_is_asked() {
        let rounds =
            Rounds { asks: vec![vec!["user_name".into(), "greeting".into()]], sealed: false, then: "all".into() };
        let sampling = ClientCapabilities::builder().enable_sampling().build();
        assert_eq!(asked(play(&rounds, None, Value::Null, sampling.clone())).0, ["greeting"]);
        assert!(matches!(play(&rounds, None, json!({ "greeting": {} }), sampling), Ok(Turn::Done(_))));
        assert!(play(&rounds, None, Value::Null, ClientCapabilities::default()).is_err());
    }
}
