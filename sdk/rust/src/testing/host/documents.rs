//! `call` and `reply`: the two documents a hook reads and edits.

use super::super::document::Document;
use super::super::world::{Edited, World};
use crate::{HostError, TextLeaf, TextPage};

/// Leaves on one page of `texts`.
const PAGE: usize = 16;

fn get(edited: &Edited, pointer: &str) -> Option<String> {
    edited.document.as_ref()?.at(pointer).map(ToString::to_string)
}

fn text(edited: &Edited, pointer: &str) -> Option<String> {
    edited.document.as_ref()?.text(pointer)
}

fn texts(edited: &Edited, cursor: u32) -> TextPage {
    let leaves = edited.document.as_ref().map(Document::leaves).unwrap_or_default();
    let start = cursor as usize;
    let next = start.saturating_add(PAGE);
    TextPage {
        leaves: leaves
            .iter()
            .skip(start)
            .take(PAGE)
            .map(|(pointer, text)| TextLeaf { pointer: pointer.clone(), text: text.clone() })
            .collect(),
        next: u32::try_from(next).ok().filter(|_| next < leaves.len()),
    }
}

fn set(edited: &mut Edited, pointer: &str, json: &str) -> Result<(), HostError> {
    let value = Document::parse(json).map_err(HostError::Invalid)?;
    let document = edited.document.as_mut().ok_or(HostError::NotFound)?;
    document.set(pointer, value).map_err(HostError::Invalid)?;
    edited.changed = true;
    Ok(())
}

fn remove(edited: &mut Edited, pointer: &str) -> Result<(), HostError> {
    let document = edited.document.as_mut().ok_or(HostError::NotFound)?;
    if !document.remove(pointer).map_err(HostError::Invalid)? {
        return Err(HostError::NotFound);
    }
    edited.changed = true;
    Ok(())
}

fn set_texts(edited: &mut Edited, edits: &[(String, String)]) -> Result<(), HostError> {
    let document = edited.document.as_mut().ok_or(HostError::NotFound)?;
    if edits.iter().any(|(pointer, _)| document.text(pointer).is_none()) {
        return Err(HostError::NotFound);
    }
    for (pointer, text) in edits {
        document.set(pointer, Document::Scalar(text.as_str().into())).map_err(HostError::Invalid)?;
    }
    edited.changed |= !edits.is_empty();
    Ok(())
}

/// The call.
#[allow(missing_docs, reason = "documented in wit/call.wit")]
pub mod call {
    use super::super::super::case::Run;
    use super::super::super::given::GivenCall;
    use super::super::super::world::with;
    use super::{HostError, TextPage, World};

    fn read<R: Default>(act: impl FnOnce(&GivenCall) -> R) -> R {
        with(|world| if world.has_call() { act(&world.given.call) } else { R::default() })
    }

    pub fn id() -> String {
        read(|call| call.id.clone())
    }

    pub fn method() -> String {
        read(|call| call.method.clone())
    }

    pub fn name() -> Option<String> {
        read(|call| call.name.clone())
    }

    pub fn native_name() -> Option<String> {
        read(|call| call.native_name.clone().or_else(|| call.name.clone()))
    }

    pub fn server() -> String {
        read(|call| call.server.clone())
    }

    pub fn endpoint() -> String {
        read(|call| call.endpoint.clone())
    }

    pub fn protocol_version() -> String {
        read(|call| call.version.clone())
    }

    pub fn header(name: &str) -> Option<String> {
        read(|call| call.headers.get(&name.to_ascii_lowercase()).cloned())
    }

    pub fn remaining_ms() -> u64 {
        read(|call| if call.remaining_ms == 0 { 30_000 } else { call.remaining_ms })
    }

    pub fn size() -> u64 {
        with(|world| if world.has_call() { world.params.size() } else { 0 })
    }

    pub fn get(pointer: &str) -> Option<String> {
        with(|world| super::get(&world.params, pointer).filter(|_| world.has_call()))
    }

    pub fn get_many(pointers: &[String]) -> Vec<Option<String>> {
        pointers.iter().map(|pointer| get(pointer)).collect()
    }

    pub fn text(pointer: &str) -> Option<String> {
        with(|world| super::text(&world.params, pointer).filter(|_| world.has_call()))
    }

    pub fn texts(cursor: u32) -> TextPage {
        with(|world| super::texts(&world.params, cursor))
    }

    pub fn set(pointer: &str, json: &str) -> Result<(), HostError> {
        with(|world| may_edit(world, pointer).and_then(|()| super::set(&mut world.params, pointer, json)))
    }

