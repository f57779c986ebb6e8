//! The record of one call, built while it walks and handed over when it ends, however it ends.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cardea_message::{Pointer, json};
use futures_util::future::BoxFuture;
use serde::Serialize;
use serde_json::{Map, Value, value::RawValue};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use crate::{
    Call, Chain, Document, Effects, End, Fault, Include, Intent, Observer, Reply, Step, Subject, Trace, Treatment,
};

/// Takes the records of a chain. Implemented over the ledger.
pub trait Recorder: Send + Sync + 'static {
    /// Whether a call must be written down before its server is asked.
    fn wants_intents(&self) -> bool {
        false
    }

    /// Takes the intent of a call, and comes back when it is durable.
    fn intend(&self, intent: Box<Intent>) -> BoxFuture<'_, Result<(), Unrecorded>> {
        drop(intent);
        Box::pin(std::future::ready(Ok(())))
    }

    /// Takes a record on the path: waits while the journal's queue is full, and longer if the journal is to be durable first.
    fn record(&self, record: Box<Record>) -> BoxFuture<'_, Result<(), Unrecorded>>;

    /// Takes a record of a call that was dropped; must not wait, counts what it cannot take.
    fn record_now(&self, record: Box<Record>);
}

/// What must be written down before a call goes on could not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unrecorded;

/// One call, as the journal keeps it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// When it came in, milliseconds since the epoch.
    pub at_ms: u64,
    /// Correlation id.
    pub call: String,
    /// Generation of the chain that took it.
    pub generation: u64,
    /// Path of the endpoint.
    pub endpoint: String,
    /// Protocol version of the client.
    pub version: &'static str,
    /// Method, in its modern name; empty if the exchange was refused before its body was read.
    pub method: String,
    /// Name or URI as the client sent it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// Who called.
    pub subject: Arc<Subject>,
    /// Every stage's word, in the order it was given.
    pub steps: Vec<Step>,
    /// `ok`, `tool-error`, `error`, `refused`, `failed`, `cancelled`.
    pub outcome: &'static str,
    /// Whose doing that was: `server`, `stage`, `house`, `client`.
    pub blame: &'static str,
    /// Kind of refusal or fault, or the server's error code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The operator's sentence for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Microseconds from the parsed call to its end.
    pub micros: u64,
    /// Bytes of `params`.
    pub bytes_in: usize,
    /// Bytes of the result or error.
    pub bytes_out: usize,
    /// Payload that stages asked for, by document and pointer.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub payload: Map<String, Value>,
    /// Values of stages' own, by stage and key.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub notes: Map<String, Value>,
}

/// A durable record, as it is handed on: `on-record` and whoever else follows the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the journal; grows by one.
    pub cursor: u64,
    /// The record, one JSON object.
    pub json: String,
}

/// Room for the words of as many hooks as most calls meet.
const STEPS: usize = 16;

/// The record while the call walks. Dropping it unfinished records a cancelled call: the client is gone, the fact is not.
pub(crate) struct Trail {
    /// None while the walk changes the call, and where nobody hears of it.
    call: Option<Arc<Call>>,
    generation: u64,
    recorder: Option<Arc<dyn Recorder>>,
    observer: Option<Arc<dyn Observer>>,
    started: Instant,
    steps: Vec<Step>,
    includes: Vec<Include>,
    notes: Map<String, Value>,
}

impl Trail {
    pub(crate) fn new(call: &Arc<Call>, chain: &Chain, steps: Vec<Step>) -> Self {
        if let Some(observer) = &chain.observer {
            observer.begun();
        }
        Self {
            call: chain.is_heard().then(|| Arc::clone(call)),
            generation: chain.generation,
            recorder: chain.recorder.clone(),
            observer: chain.observer.clone(),
            started: Instant::now(),
            steps,
            includes: Vec::new(),
            notes: Map::new(),
        }
    }

    /// Follows the call: the record shows what room 4 and the stages made of it.
    pub(crate) fn follow(&mut self, call: &Arc<Call>) {
        if self.is_heard() {
            self.call = Some(Arc::clone(call));
        }
    }

    /// Lets go of the call, to be told of it again by [`follow`](Self::follow).
    pub(crate) fn let_go(&mut self) {
        self.call = None;
    }

    pub(crate) fn step(&mut self, step: Step) {
        if self.is_heard() {
            if self.steps.capacity() == 0 {
                self.steps.reserve(STEPS);
            }
            self.steps.push(step);
        }
    }

    pub(crate) fn commit(&mut self, stage: &Arc<str>, effects: &mut Effects) {
        self.includes.append(&mut effects.includes);
        for (key, json) in effects.notes.drain(..) {
            let value = serde_json::from_str(&json).unwrap_or(Value::String(json));
            let of_stage = self.notes.entry(stage.to_string()).or_insert_with(|| Map::new().into());
            if let Value::Object(of_stage) = of_stage {
                of_stage.insert(key, value);
            }
        }
    }

    /// Writes down that the call is about to leave, where the journal wants to know.
    pub(crate) async fn intend(&self) -> Result<(), Fault> {
        match (&self.recorder, &self.call) {
            (Some(recorder), Some(call)) if recorder.wants_intents() => {
                let intent = Intent::of(call, self.generation);
                recorder
                    .intend(Box::new(intent))
                    .await
                    .map_err(|Unrecorded| Fault::unrecorded("The call was not sent, because it cannot be recorded"))
            }
            _ => Ok(()),
        }
    }

