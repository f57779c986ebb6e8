//! Obligations: conditions under which a rights stage lets a call pass. A call that ends with an open one is refused.

use std::sync::Arc;

use crate::redaction::Redaction;

/// Conditions one call may have.
const MOST: usize = 32;
/// Bytes of one condition's parameters.
const MOST_BYTES: usize = 16 << 10;
/// Bytes of one condition's kind.
const MOST_KIND: usize = 64;

/// What must be done, as a stage words it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    kind: String,
    json: String,
    work: Work,
}

/// Who does it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// The house, on the arguments, on the reply, or on both.
    Redact(Redaction),
    /// The house, which puts the sentence into the record.
    Tell(String),
    /// A stage that understands the kind.
    Elsewhere,
}

/// A condition of one call.
#[derive(Clone, Debug)]
pub struct Duty {
    /// Names it within the call.
    pub id: u32,
    /// The stage that set it.
    pub stage: Arc<str>,
    /// What must be done.
    pub condition: Arc<Condition>,
    open: bool,
}

/// The conditions of one call, in the order in which they were set.
#[derive(Clone, Debug, Default)]
pub struct Duties(Option<Arc<Vec<Duty>>>);

impl Condition {
    /// Reads a condition. The kinds `mask`, `remove` and `reason` are the house's own and must have its parameters; any other
    /// is for a stage to fulfil. The error is a sentence for the author of the stage.
    pub fn read(kind: String, json: String) -> Result<Self, String> {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !(1..=MOST_KIND).contains(&kind.len()) || !kind.bytes().all(fits) {
            return Err(format!("a kind has 1 to {MOST_KIND} characters of a-z, 0-9 and `-`"));
        }
        if json.len() > MOST_BYTES {
            return Err(format!("the parameters have {} bytes; at most {MOST_BYTES} are kept", json.len()));
        }
        cardea_message::json::check(json.as_bytes()).map_err(|fault| format!("the parameters are no JSON: {fault}"))?;
        let work = match &*kind {
            "mask" => Work::Redact(Redaction::mask(&json)?),
            "remove" => Work::Redact(Redaction::remove(&json)?),
            "reason" => Work::Tell(sentence(&json)?),
            _ => Work::Elsewhere,
        };
        Ok(Self { kind, json, work })
    }

    /// What must be done, in one word.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Its parameters.
    pub fn json(&self) -> &str {
        &self.json
    }

    /// True if the house fulfils it, and nobody else can.
    pub fn is_of_house(&self) -> bool {
        self.work != Work::Elsewhere
    }

    pub(crate) fn work(&self) -> &Work {
        &self.work
    }
}

impl Duties {
    /// The conditions that are still open.
    pub fn open(&self) -> impl Iterator<Item = &Duty> {
        self.all().iter().filter(|duty| duty.open)
    }

    /// The id that the next one will have.
    pub fn next_id(&self) -> u32 {
        self.all().len() as u32
    }

    /// Whether the call may have so many more.
    pub fn has_room_for(&self, more: usize) -> bool {
        self.all().len() + more <= MOST
    }

    /// The condition that a stage has set in these very words.
    pub fn id_of(&self, stage: &str, condition: &Condition) -> Option<u32> {
        let is_it = |duty: &&Duty| *duty.stage == *stage && *duty.condition == *condition;
        self.all().iter().find(is_it).map(|duty| duty.id)
    }

    /// Adds one, and says under which id.
    pub fn add(&mut self, stage: &Arc<str>, condition: Arc<Condition>) -> u32 {
        let id = self.next_id();
        let duty = Duty { id, stage: Arc::clone(stage), condition, open: true };
        Arc::make_mut(self.0.get_or_insert_default()).push(duty);
        id
    }

    pub(crate) fn close(&mut self, id: u32) {
        let all = self.0.as_mut().map(Arc::make_mut);
        if let Some(duty) = all.and_then(|all| all.get_mut(id as usize)) {
            duty.open = false;
        }
    }

    /// Closes what stages say they have done; what is the house's to do stays open.
    pub(crate) fn close_of_stages(&mut self, ids: &[u32]) {
        for id in ids {
            if self.all().get(*id as usize).is_some_and(|duty| !duty.condition.is_of_house()) {
                self.close(*id);
            }
        }
    }

    fn all(&self) -> &[Duty] {
        self.0.as_deref().map_or(&[], Vec::as_slice)
    }
}

fn sentence(json: &str) -> Result<String, String> {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Reason {
        text: String,
    }
    let reason: Reason =
        serde_json::from_str(json).map_err(|fault| format!("`reason` takes {{\"text\": …}}: {fault}"))?;
    Ok(reason.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: &str, json: &str) -> Result<Condition, String> {
        Condition::read(kind.to_owned(), json.to_owned())
    }

    #[test]
    fn what_the_house_does_must_be_worded_as_it_understands_it() {
        assert!(read("mask", r#"{"call":["/arguments/a"]}"#).is_ok_and(|condition| condition.is_of_house()));
        assert!(read("reason", r#"{"text":"because"}"#).is_ok_and(|condition| condition.is_of_house()));
        assert!(read("approval", r#"{"by":"anyone"}"#).is_ok_and(|condition| !condition.is_of_house()));
        let long = format!("\"{}\"", "x".repeat(MOST_BYTES));
        for (kind, json) in
            [("mask", "{}"), ("reason", "{}"), ("reason", r#"{"text":1}"#), ("Mask", "{}"), ("", "{}"), ("x", "{")]
        {
            assert!(read(kind, json).is_err(), "{kind} {json}");
        }
        assert!(read("x", &long).is_err());
    }

    #[test]
    fn a_stage_closes_what_is_its_to_do_and_nothing_of_the_house() {
        let mut duties = Duties::default();
        let stage = "policy".into();
        for (kind, json) in [("mask", r#"{"reply":["/a"]}"#), ("approval", "{}")] {
            duties.add(&stage, Arc::new(read(kind, json).unwrap()));
        }
        duties.close_of_stages(&[0, 1, 7]);
        assert_eq!(duties.open().map(|duty| duty.id).collect::<Vec<_>>(), [0]);
        assert!(duties.has_room_for(MOST - 2) && !duties.has_room_for(MOST - 1));
    }
}
