//! Messages of our own, as bytes.

use bytes::Bytes;

use crate::{ErrorObject, Id};

/// A request. `params` is the JSON text of an object.
pub fn request(id: &Id, method: &str, params: Option<&[u8]>) -> Bytes {
    let head = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":{}"#, quoted(method));
    with_params(head, params)
}

/// A notification. `params` is the JSON text of an object.
pub fn notification(method: &str, params: Option<&[u8]>) -> Bytes {
    with_params(format!(r#"{{"jsonrpc":"2.0","method":{}"#, quoted(method)), params)
}

/// A response with a result, given as JSON text.
pub fn result(id: &Id, result: &[u8]) -> Bytes {
    closed(format!(r#"{{"jsonrpc":"2.0","id":{id},"result":"#), result)
}

/// A response with an error. Without an id, as for a body whose id could not be read, `id` is null.
pub fn error(id: Option<&Id>, error: &ErrorObject) -> Bytes {
    let id = id.map_or("null", Id::as_json);
    closed(format!(r#"{{"jsonrpc":"2.0","id":{id},"error":"#), &error.to_json())
}

fn with_params(head: String, params: Option<&[u8]>) -> Bytes {
    match params {
        Some(params) => closed(head + r#","params":"#, params),
        None => closed(head, b""),
    }
}

fn closed(head: String, last: &[u8]) -> Bytes {
    let mut text = head.into_bytes();
    text.reserve_exact(last.len() + 1);
    text.extend_from_slice(last);
    text.push(b'}');
    text.into()
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::{Message, Method, error as code};

    #[test]
    fn what_is_composed_is_read_back() {
        let id = Id::parse(br#""a\"b""#).unwrap();
        let params = br#"{"name":"x"}"#;
        let Message::Request(request) = Message::parse(request(&id, "tools/call", Some(params))).unwrap() else {
            panic!()
        };
        assert_eq!(
            (&request.id, &request.method, request.params().unwrap().as_ref()),
            (&id, &Method::TOOLS_CALL, &params[..])
        );
        let Message::Notification(note) = Message::parse(notification("a\"/b", None)).unwrap() else { panic!() };
        assert_eq!((note.method.as_str(), note.params()), ("a\"/b", None));
        let Message::Response(response) = Message::parse(result(&id, b"{}")).unwrap() else { panic!() };
        assert_eq!((response.id.clone(), response.result().as_deref()), (Some(id), Some(&b"{}"[..])));
    }

    #[test]
    fn an_error_without_id_says_null() {
        let text = error(None, &ErrorObject::new(code::PARSE, "no"));
        assert_eq!(text, r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"no"}}"#);
        let Message::Response(response) = Message::parse(text).unwrap() else { panic!() };
        assert_eq!(ErrorObject::parse(&response.error().unwrap()).unwrap().code, code::PARSE);
        assert_eq!(
            response.with_id(&Id::number(3)).into_bytes(),
            error(Some(&Id::number(3)), &ErrorObject::new(code::PARSE, "no"))
        );
    }
}
