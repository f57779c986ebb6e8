//! What servers have asked a client in the middle of its calls, until the client answers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cardea_chain::{Answerer, Ask};
use cardea_message::{ErrorObject, Id, Response, error};

use crate::session::Session;

/// The open asks of one session, by their ids.
#[derive(Debug, Default)]
pub(crate) struct Questions(Mutex<HashMap<u64, Open>>);

#[derive(Debug)]
struct Open {
    ask: Ask,
    /// The client's id of the call it belongs to.
    call: Id,
}

/// Asks that may be open in one session.
const MOST: usize = 64;

impl Questions {
    /// Keeps an ask of a call. False if there is no room for it.
    fn keep(&self, call: &Id, ask: Ask) -> bool {
        let mut open = self.open();
        open.retain(|_, open| !open.ask.is_withdrawn());
        if open.len() >= MOST {
            return false;
        }
        open.insert(ask.id, Open { ask, call: call.clone() });
        true
    }

    /// Hands an answer to the ask it is for. False for one that was never asked, is answered already, or whose call is over.
    pub(crate) fn answer(&self, response: &Response) -> bool {
        let id = response.id.as_ref().and_then(Id::as_number);
        let Some(open) = id.and_then(|id| self.open().remove(&id)) else { return false };
        open.ask.answer(response.result().ok_or_else(|| {
            let error = response.error().and_then(|error| ErrorObject::parse(&error).ok());
            error.unwrap_or_else(|| ErrorObject::new(error::INTERNAL, "The client's error cannot be read"))
        }));
        true
    }

    /// A call is over: what was asked in the middle of it is refused.
    pub(crate) fn forget(&self, call: &Id) {
        let over: Vec<_> = self.open().extract_if(|_, open| open.call == *call).collect();
        drop(over);
    }

    fn open(&self) -> MutexGuard<'_, HashMap<u64, Open>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The client of one call in a session, as somebody who can be asked.
pub(crate) struct Caller {
    pub(crate) session: Arc<Session>,
    pub(crate) call: Id,
}

impl Answerer for Caller {
    fn keep(&self, ask: Ask) -> bool {
        self.session.questions.keep(&self.call, ask)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use cardea_message::{Message, Method, compose};

    use super::*;

    fn ask() -> (Ask, tokio::sync::oneshot::Receiver<cardea_chain::Answered>) {
        Ask::new(Method::ROOTS_LIST, None)
    }

    fn response(bytes: bytes::Bytes) -> Response {
        match Message::parse(bytes).unwrap() {
            Message::Response(response) => response,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn an_answer_is_taken_once_and_only_for_what_was_asked() {
        let questions = Questions::default();
        let (ask, answered) = ask();
        let id = Id::number(ask.id);
        assert!(questions.keep(&Id::number(1), ask));
        let answer = response(compose::result(&id, br#"{"roots":[]}"#));
        assert!(!questions.answer(&response(compose::result(&Id::number(u64::MAX), b"{}"))));
        assert!(!questions.answer(&response(compose::result(&Id::parse(br#""a""#).unwrap(), b"{}"))));
        assert!(questions.answer(&answer));
        assert!(!questions.answer(&answer), "a duplicate");
        assert_eq!(answered.await.unwrap().unwrap(), r#"{"roots":[]}"#);
    }

    #[tokio::test]
    async fn an_error_is_an_answer_and_the_end_of_the_call_a_refusal() {
        let questions = Questions::default();
        let ((first, rejected), (second, refused)) = (ask(), ask());
        let id = Id::number(first.id);
        assert!(questions.keep(&Id::number(1), first) && questions.keep(&Id::number(2), second));
        assert!(questions.answer(&response(compose::error(Some(&id), &ErrorObject::new(-1, "User rejected")))));
        assert_eq!(rejected.await.unwrap().unwrap_err().code, -1);
        questions.forget(&Id::number(2));
        assert!(refused.await.is_err());
    }

    #[test]
    fn open_asks_are_bounded_and_those_taken_back_do_not_count() {
        let questions = Questions::default();
        let call = Id::number(1);
        let mut waiting: Vec<_> = (0..MOST)
            .map(|_| {
                let (ask, answered) = ask();
                assert!(questions.keep(&call, ask));
                answered
            })
            .collect();
        assert!(!questions.keep(&call, ask().0), "that is one too many");
        waiting.pop();
        let (ask, _answered) = ask();
        assert!(questions.keep(&call, ask));
    }
}
