//! Calls that need answers of the client before theirs: asked for in a result, given with the next try (2026-07-28).

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
pub(crate) struct Try<'a> {
    /// Its answers.
    pub(crate) responses: Option<&'a InputResponses>,
    /// The state it was given the last time.
    pub(crate) state: Option<&'a str>,
    /// Whom it can ask.
    pub(crate) capabilities: ClientCapabilities,
}

impl Rounds {
    /// Asks, asks again for what is missing, goes on to the next round, or ends.
    pub(crate) fn play(&self, this: &Try, catalog: &Catalog, codec: &RequestStateCodec) -> Result<Turn, ErrorData> {
        let round = match this.state.filter(|_| self.sealed) {
            Some(state) => self.answered(this, open(state, codec)?),
            None if self.sealed => 0,
            None => self.answered(this, 0),
        };
        let Some(asks) = self.asks.get(round) else {
            return Ok(Turn::Done(fill::text(&self.then, &json!(this.responses))));
        };
        let state = self.sealed.then(|| codec.seal_json(&round)).transpose().map_err(internal)?;
        let mut requests = InputRequests::new();
        for name in asks {
            let request = catalog.ask(name, &Value::Null)?;
            if can_answer(&this.capabilities, &request) {
                requests.insert(name.clone(), request);
            }
        }
        Ok(Turn::Ask(InputRequiredResult::new(Some(requests), state)))
    }

    /// The round after this one if the client answered all it was asked, else the same again.
    fn answered(&self, this: &Try, round: usize) -> usize {
        let answer = |name: &String| this.responses.and_then(|responses| responses.get(name));
        let all =
            self.asks.get(round).is_some_and(|asks| asks.iter().all(|name| answer(name).is_some_and(Value::is_object)));
        round + usize::from(all)
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

fn internal(error: impl ToString) -> ErrorData {
    ErrorData::internal_error(error.to_string(), None)
}
