//! `journal`: what of this call's payload the record keeps, and notes of the stage's own.

use cardea_chain::{Import, Include};
use cardea_message::{Pointer, json};
use wasmtime::Result;

use crate::bindings::cardea::plugin::journal::{Document, Host, Treatment};
use crate::bindings::cardea::plugin::types::HostError;
use crate::guest::Guest;

/// Pointers and notes a hook may give.
const MOST: usize = 64;
/// Bytes of one note.
const NOTE_BYTES: usize = 16 << 10;

impl Host for Guest {
    fn include(&mut self, document: Document, pointer: String, treatment: Treatment) -> Result<Result<(), HostError>> {
        self.charge(Import::Journal)?;
        Ok(self.check_record(self.effects.includes.len()).and_then(|()| {
            Pointer::parse(&pointer).map_err(|fault| HostError::Invalid(format!("`{pointer}`: {fault}")))?;
            if treatment != Treatment::Drop && !self.may_read(document, &pointer) {
                return Err(HostError::Denied(format!("`{pointer}` is outside what this stage may read")));
            }
            let (document, treatment) = (document.into(), treatment.into());
            self.effects.includes.push(Include { document, pointer, treatment });
            Ok(())
        }))
    }

    fn note(&mut self, key: String, json: String) -> Result<Result<(), HostError>> {
        self.charge(Import::Journal)?;
        Ok(self.check_record(self.effects.notes.len()).and_then(|()| {
            if key.len() + json.len() > NOTE_BYTES {
                return Err(HostError::TooLarge);
            }
            json::check(json.as_bytes())
                .map_err(|fault| HostError::Invalid(format!("the note is not JSON: {fault}")))?;
            self.effects.notes.push((key, json));
            Ok(())
        }))
    }
}

impl Guest {
    /// What a stage may not read it does not have written down where it could be read.
    fn may_read(&self, document: Document, pointer: &str) -> bool {
        match document {
            Document::Call => self.facts.allowed.read.covers_call(pointer),
            Document::Reply => self.facts.allowed.read.covers_reply(pointer),
        }
    }

    fn check_record(&self, given: usize) -> Result<(), HostError> {
        if self.visit.call.is_none() {
            return Err(HostError::Denied("there is no call to record".to_owned()));
        }
        if given < MOST { Ok(()) } else { Err(HostError::Busy) }
    }
}

impl From<Document> for cardea_chain::Document {
    fn from(document: Document) -> Self {
        match document {
            Document::Call => Self::Call,
            Document::Reply => Self::Reply,
        }
    }
}

impl From<Treatment> for cardea_chain::Treatment {
    fn from(treatment: Treatment) -> Self {
        match treatment {
            Treatment::Keep => Self::Keep,
            Treatment::Hash => Self::Hash,
            Treatment::Drop => Self::Drop,
        }
    }
}
