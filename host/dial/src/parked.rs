//! Calls of modern clients that a legacy server has put a question in the middle of. The client gets the question as the
//! result of its call, and answers it with the call made again; meanwhile the call waits here.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use cardea_chain::{Ask, Call, Fault, FaultKind, Side};
use cardea_message::{Method, Pointer, json};
use cardea_seal::{Binding, Purpose, Replica, now_ms};
use tokio::time::{Instant, sleep_until};

use crate::session::Session;
use crate::wire::{Connection, Said};

/// Calls that may wait at one address of a server, and how many of them may be one subject's.
const MOST: usize = 1024;
const MOST_OF_A_SUBJECT: usize = 256;

/// A call that waits for its client's answer.
pub(crate) struct Parked<C> {
    /// The session it was made in.
    pub(crate) session: Arc<Session<C>>,
    /// Its id there.
    pub(crate) id: u64,
    /// What the server is going to say, once it goes on.
    pub(crate) events: Said,
    /// What the server wants to know.
    pub(crate) ask: Ask,
    /// The call that got the question as its result.
    pub(crate) call: Arc<Call>,
}

/// Where calls wait. The state a client is given is a sealed ticket: only the subject that made the call finds it by that, and
/// only with the same call.
pub(crate) struct Lot<C> {
    replica: Arc<Replica>,
    parked: Mutex<HashMap<Box<str>, Parked<C>>>,
}

/// What a call that is made again finds.
pub(crate) enum Found<C> {
    /// It brings the answer: the call goes on.
    Answered(Parked<C>, Bytes),
    /// It does not, and hears the question again: a raw result.
    Unanswered(Bytes),
}

/// True if a call is another's continuation.
pub(crate) fn goes_on(call: &Call) -> bool {
    json::member(call.params(), STATE).is_some()
}

/// True for the methods that 2026-07-28 lets ask in their results; the versions before ask in the middle of these as well.
pub(crate) fn may_ask(method: &Method) -> bool {
    [Method::TOOLS_CALL, Method::PROMPTS_GET, Method::RESOURCES_READ].contains(method)
}

impl<C: Connection> Lot<C> {
    pub(crate) fn new(replica: Arc<Replica>) -> Arc<Self> {
        Arc::new(Self { replica, parked: Mutex::default() })
    }

    /// Parks a call and yields the result its client gets: the question. It waits for as long as the whole call may take.
    pub(crate) fn park(self: &Arc<Self>, parked: Parked<C>) -> Result<Bytes, Fault> {
        let place: Box<str> =
            rand::random::<[u8; 16]>().iter().map(|byte| format!("{byte:02x}")).collect::<String>().into();
        let until = parked.call.deadline.latest();
        let left = until.saturating_duration_since(Instant::now()).as_millis();
        let expires_ms = now_ms().saturating_add(u64::try_from(left).unwrap_or(u64::MAX));
        let ticket = self.replica.ticket(&*place, binding(&parked.call), expires_ms);
        let result = question(&parked, &self.replica.seal(Purpose::ParkedCall, &ticket));
        {
            let mut waiting = self.parked();
            let subject = parked.call.subject.key();
            let of_subject = || waiting.values().filter(|other| other.call.subject.key() == subject).count();
            if waiting.len() >= MOST || of_subject() >= MOST_OF_A_SUBJECT {
                return Err(full(&parked));
            }
            waiting.insert(place.clone(), parked);
        }
        let lot = Arc::downgrade(self);
        tokio::spawn(async move {
            sleep_until(until).await;
            if let Some(lot) = lot.upgrade() {
                let late = lot.parked().remove(&place);
                drop(late);
            }
        });
        Ok(result)
    }

