//! The JSON this guest writes by hand, because guests in languages without JSON do the same.

use cardea_sdk::prelude::*;

/// `Q(x)`: a text between quotes, nothing escaped.
pub(crate) fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

/// `Q(x)` of a text that may be absent.
pub(crate) fn quoted_or_null(text: Option<&str>) -> String {
    text.map_or_else(null, quoted)
}

/// `J(x)`: JSON text as it is.
pub(crate) fn json_or_null(json: Option<String>) -> String {
    json.unwrap_or_else(null)
}

/// A number that may be absent.
pub(crate) fn number_or_null(number: Option<impl ToString>) -> String {
    number.map_or_else(null, |number| number.to_string())
}

/// A list of what is JSON already.
pub(crate) fn list(values: impl IntoIterator<Item = String>) -> String {
    let values: Vec<String> = values.into_iter().collect();
    format!("[{}]", values.join(","))
}

/// Bytes of a text that may be absent.
pub(crate) fn quoted_bytes(bytes: Option<Vec<u8>>) -> String {
    quoted_or_null(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).as_deref())
}

/// `arg(x)`
pub(crate) fn arg(name: &str) -> Option<String> {
    call::text(&format!("/arguments/{name}"))
}

/// `arg(x)`, empty if absent.
pub(crate) fn arg_or_empty(name: &str) -> String {
    arg(name).unwrap_or_default()
}

/// `json(x)`, empty if absent.
pub(crate) fn json_or_empty(name: &str) -> String {
    call::get(&format!("/arguments/{name}")).unwrap_or_default()
}

/// The error name.
pub(crate) fn error_text(error: &HostError) -> String {
    error.name().to_owned()
}

/// *The refusal*.
pub(crate) fn refusal(kind: RefusalKind) -> Refusal {
    Refusal {
        scopes: vec!["a".to_owned(), "b".to_owned()],
        data_json: Some(r#"{"by":"every-hook"}"#.to_owned()),
        ..Refusal::new(kind, "refused by request").reason("every-hook").header("retry-after", "1").retry_after_ms(1000)
    }
}

fn null() -> String {
    "null".to_owned()
}
