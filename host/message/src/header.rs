//! HTTP headers that mirror the body (2026-07-28): how values are written, and whether they agree.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{Era, Request};

const PREFIX: &str = "=?base64?";
const SUFFIX: &str = "?=";

/// The headers of a request that repeat what its body says, as they came; none for one that did not come.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mirrored<'h> {
    /// `MCP-Protocol-Version`
    pub version: Option<&'h [u8]>,
    /// `Mcp-Method`
    pub method: Option<&'h [u8]>,
    /// `Mcp-Name`
    pub name: Option<&'h [u8]>,
}

/// A header does not say what the body says. Its code is [`HEADER_MISMATCH`](crate::error::HEADER_MISMATCH).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderMismatch {
    /// The header is missing.
    #[error("the header `{0}` is missing")]
    Missing(&'static str),
    /// The header's value cannot be read.
    #[error("the header `{0}` is not readable: {1}")]
    Unreadable(&'static str, MirrorFault),
    /// The header says something else.
    #[error("the header `{0}` does not say what the body says")]
    Differs(&'static str),
}

/// Why the value of a mirrored header cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MirrorFault {
    /// A byte is not printable ASCII.
    #[error("a value that is not printable ASCII is written `=?base64?…?=`")]
    NotPrintable,
    /// What stands between the markers is not Base64.
    #[error("what stands between `=?base64?` and `?=` is not Base64")]
    NotBase64,
    /// What stands between the markers is not the Base64 of UTF-8.
    #[error("what stands between `=?base64?` and `?=` is not UTF-8")]
    NotUtf8,
}

/// The text that the value of `Mcp-Name` or `Mcp-Param-*` stands for.
pub fn decode_mirrored(value: &[u8]) -> Result<String, MirrorFault> {
    decoded(value).map(Cow::into_owned)
}

fn decoded(value: &[u8]) -> Result<Cow<'_, str>, MirrorFault> {
    let text = printable(value)?;
    match text.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix(SUFFIX)) {
        None => Ok(Cow::Borrowed(text)),
        Some(inner) => {
            let bytes = STANDARD.decode(inner).map_err(|_| MirrorFault::NotBase64)?;
            String::from_utf8(bytes).map(Cow::Owned).map_err(|_| MirrorFault::NotUtf8)
        }
    }
}

/// A text as the value of `Mcp-Name` or `Mcp-Param-*`: as it is where that is safe, else in Base64 between markers.
pub fn encode_mirrored(text: &str) -> String {
    let plain = printable(text.as_bytes()) == Ok(text) && !text.starts_with(PREFIX);
    if plain { text.to_owned() } else { format!("{PREFIX}{}{SUFFIX}", STANDARD.encode(text)) }
}

/// Whether the mirrored headers of a request of 2026-07-28 say what its body says: its version and the name it is aimed at.
/// What the body lacks is not asked of the headers: that fault is the body's own, and found by reading its
/// [`Envelope`](crate::Envelope).
pub fn agree(request: &Request, version: Option<&str>, mirrored: Mirrored<'_>) -> Result<(), HeaderMismatch> {
    let plain = |value| printable(value).map(Cow::Borrowed);
    if let Some(version) = version {
        // The markers mean nothing here: who routes by this header would not decode them.
        same("MCP-Protocol-Version", mirrored.version, version, plain)?;
    }
    same("Mcp-Method", mirrored.method, request.method.as_str(), plain)?;
    // A method this era does not have is refused for that, not for the headers it comes with.
    match request.name().filter(|_| request.method.in_era(Era::Modern)) {
        Some(name) => same("Mcp-Name", mirrored.name, &name, decoded),
        None => Ok(()),
    }
}

fn same<'v>(
    header: &'static str,
    value: Option<&'v [u8]>,
    body: &str,
    read: impl Fn(&'v [u8]) -> Result<Cow<'v, str>, MirrorFault>,
) -> Result<(), HeaderMismatch> {
    let value = value.ok_or(HeaderMismatch::Missing(header))?;
    let said = read(value).map_err(|fault| HeaderMismatch::Unreadable(header, fault))?;
    if said == body { Ok(()) } else { Err(HeaderMismatch::Differs(header)) }
}