    /// Finds the call that another continues. The same subject must make the same call again; to anybody else there is none.
    pub(crate) fn find(&self, call: &Call) -> Result<Found<C>, Fault> {
        let state = json::member_str(call.params(), STATE).unwrap_or_default();
        let ticket = self.replica.open(Purpose::ParkedCall, &state).map_err(|why| unknown(&why))?;
        if ticket.bound_to != binding(call) {
            return Err(unknown(&"it was given to another subject, or for another call"));
        }
        let gone = || unknown(&"it was answered, given up or never here");
        let mut waiting = self.parked();
        let parked = waiting.get(&*ticket.place).ok_or_else(gone)?;
        let answer = Pointer::root().child(ANSWERS).child(&key(&parked.ask));
        let answer = json::find(call.params(), &answer).map(|span| Bytes::copy_from_slice(&call.params()[span]));
        match answer.filter(|answer| answer.starts_with(b"{")) {
            None => Ok(Found::Unanswered(question(parked, &state))),
            Some(answer) => {
                let parked = waiting.remove(&*ticket.place).ok_or_else(gone)?;
                Ok(Found::Answered(parked, answer))
            }
        }
    }

    /// Gives up every call that waits.
    pub(crate) fn clear(&self) {
        let waiting = std::mem::take(&mut *self.parked());
        drop(waiting);
    }

    fn parked(&self) -> MutexGuard<'_, HashMap<Box<str>, Parked<C>>> {
        self.parked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const STATE: &str = "requestState";
const ANSWERS: &str = "inputResponses";

/// The `input_required` result that holds an ask.
fn question<C: Connection>(parked: &Parked<C>, state: &str) -> Bytes {
    let ask = &parked.ask;
    let mut request = format!(r#"{{"method":"{}""#, ask.method).into_bytes();
    if let Some(params) = &ask.params {
        // Versions after 2025-11-25 tell the end of an elicitation in another way, without an id.
        let without_id = json::remove(params, &Pointer::root().child("elicitationId"));
        request.extend_from_slice(br#","params":"#);
        request.extend_from_slice(without_id.as_deref().unwrap_or(params));
    }
    request.push(b'}');
    let mut result =
        format!(r#"{{"resultType":"input_required","requestState":"{state}","inputRequests":{{"{}":"#, key(ask))
            .into_bytes();
    result.extend_from_slice(&request);
    result.push(b'}');
    if let Some(meta) = parked.session.server_meta() {
        result.extend_from_slice(br#","_meta":"#);
        result.extend_from_slice(&meta);
    }
    result.push(b'}');
    result.into()
}

/// The key of an ask among a result's. It names its round, so that an answer to an earlier one is not taken for its own.
fn key(ask: &Ask) -> String {
    let kind = ask.method.as_str().split('/').next().unwrap_or_default();
    format!("{kind}-{}", ask.id)
}

/// What makes a call the same call when it is made again: who makes it, where, and all it says but the answers.
fn binding(call: &Call) -> Binding {
    let name = call.native_name.as_deref().unwrap_or_default();
    let arguments = arguments(call).map(|value| value.to_string());
    Binding::to(&[
        call.subject.key().as_bytes(),
        call.endpoint.as_bytes(),
        call.method.as_str().as_bytes(),
        name.as_bytes(),
        arguments.as_deref().unwrap_or_default().as_bytes(),
    ])
}

/// By value: a client that makes its call again may write it another way.
fn arguments(call: &Call) -> Option<serde_json::Value> {
    json::member(call.params(), "arguments").and_then(|span| serde_json::from_slice(&call.params()[span]).ok())
}

/// One wording for a state that was never given, was given to somebody else, was used, or was given for another call.
fn unknown(why: &dyn std::fmt::Display) -> Fault {
    let outside = "`requestState` names no call of yours that waits for an answer; make the call again without it";
    Fault::new(
        Side::Client,
        FaultKind::InvalidParams,
        outside,
        format!("a call continues one that is not parked here: {why}"),
    )
}

fn full<C: Connection>(parked: &Parked<C>) -> Fault {
    let outside = "Too many calls wait for their clients' answers";
    let inside =
        format!("{} has asked, and there is no place for one more parked call", parked.session.blame().server());
    Fault::new(Side::House, FaultKind::Overloaded, outside, inside)
}
