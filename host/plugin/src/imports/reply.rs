//! `reply`: the reply to the current call, and edits of it.

use bytes::Bytes;
use cardea_chain::{Answer, Hook, Import, Origin, Role};
use wasmtime::Result;

use crate::bindings::cardea::plugin::reply::{Host, Producer};
use crate::bindings::cardea::plugin::types::{HostError, TextPage};
use crate::documents;
use crate::guest::{Action, Guest, RESULT};

impl Host for Guest {
    fn origin(&mut self) -> Result<Producer> {
        self.charge(Import::Reply)?;
        Ok(match self.visit.reply.as_ref().map(|reply| reply.origin) {
            Some(Origin::Stage) => Producer::Stage,
            Some(Origin::House) => Producer::House,
            Some(Origin::Server) | None => Producer::Server,
        })
    }

    fn is_error(&mut self) -> Result<bool> {
        self.charge(Import::Reply)?;
        Ok(self.visit.reply.as_ref().is_some_and(|reply| reply.is_error()))
    }

    fn is_tool_error(&mut self) -> Result<bool> {
        let is_result = !self.is_error()?;
        Ok(is_result && documents::get(&self.document(), "/isError").as_deref() == Some("true"))
    }

    fn error_code(&mut self) -> Result<Option<i32>> {
        let code = if self.is_error()? { documents::get(&self.document(), "/code") } else { None };
        Ok(code.and_then(|code| code.parse().ok()))
    }

    fn size(&mut self) -> Result<u64> {
        self.charge(Import::Reply)?;
        Ok(self.document().len() as u64)
    }

    fn get(&mut self, pointer: String) -> Result<Option<String>> {
        self.charge(Import::Reply)?;
        Ok(self.read_reply(&pointer, documents::get))
    }

    fn get_many(&mut self, pointers: Vec<String>) -> Result<Vec<Option<String>>> {
        for _ in &pointers {
            self.charge(Import::Reply)?;
        }
        Ok(pointers.iter().map(|pointer| self.read_reply(pointer, documents::get)).collect())
    }

    fn text(&mut self, pointer: String) -> Result<Option<String>> {
        self.charge(Import::Reply)?;
        Ok(self.read_reply(&pointer, documents::text))
    }

    fn set(&mut self, pointer: String, json: String) -> Result<Result<(), HostError>> {
        self.edit_reply(&[&pointer], Action::Replace, |document| documents::set(&document, &pointer, &json))
    }

    fn remove(&mut self, pointer: String) -> Result<Result<(), HostError>> {
        self.edit_reply(&[&pointer], Action::Remove, |document| documents::remove(&document, &pointer))
    }

    fn texts(&mut self, cursor: u32) -> Result<TextPage> {
        self.charge(Import::Reply)?;
        let mut page = documents::texts(&self.document(), cursor);
        page.leaves.retain(|leaf| self.facts.allowed.read.covers_reply(&leaf.pointer));
        Ok(page)
    }

    fn set_texts(&mut self, edits: Vec<(String, String)>) -> Result<Result<(), HostError>> {
        let pointers: Vec<&str> = edits.iter().map(|(pointer, _)| pointer.as_str()).collect();
        self.edit_reply(&pointers, Action::Replace, |document| documents::set_texts(document, &edits))
    }
}

impl Guest {
    /// A value of the reply, if the stage may read it; else it is as if it were not there.
    fn read_reply<T>(&mut self, pointer: &str, read: fn(&[u8], &str) -> Option<T>) -> Option<T> {
        if self.facts.allowed.read.covers_reply(pointer) { read(&self.document(), pointer) } else { None }
    }

    fn edit_reply(
        &mut self,
        pointers: &[&str],
        action: Action,
        edit: impl FnOnce(Bytes) -> Result<Bytes, HostError>,
    ) -> Result<Result<(), HostError>> {
        self.charge(Import::Reply)?;
        if let Err(denied) = self.may_edit_reply(pointers) {
            return Ok(Err(denied));
        }
        pointers.iter().try_for_each(|pointer| self.check_edit(RESULT, pointer, action))?;
        Ok(edit(self.document()).map(|document| {
            self.effects.reply = Some(document);
            self.effects.edited.extend(pointers.iter().map(|pointer| (*pointer).to_owned()));
        }))
    }

    fn may_edit_reply(&self, pointers: &[&str]) -> Result<(), HostError> {
        let denied = |why: String| Err(HostError::Denied(why));
        if !matches!(self.visit.hook, Some(Hook::Reply | Hook::Message)) || self.facts.role != Role::Content {
            return denied("replies are edited by the role `content`, in `on-reply` and `on-message`".to_owned());
        }
        let answer = self.visit.reply.as_ref().map(|reply| &reply.answer);
        if matches!(answer, Some(Answer::Refused(_) | Answer::Failed(_))) {
            return denied("refusals and faults are worded by the gateway".to_owned());
        }
        let is_fixed = |pointer: &&&str| {
            let within =
                |whole: &str| pointer.strip_prefix(whole).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
            // By these a message is known to those it is for.
            let names = self.visit.passing.is_some() && (within("/progressToken") || within("/requestId"));
            pointer.is_empty() || within("/_meta") || names
        };
        match pointers.iter().find(is_fixed) {
            Some(other) => denied(format!("`{other}` is not for stages to edit")),
            None => Ok(()),
        }
    }
}
