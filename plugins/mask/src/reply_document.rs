//! The reply of a call, or a message before it, as a document that is masked.

use cardea_mask::Document;
use cardea_sdk::{HostError, reply};

/// What the current hook is about.
pub(crate) struct ReplyDocument;

impl Document for ReplyDocument {
    fn size(&self) -> u64 {
        reply::size()
    }

    fn texts(&self, cursor: u32) -> (Vec<(String, String)>, Option<u32>) {
        let page = reply::texts(cursor);
        (page.leaves.into_iter().map(|leaf| (leaf.pointer, leaf.text)).collect(), page.next)
    }

    fn get(&self, pointer: &str) -> Option<String> {
        reply::get(pointer)
    }

    fn set(&self, pointer: &str, json: &str) -> Result<(), String> {
        reply::set(pointer, json).map_err(told)
    }

    fn remove(&self, pointer: &str) -> Result<(), String> {
        reply::remove(pointer).map_err(told)
    }

    fn set_texts(&self, edits: &[(String, String)]) -> Result<(), String> {
        reply::set_texts(edits).map_err(told)
    }

    /// Of a result, of an error and of a log message.
    fn structured(&self) -> &'static [&'static str] {
        &["/structuredContent", "/data"]
    }
}

fn told(error: HostError) -> String {
    error.to_string()
}
