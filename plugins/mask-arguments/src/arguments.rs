//! The arguments of the current call as a document that is masked.

use cardea_mask::Document;
use cardea_sdk::{HostError, call};

/// The params of the current call, of which only what is below `/arguments` is looked at.
pub(crate) struct Arguments;

impl Document for Arguments {
    fn size(&self) -> u64 {
        call::size()
    }

    fn texts(&self, cursor: u32) -> (Vec<(String, String)>, Option<u32>) {
        let page = call::texts(cursor);
        let within = page.leaves.into_iter().filter(|leaf| leaf.pointer.starts_with("/arguments/"));
        (within.map(|leaf| (leaf.pointer, leaf.text)).collect(), page.next)
    }

    fn get(&self, pointer: &str) -> Option<String> {
        call::get(pointer)
    }

    fn set(&self, pointer: &str, json: &str) -> Result<(), String> {
        call::set(pointer, json).map_err(told)
    }

    fn remove(&self, pointer: &str) -> Result<(), String> {
        call::remove(pointer).map_err(told)
    }

    fn set_texts(&self, edits: &[(String, String)]) -> Result<(), String> {
        call::set_texts(edits).map_err(told)
    }

    fn structured(&self) -> &'static [&'static str] {
        &["/arguments"]
    }
}

fn told(error: HostError) -> String {
    error.to_string()
}