/// The value without the blanks around it, if it is printable ASCII.
fn printable(value: &[u8]) -> Result<&str, MirrorFault> {
    let text = std::str::from_utf8(value).map_err(|_| MirrorFault::NotPrintable)?.trim_matches([' ', '\t']);
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) { Ok(text) } else { Err(MirrorFault::NotPrintable) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::Message;

    const VERSION: Option<&str> = Some("2026-07-28");

    fn request(method: &str, params: &str) -> Request {
        let text = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
        match Message::parse(text.into()).unwrap() {
            Message::Request(request) => request,
            other => panic!("{other:?}"),
        }
    }

    fn call() -> Request {
        request("tools/call", r#"{"name":"caf\u00e9"}"#)
    }

    fn mirrored() -> Mirrored<'static> {
        Mirrored { version: Some(b"2026-07-28"), method: Some(b"tools/call"), name: Some(b"=?base64?Y2Fmw6k=?=") }
    }

    #[test]
    fn values_are_written_as_the_specification_shows() {
        for (text, value) in [
            ("us-west1", "us-west1"),
            ("two words", "two words"),
            ("", ""),
            ("Hello, 世界", "=?base64?SGVsbG8sIOS4lueVjA==?="),
            (" padded ", "=?base64?IHBhZGRlZCA=?="),
            ("line1\nline2", "=?base64?bGluZTEKbGluZTI=?="),
            ("=?base64?x?=", "=?base64?PT9iYXNlNjQ/eD89?="),
        ] {
            assert_eq!(encode_mirrored(text), value);
            assert_eq!(decode_mirrored(value.as_bytes()).unwrap(), text);
        }
    }

    #[test]
    fn tricks_with_markers_are_refused_or_taken_literally() {
        for (value, read) in [
            (&b" \tplain \t"[..], Ok("plain")),
            (b"=?BASE64?eA==?=", Ok("=?BASE64?eA==?=")),
            (b"=?base64?=", Ok("=?base64?=")),
            (b"=?base64??=", Ok("")),
            (b"=?base64?eA==", Ok("=?base64?eA==")),
            (b"x=?base64?eA==?=", Ok("x=?base64?eA==?=")),
            (b"=?base64?eA?=", Err(MirrorFault::NotBase64)),
            (b"=?base64?eB==?=", Err(MirrorFault::NotBase64)),
            (b"=?base64? eA==?=", Err(MirrorFault::NotBase64)),
            (b"=?base64?eA==?= =?base64?eA==?=", Err(MirrorFault::NotBase64)),
            (b"=?base64?_-8=?=", Err(MirrorFault::NotBase64)),
            (b"=?base64?/w==?=", Err(MirrorFault::NotUtf8)),
            (b"a\tb", Err(MirrorFault::NotPrintable)),
            (b"a\r\nb", Err(MirrorFault::NotPrintable)),
            (b"a\0", Err(MirrorFault::NotPrintable)),
            ("é".as_bytes(), Err(MirrorFault::NotPrintable)),
            (b"\xff", Err(MirrorFault::NotPrintable)),
        ] {
            assert_eq!(decode_mirrored(value), read.map(str::to_owned), "{}", value.escape_ascii());
        }
    }

    #[test]
    fn headers_that_say_what_the_body_says_agree() {
        assert_eq!(agree(&call(), VERSION, mirrored()), Ok(()));
        let list = Mirrored { method: Some(b"tools/list"), name: None, ..mirrored() };
        assert_eq!(agree(&request("tools/list", "{}"), VERSION, list), Ok(()));
        let removed = Mirrored { method: Some(b"resources/subscribe"), name: None, ..mirrored() };
        assert_eq!(agree(&request("resources/subscribe", r#"{"uri":"a:b"}"#), None, removed), Ok(()));
    }

    #[test]
    fn each_header_can_disagree() {
        for (mirrored, fault) in [
            (Mirrored { version: None, ..mirrored() }, HeaderMismatch::Missing("MCP-Protocol-Version")),
            (Mirrored { version: Some(b"2025-11-25"), ..mirrored() }, HeaderMismatch::Differs("MCP-Protocol-Version")),
            (Mirrored { method: None, ..mirrored() }, HeaderMismatch::Missing("Mcp-Method")),
            (Mirrored { method: Some(b"Tools/Call"), ..mirrored() }, HeaderMismatch::Differs("Mcp-Method")),
            (
                Mirrored { method: Some(b"=?base64?dG9vbHMvY2FsbA==?="), ..mirrored() },
                HeaderMismatch::Differs("Mcp-Method"),
            ),
            (Mirrored { name: None, ..mirrored() }, HeaderMismatch::Missing("Mcp-Name")),
            (Mirrored { name: Some(b"cafe"), ..mirrored() }, HeaderMismatch::Differs("Mcp-Name")),
            (
                Mirrored { name: Some("café".as_bytes()), ..mirrored() },
                HeaderMismatch::Unreadable("Mcp-Name", MirrorFault::NotPrintable),
            ),
        ] {
            assert_eq!(agree(&call(), VERSION, mirrored), Err(fault));
        }
    }
}