    pub fn remove(pointer: &str) -> Result<(), HostError> {
        with(|world| may_edit(world, pointer).and_then(|()| super::remove(&mut world.params, pointer)))
    }

    pub fn set_texts(edits: &[(String, String)]) -> Result<(), HostError> {
        with(|world| {
            edits.iter().try_for_each(|(pointer, _)| may_edit(world, pointer))?;
            super::set_texts(&mut world.params, edits)
        })
    }

    fn may_edit(world: &World, pointer: &str) -> Result<(), HostError> {
        if world.run != Run::OnCall || world.role != "shape" {
            return Err(HostError::Denied("arguments are edited by the role `shape`, in on-call".to_owned()));
        }
        if !pointer.starts_with("/arguments/") {
            return Err(HostError::Denied(format!("`{pointer}` is not below /arguments")));
        }
        Ok(())
    }
}

/// The reply.
#[allow(missing_docs, reason = "documented in wit/reply.wit")]
pub mod reply {
    pub use crate::bindings::base::cardea::plugin::reply::Producer;

    use super::super::super::case::Run;
    use super::super::super::given::{GivenOrigin, GivenReply};
    use super::super::super::world::with;
    use super::{Edited, HostError, TextPage, World};

    fn visible(world: &World) -> Option<&GivenReply> {
        world.given.reply.as_ref().filter(|_| world.in_hook && world.run == Run::OnReply)
    }

    /// What pointers start at: the reply, or what is passing.
    fn document(world: &World) -> Option<&Edited> {
        let has_one = world.run == Run::OnMessage || visible(world).is_some();
        Some(&world.reply).filter(|_| world.in_hook && has_one)
    }

    pub fn origin() -> Producer {
        with(|world| match visible(world).map(|reply| reply.origin) {
            Some(GivenOrigin::Stage) => Producer::Stage,
            Some(GivenOrigin::House) => Producer::House,
            Some(GivenOrigin::Server) | None => Producer::Server,
        })
    }

    pub fn is_error() -> bool {
        with(|world| visible(world).is_some_and(|reply| reply.error.is_some()))
    }

    pub fn is_tool_error() -> bool {
        with(|world| {
            let result = visible(world).is_some_and(|reply| reply.error.is_none());
            result && super::get(&world.reply, "/isError").as_deref() == Some("true")
        })
    }

    pub fn error_code() -> Option<i32> {
        with(|world| {
            visible(world).filter(|reply| reply.error.is_some())?;
            super::get(&world.reply, "/code")?.parse().ok()
        })
    }

    pub fn size() -> u64 {
        with(|world| document(world).map_or(0, Edited::size))
    }

    pub fn get(pointer: &str) -> Option<String> {
        with(|world| super::get(document(world)?, pointer))
    }

    pub fn get_many(pointers: &[String]) -> Vec<Option<String>> {
        pointers.iter().map(|pointer| get(pointer)).collect()
    }

    pub fn text(pointer: &str) -> Option<String> {
        with(|world| super::text(document(world)?, pointer))
    }

    pub fn texts(cursor: u32) -> TextPage {
        with(|world| match document(world) {
            Some(edited) => super::texts(edited, cursor),
            None => TextPage { leaves: Vec::new(), next: None },
        })
    }

    pub fn set(pointer: &str, json: &str) -> Result<(), HostError> {
        with(|world| may_edit(world, pointer).and_then(|()| super::set(&mut world.reply, pointer, json)))
    }

    pub fn remove(pointer: &str) -> Result<(), HostError> {
        with(|world| may_edit(world, pointer).and_then(|()| super::remove(&mut world.reply, pointer)))
    }

    pub fn set_texts(edits: &[(String, String)]) -> Result<(), HostError> {
        with(|world| {
            edits.iter().try_for_each(|(pointer, _)| may_edit(world, pointer))?;
            super::set_texts(&mut world.reply, edits)
        })
    }

    fn may_edit(world: &World, pointer: &str) -> Result<(), HostError> {
        let denied = |why: String| Err(HostError::Denied(why));
        if !matches!(world.run, Run::OnReply | Run::OnMessage) || world.role != "content" {
            return denied("replies are edited by the role `content`, in on-reply and on-message".to_owned());
        }
        let by_house = |reply: &GivenReply| reply.error.is_some() && reply.origin != GivenOrigin::Server;
        if visible(world).is_some_and(by_house) || document(world).is_none() {
            return denied("refusals and faults are worded by the gateway".to_owned());
        }
        if pointer.is_empty() || pointer == "/_meta" || pointer.starts_with("/_meta/") {
            return denied(format!("`{pointer}` is not for stages to edit"));
        }
        Ok(())
    }
}
