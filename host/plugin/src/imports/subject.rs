//! `subject`: who makes the current call.

use cardea_chain::{Import, Subject};
use wasmtime::Result;

use crate::bindings::cardea::plugin::subject::{Caller, Host};
use crate::documents;
use crate::guest::Guest;

impl Host for Guest {
    fn current(&mut self) -> Result<Option<Caller>> {
        self.of_subject(|subject| Some(subject.into()))
    }

    fn id(&mut self) -> Result<String> {
        self.of_subject(|subject| subject.id.clone())
    }

    fn tenant(&mut self) -> Result<String> {
        self.of_subject(|subject| subject.tenant.clone())
    }

    fn key(&mut self) -> Result<String> {
        self.of_subject(Subject::key)
    }

    fn roles(&mut self) -> Result<Vec<String>> {
        self.of_subject(|subject| subject.roles.clone())
    }

    fn groups(&mut self) -> Result<Vec<String>> {
        self.of_subject(|subject| subject.groups.clone())
    }

    fn scopes(&mut self) -> Result<Vec<String>> {
        self.of_subject(|subject| subject.scopes.clone())
    }

    fn claim(&mut self, pointer: String) -> Result<Option<String>> {
        self.of_subject(|subject| documents::get(subject.claims_json.as_ref()?.as_bytes(), &pointer))
    }
}

impl Guest {
    fn of_subject<T: Default>(&mut self, read: impl FnOnce(&Subject) -> T) -> Result<T> {
        self.charge(Import::Subject)?;
        // A subject without an id is nobody: no authenticator's finding gets this far without one.
        let subject = self.visit.call.as_ref().map(|call| &*call.subject).filter(|subject| !subject.id.is_empty());
        Ok(subject.map(read).unwrap_or_default())
    }
}