    /// Records the end; this stands before the reply leaves. A reply that must not leave unrecorded, and cannot be recorded,
    /// becomes a fault; the observer has heard of the reply as it was.
    pub(crate) async fn finish(mut self, reply: Reply) -> Reply {
        self.tell(Some(&reply));
        let Some(recorder) = self.recorder.take() else { return reply };
        let Some(record) = self.record(Some(&reply)) else { return reply };
        match recorder.record(Box::new(record)).await {
            Ok(()) => reply,
            Err(Unrecorded) => Fault::unrecorded("The answer is withheld, because it cannot be recorded").into(),
        }
    }

    fn is_heard(&self) -> bool {
        self.recorder.is_some() || self.observer.is_some()
    }

    /// Tells the observer how the call ended, once.
    fn tell(&mut self, reply: Option<&Reply>) {
        let (Some(observer), Some(call)) = (self.observer.take(), &self.call) else { return };
        let steps = if self.recorder.is_some() { self.steps.clone() } else { std::mem::take(&mut self.steps) };
        let micros = self.started.elapsed().as_micros() as u64;
        observer.ended(Trace::of(call, self.generation, steps, reply, micros));
    }

    fn record(&mut self, reply: Option<&Reply>) -> Option<Record> {
        let call = self.call.take()?;
        let document = reply.map(|reply| reply.document(&call.method, call.name.as_deref())).unwrap_or_default();
        let End { outcome, blame, detail, reason } = End::of(reply);
        Some(Record {
            at_ms: millis(call.received),
            call: call.id.to_string(),
            generation: self.generation,
            endpoint: call.endpoint.to_string(),
            version: call.client.version.as_str(),
            method: call.method.as_str().to_owned(),
            name: call.name.as_deref().map(str::to_owned),
            server: call.server.as_deref().map(str::to_owned),
            subject: Arc::clone(&call.subject),
            steps: std::mem::take(&mut self.steps),
            outcome,
            blame,
            detail,
            reason,
            micros: self.started.elapsed().as_micros() as u64,
            bytes_in: call.params.as_ref().map_or(0, bytes::Bytes::len),
            bytes_out: document.len(),
            payload: payload(&self.includes, call.params(), &document),
            notes: std::mem::take(&mut self.notes),
        })
    }
}

impl Drop for Trail {
    fn drop(&mut self) {
        self.tell(None);
        if let Some(recorder) = self.recorder.take()
            && let Some(record) = self.record(None)
        {
            recorder.record_now(Box::new(record));
        }
    }
}

fn payload(includes: &[Include], call: &[u8], reply: &[u8]) -> Map<String, Value> {
    let mut payload = Map::new();
    for (document, name, text) in [(Document::Call, "call", call), (Document::Reply, "reply", reply)] {
        let wishes: Vec<_> = includes.iter().filter(|include| include.document == document).collect();
        let mut values = Map::new();
        for wish in &wishes {
            let Ok(pointer) = Pointer::parse(&wish.pointer) else {
                continue;
            };
            let strictest =
                wishes.iter().filter(|other| other.pointer == wish.pointer).map(|other| other.treatment).max();
            let Some(span) = json::find(text, &pointer) else {
                continue;
            };
            match strictest {
                Some(Treatment::Keep) => {
                    let kept = without_stricter(&text[span], &pointer, &wishes);
                    values.insert(wish.pointer.clone(), kept);
                }
                Some(Treatment::Hash) => {
                    values.insert(wish.pointer.clone(), digest(&text[span]).into());
                }
                Some(Treatment::Drop) | None => {}
            }
        }
        if !values.is_empty() {
            payload.insert(name.to_owned(), Value::Object(values));
        }
    }
    payload
}

/// A kept value, less what a longer pointer hashes or drops.
fn without_stricter(value: &[u8], at: &Pointer, wishes: &[&Include]) -> Value {
    let mut text = value.to_vec();
    for wish in wishes.iter().filter(|wish| wish.treatment != Treatment::Keep && wish.pointer != at.as_str()) {
        let Some(rest) = wish.pointer.strip_prefix(at.as_str()).filter(|rest| rest.starts_with('/')) else {
            continue;
        };
        let Ok(inner) = Pointer::parse(rest) else { continue };
        let Some(span) = json::find(&text, &inner) else {
            continue;
        };
        let edited = match wish.treatment {
            Treatment::Hash => json::set(&text, &inner, format!("\"{}\"", digest(&text[span])).as_bytes()),
            _ => json::remove(&text, &inner),
        };
        // A value that must not be written and cannot be cut out takes the whole one with it.
        let Ok(edited) = edited else { return Value::Null };
        text = edited;
    }
    serde_json::from_slice::<Box<RawValue>>(&text)
        .ok()
        .and_then(|raw| serde_json::from_str(raw.get()).ok())
        .unwrap_or(Value::Null)
}

fn digest(value: &[u8]) -> String {
    Sha256::digest(value).iter().fold(String::from("sha256:"), |mut hex, byte| {
        use std::fmt::Write;
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

pub(crate) fn millis(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_millis() as u64
}
