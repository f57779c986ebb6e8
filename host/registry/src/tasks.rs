//! Tasks of 2026-07-28 at the endpoint of all servers: a task's id does not say which of them has it, so none of them may
//! begin one.

use bytes::Bytes;
use cardea_message::{Pointer, json, meta};

/// Capabilities of a client without tasks.
pub(crate) fn undeclared(capabilities: &Bytes) -> Bytes {
    if !declared(capabilities) {
        return capabilities.clone();
    }
    json::remove(capabilities, &extension(Pointer::root())).map_or_else(|_| capabilities.clone(), Bytes::from)
}

/// `params` of a request in which a client with these capabilities does not declare tasks.
pub(crate) fn undeclared_in(params: Vec<u8>, capabilities: &[u8]) -> Bytes {
    if !declared(capabilities) {
        return params.into();
    }
    let declaration = extension(Pointer::root().child("_meta").child(meta::CLIENT_CAPABILITIES));
    json::remove(&params, &declaration).unwrap_or(params).into()
}

fn declared(capabilities: &[u8]) -> bool {
    json::member(capabilities, EXTENSIONS).is_some() && json::find(capabilities, &extension(Pointer::root())).is_some()
}

fn extension(capabilities: Pointer) -> Pointer {
    capabilities.child(EXTENSIONS).child("io.modelcontextprotocol/tasks")
}

const EXTENSIONS: &str = "extensions";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_all_extensions_only_tasks_are_left_out() {
        let with = r#"{"roots":{},"extensions":{"io.modelcontextprotocol/tasks":{},"y":{ }}}"#;
        assert_eq!(undeclared(&with.into()), r#"{"roots":{},"extensions":{"y":{ }}}"#);
        let params = |capabilities: &str| {
            format!(r#"{{"a":1.0,"_meta":{{"io.modelcontextprotocol/clientCapabilities":{capabilities}}}}}"#)
        };
        let without = r#"{"roots":{},"extensions":{"y":{ }}}"#;
        assert_eq!(undeclared_in(params(with).into(), with.as_bytes()), params(without));
        for same in ["{}", without, r#"{"extensions":7}"#] {
            assert_eq!(undeclared(&same.into()), same);
            assert_eq!(undeclared_in(params(same).into(), same.as_bytes()), params(same));
        }
    }
}
