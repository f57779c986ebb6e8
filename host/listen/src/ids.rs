//! Ids the front door gives out: of calls, and of sessions.

use cardea_chain::CallId;
use http::{HeaderMap, HeaderName};

/// Header that carries a call's id both ways.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest id a client may choose.
const LONGEST: usize = 128;

/// The client's own id of the call if it can be shown in logs as it is, else a new one.
pub(crate) fn call_id(headers: &HeaderMap) -> CallId {
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
    match given.filter(|id| presentable(id)) {
        Some(id) => CallId::new(id),
        None => fresh(),
    }
}

/// A new id of a call; sorts by time.
pub(crate) fn fresh() -> CallId {
    let mut buffer = uuid::Uuid::encode_buffer();
    CallId::new(&*uuid::Uuid::now_v7().hyphenated().encode_lower(&mut buffer))
}

/// A new id of a session, for this house: the client gets a sealed ticket to it.
pub(crate) fn session_id() -> String {
    rand::random::<[u8; 24]>().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn presentable(id: &str) -> bool {
    (1..=LONGEST).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn taken(value: &[u8]) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST_ID, http::HeaderValue::from_bytes(value).unwrap());
        call_id(&headers).as_str().as_bytes() == value
    }

    #[test]
    fn only_presentable_ids_of_clients_are_kept() {
        assert!(taken(b"order-17"));
        assert!(!taken(b"two words"));
        assert!(!taken(b""));
        assert!(!taken(&[b'a'; 129]));
        assert!(!taken("äh".as_bytes()));
    }

    #[test]
    fn session_ids_do_not_repeat() {
        assert_ne!(session_id(), session_id());
        assert_eq!(session_id().len(), 48);
    }
}
