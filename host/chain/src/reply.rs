//! What comes back for a call.

use bytes::Bytes;
use cardea_message::{Message, Method, Outcome, Response, Splice, compose};

use crate::{Fault, FaultKind, Refusal, Side, Wording};

/// The end of a call.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Who produced it.
    pub origin: Origin,
    /// What it is.
    pub answer: Answer,
}

/// Who produced a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The server.
    Server,
    /// A stage.
    Stage,
    /// The gateway.
    House,
}

/// The content of a reply.
#[derive(Clone, Debug)]
pub enum Answer {
    /// The server's own message, its id still the gateway's.
    Message(Response),
    /// A result without a message around it, raw JSON.
    Result(Bytes),
    /// A stage said no. The wording table turns it into an error.
    Refused(Refusal),
    /// Something failed. The wording table turns it into an error.
    Failed(Fault),
}

impl Reply {
    /// The server's own message.
    pub fn from_server(response: Response) -> Self {
        Self { origin: Origin::Server, answer: Answer::Message(response) }
    }

    /// A result the gateway composed.
    pub fn from_house(result: impl Into<Bytes>) -> Self {
        Self { origin: Origin::House, answer: Answer::Result(result.into()) }
    }

    /// A result a stage gave.
    pub fn from_stage(result: impl Into<Bytes>) -> Self {
        Self { origin: Origin::Stage, answer: Answer::Result(result.into()) }
    }

    /// A refusal.
    pub fn refused(refusal: Refusal) -> Self {
        Self { origin: Origin::Stage, answer: Answer::Refused(refusal) }
    }

    /// True for anything but a result.
    pub fn is_error(&self) -> bool {
        match &self.answer {
            Answer::Message(response) => response.result().is_none(),
            Answer::Result(_) => false,
            Answer::Refused(_) | Answer::Failed(_) => true,
        }
    }

    /// The raw result, if it is one.
    pub fn result(&self) -> Option<Bytes> {
        match &self.answer {
            Answer::Message(response) => response.result(),
            Answer::Result(result) => Some(result.clone()),
            Answer::Refused(_) | Answer::Failed(_) => None,
        }
    }

    /// The raw `result` or `error`: what pointers of `on-reply` start at.
    pub fn document(&self, method: &Method, name: Option<&str>) -> Bytes {
        match &self.answer {
            Answer::Message(response) => response.result().or_else(|| response.error()).unwrap_or_default(),
            Answer::Result(result) => result.clone(),
            Answer::Refused(refusal) => Wording::of_refusal(refusal, method, name).error.to_json(),
            Answer::Failed(fault) => Wording::of_fault(fault).error.to_json(),
        }
    }

    /// The same reply with another `result` or `error`. A server's message keeps every byte around it.
    pub fn with_document(self, document: Bytes) -> Self {
        let Self { origin, answer } = self;
        let answer = match answer {
            Answer::Message(response) => {
                let span = match &response.outcome {
                    Outcome::Result(span) | Outcome::Error(span) => span.clone(),
                };
                let spliced = Splice::new(response.bytes().clone()).replace(span, document).into_bytes();
                match Message::parse_reply(spliced) {
                    Ok(Message::Response(edited)) => Answer::Message(edited),
                    _ => Answer::Failed(Fault::new(
                        Side::Stage,
                        FaultKind::StageFailed,
                        "The reply could not be processed",
                        "a stage's edit left a reply that is not a JSON-RPC response",
                    )),
                }
            }
            Answer::Result(_) => Answer::Result(document),
            unedited @ (Answer::Refused(_) | Answer::Failed(_)) => unedited,
        };
        Self { origin, answer }
    }

    /// The whole JSON-RPC message for the client under the client's id, in pieces.
    pub fn into_message(self, id: &cardea_message::Id, method: &Method, name: Option<&str>) -> Vec<Bytes> {
        match self.answer {
            Answer::Message(response) => response.with_id(id).into_pieces(),
            Answer::Result(result) => vec![compose::result(id, &result)],
            Answer::Refused(refusal) => {
                vec![compose::error(Some(id), &Wording::of_refusal(&refusal, method, name).error)]
            }
            Answer::Failed(fault) => vec![compose::error(Some(id), &Wording::of_fault(&fault).error)],
        }
    }
}

impl From<Fault> for Reply {
    fn from(fault: Fault) -> Self {
        let origin = if fault.side == Side::Stage { Origin::Stage } else { Origin::House };
        Self { origin, answer: Answer::Failed(fault) }
    }
}
