//! Guards models against what servers send: hidden characters, texts that instruct, links that carry data away, content of
//! other types and sizes than was meant, and poisoned definitions in lists.

#![allow(
    clippy::result_large_err,
    reason = "a refusal crosses the component boundary by value; boxing it would help nobody"
)]

mod config;
mod hidden;
mod patterns;
mod text;

use std::collections::BTreeSet;

use cardea_sdk::TextLeaf;
use cardea_sdk::prelude::*;

pub use config::Config;
use config::{OnDefinition, Policy};
use text::look;

/// What is looked for and what becomes of it.
pub struct Guard {
    policy: Policy,
}

/// Where lists keep their items.
const LISTS: [(&str, &str); 4] = [
    ("tools/list", "/tools"),
    ("prompts/list", "/prompts"),
    ("resources/list", "/resources"),
    ("resources/templates/list", "/resourceTemplates"),
];
/// Strings of the protocol that are no content: whoever gets them must give them back as they are.
const OPAQUE: [&str; 5] = ["/nextCursor", "/requestState", "/taskId", "/task/taskId", "/progressToken"];

#[cardea_sdk::plugin]
impl Plugin for Guard {
    type Config = Config;

    fn new(config: Config) -> Result<Self, String> {
        Ok(Self { policy: config.into_policy()? })
    }

    fn on_message(&self, kind: MessageKind) -> MessageVerdict {
        // What the client answers is its own.
        if kind == MessageKind::Answer {
            return MessageVerdict::Pass;
        }
        self.guard(None).map_or_else(MessageVerdict::Refuse, |()| MessageVerdict::Pass)
    }

    fn on_reply(&self) -> ReplyVerdict {
        let method = call::method();
        let list = LISTS.iter().find(|(name, _)| *name == method).map(|(_, items)| *items);
        self.guard(list).map_or_else(ReplyVerdict::Refuse, |()| ReplyVerdict::Pass)
    }
}

impl Guard {
    fn guard(&self, list: Option<&'static str>) -> Result<(), Refusal> {
        let size = reply::size();
        if size > self.policy.max_bytes {
            return Err(withheld("it is too large to be checked", format!("{size} bytes")));
        }
        // What the gateway itself words is its own.
        if reply::is_error() && reply::origin() != reply::Producer::Server {
            return Ok(());
        }
        self.check_items()?;
        let mut work = Work { policy: &self.policy, list, edits: Vec::new(), poisoned: BTreeSet::new() };
        let mut cursor = Some(0);
        while let Some(from) = cursor {
            let page = reply::texts(from);
            page.leaves.into_iter().try_for_each(|leaf| work.look_at(leaf))?;
            cursor = page.next;
        }
        work.finish().map_err(|error| withheld("it cannot be made safe", error.to_string()))
    }

    /// Number and types of the content of a tool's result.
    fn check_items(&self) -> Result<(), Refusal> {
        let most = self.policy.max_items;
        if reply::get(&format!("/content/{most}")).is_some() {
            return Err(withheld("it has too many content items", format!("more than {most}")));
        }
        let Some(types) = &self.policy.types else { return Ok(()) };
        let names = (0..most).map_while(|at| reply::text(&format!("/content/{at}/type")));
        match names.into_iter().find(|name| !types.contains(name)) {
            Some(name) => {
                Err(withheld("its content is of a type that may not pass", format!("content of type `{name}`")))
            }
            None => Ok(()),
        }
    }
}

/// What is to become of one document.
struct Work<'a> {
    policy: &'a Policy,
    /// Where its items are, if it is a list.
    list: Option<&'static str>,
    edits: Vec<(String, String)>,
    /// Items that are left out.
    poisoned: BTreeSet<usize>,
}

impl Work<'_> {
    fn look_at(&mut self, TextLeaf { pointer, text }: TextLeaf) -> Result<(), Refusal> {
        if OPAQUE.contains(&pointer.as_str()) || pointer.starts_with("/_meta/") {
            return Ok(());
        }
        let looked = look(&text, self.policy);
        if looked.found.is_empty() {
            return Ok(());
        }
        metric::count("found", 1);
        let found = format!("{pointer}: {}", looked.found.join(", "));
        match (self.item(&pointer), self.policy.definitions) {
            (Some(item), OnDefinition::Drop) => {
                log::warn(&format!("a definition is left out of the list: {found}"));
                self.poisoned.insert(item);
                return Ok(());
            }
            (Some(_), OnDefinition::Refuse) => return Err(withheld("a definition in it is like an attack", found)),
            _ => {}
        }
        if looked.refused.is_some() {
            return Err(withheld("a text in it may not pass", found));
        }
        self.edits.extend(looked.text.map(|text| (pointer, text)));
        Ok(())
    }

    fn finish(mut self) -> Result<(), HostError> {
        let edits = std::mem::take(&mut self.edits);
        let kept = |pointer: &str| self.item(pointer).is_none_or(|item| !self.poisoned.contains(&item));
        let edits: Vec<_> = edits.into_iter().filter(|(pointer, _)| kept(pointer)).collect();
        if !edits.is_empty() {
            reply::set_texts(&edits)?;
        }
        // From the end, so that no place that is still to come moves.
        let list = self.list.unwrap_or_default();
        self.poisoned.iter().rev().try_for_each(|at| reply::remove(&format!("{list}/{at}")))
    }

    fn item(&self, pointer: &str) -> Option<usize> {
        self.list.and_then(|list| item(pointer, list))
    }
}

/// Which item of a list a pointer is in.
fn item(pointer: &str, list: &str) -> Option<usize> {
    pointer.strip_prefix(list)?.strip_prefix('/')?.split('/').next()?.parse().ok()
}

/// What the client is told says why in general; the operator is told where.
fn withheld(why: &str, reason: String) -> Refusal {
    metric::count("refused", 1);
    Refusal::forbidden(format!("The server's message was withheld: {why}.")).reason(reason)
}
