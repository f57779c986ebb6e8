//! `call`: the call this hook runs for, and edits of its arguments.

use bytes::Bytes;
use cardea_chain::{Call, Hook, Import, Role};
use wasmtime::Result;

use crate::bindings::cardea::plugin::call::Host;
use crate::bindings::cardea::plugin::types::{HostError, TextPage};
use crate::documents;
use crate::guest::{Action, Guest, PARAMS};

/// Headers that carry credentials or stand for a session.
const HIDDEN: [&str; 6] = ["authorization", "proxy-authorization", "cookie", "x-api-key", "api-key", "mcp-session-id"];
/// Parts of header names by which people call credentials of their own.
const HIDDEN_PARTS: [&str; 7] = ["token", "secret", "password", "apikey", "api-key", "credential", "authorization"];

impl Host for Guest {
    fn id(&mut self) -> Result<String> {
        self.of_call(|call| call.id.as_str().to_owned())
    }

    fn method(&mut self) -> Result<String> {
        self.of_call(|call| call.method.as_str().to_owned())
    }

    fn name(&mut self) -> Result<Option<String>> {
        self.of_call(|call| call.name.as_deref().map(str::to_owned))
    }

    fn native_name(&mut self) -> Result<Option<String>> {
        self.of_call(|call| call.native_name.as_deref().map(str::to_owned))
    }

    fn server(&mut self) -> Result<String> {
        self.of_call(|call| call.server.as_deref().unwrap_or_default().to_owned())
    }

    fn endpoint(&mut self) -> Result<String> {
        self.of_call(|call| call.endpoint.as_ref().to_owned())
    }

    fn protocol_version(&mut self) -> Result<String> {
        self.of_call(|call| call.client.version.as_str().to_owned())
    }

    fn header(&mut self, name: String) -> Result<Option<String>> {
        let name = name.to_ascii_lowercase();
        let hidden = is_hidden(&name) || !self.facts.allowed.read.covers_header(&name);
        self.of_call(|call| {
            let value = if hidden { None } else { call.headers.get(&name) };
            value.and_then(|value| value.to_str().ok()).map(str::to_owned)
        })
    }

    fn remaining_ms(&mut self) -> Result<u64> {
        self.of_call(|call| call.deadline.remaining().as_millis() as u64)
    }

    fn size(&mut self) -> Result<u64> {
        self.charge(Import::Call)?;
        let edited = self.effects.params.as_ref();
        let params = edited.or_else(|| self.visit.call.as_ref().and_then(|call| call.params.as_ref()));
        Ok(params.map_or(0, Bytes::len) as u64)
    }

    fn get(&mut self, pointer: String) -> Result<Option<String>> {
        self.charge(Import::Call)?;
        Ok(self.read_param(&pointer, documents::get))
    }

    fn get_many(&mut self, pointers: Vec<String>) -> Result<Vec<Option<String>>> {
        for _ in &pointers {
            self.charge(Import::Call)?;
        }
        Ok(pointers.iter().map(|pointer| self.read_param(pointer, documents::get)).collect())
    }

    fn text(&mut self, pointer: String) -> Result<Option<String>> {
        self.charge(Import::Call)?;
        Ok(self.read_param(&pointer, documents::text))
    }

    fn set(&mut self, pointer: String, json: String) -> Result<Result<(), HostError>> {
        self.edit_params(&[&pointer], Action::Replace, |params| documents::set(params, &pointer, &json))
    }

    fn remove(&mut self, pointer: String) -> Result<Result<(), HostError>> {
        self.edit_params(&[&pointer], Action::Remove, |params| documents::remove(params, &pointer))
    }

    fn texts(&mut self, cursor: u32) -> Result<TextPage> {
        self.charge(Import::Call)?;
        let mut page = documents::texts(self.params(), cursor);
        page.leaves.retain(|leaf| self.facts.allowed.read.covers_call(&leaf.pointer));
        Ok(page)
    }

    fn set_texts(&mut self, edits: Vec<(String, String)>) -> Result<Result<(), HostError>> {
        let pointers: Vec<&str> = edits.iter().map(|(pointer, _)| pointer.as_str()).collect();
        self.edit_params(&pointers, Action::Replace, |params| {
            documents::set_texts(Bytes::copy_from_slice(params), &edits)
        })
    }
}

impl Guest {
    fn of_call<T: Default>(&mut self, read: impl FnOnce(&Call) -> T) -> Result<T> {
        self.charge(Import::Call)?;
        Ok(self.visit.call.as_deref().map(read).unwrap_or_default())
    }

    /// A value of the params, if the stage may read it; else it is as if it were not there.
    fn read_param<T>(&self, pointer: &str, read: fn(&[u8], &str) -> Option<T>) -> Option<T> {
        if self.facts.allowed.read.covers_call(pointer) { read(self.params(), pointer) } else { None }
    }

    fn edit_params(
        &mut self,
        pointers: &[&str],
        action: Action,
        edit: impl FnOnce(&[u8]) -> Result<Bytes, HostError>,
    ) -> Result<Result<(), HostError>> {
        self.charge(Import::Call)?;
        if let Err(denied) = self.may_edit_params(pointers) {
            return Ok(Err(denied));
        }
        pointers.iter().try_for_each(|pointer| self.check_edit(PARAMS, pointer, action))?;
        Ok(edit(self.params()).map(|params| {
            self.effects.params = Some(params);
            self.effects.edited.extend(pointers.iter().map(|pointer| (*pointer).to_owned()));
        }))
    }

    fn may_edit_params(&self, pointers: &[&str]) -> Result<(), HostError> {
        if self.visit.hook != Some(Hook::Call) || self.facts.role != Role::Shape {
            return Err(HostError::Denied("arguments are edited by the role `shape`, in `on-call`".to_owned()));
        }
        match pointers.iter().find(|pointer| !pointer.starts_with("/arguments/")) {
            Some(other) => Err(HostError::Denied(format!("only what is below `/arguments` is edited, not `{other}`"))),
            None => Ok(()),
        }
    }
}

/// Whether a header, in lower case, is none of a stage's business: credentials reach authenticators only.
fn is_hidden(name: &str) -> bool {
    HIDDEN.contains(&name) || HIDDEN_PARTS.iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::is_hidden;

    #[test]
    fn credentials_are_hidden_under_every_usual_name() {
        for name in ["authorization", "cookie", "x-api-key", "mcp-session-id", "x-acme-token", "x-client-secret"] {
            assert!(is_hidden(name), "{name}");
        }
        for name in ["user-agent", "x-request-id", "accept", "x-team"] {
            assert!(!is_hidden(name), "{name}");
        }
    }
}
