//! The HTTP headers that repeat what a modern request's body says (2026-07-28, streamable HTTP).

use cardea_chain::Call;
use cardea_message::{Mark, Method, Version, header, json, mark};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::wire::Headers;

const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");

/// The headers of a request, read off the very params that are sent, so that no edit on the way can tear them apart.
pub(crate) fn headers(method: &Method, params: Option<&[u8]>) -> Headers {
    let mut headers = Headers::with_capacity(4);
    headers.push((VERSION, HeaderValue::from_static(Version::LATEST.as_str())));
    put(&mut headers, METHOD, method.as_str());
    let name = method.named_by().zip(params).and_then(|(field, params)| json::member_str(params, field.key()));
    if let Some(name) = name {
        put(&mut headers, NAME, &header::encode_mirrored(&name));
    }
    headers
}

/// Adds the `Mcp-Param-*` headers of a call: by the tool's own schema where the house has seen it, which also serves
/// arguments a stage has edited and clients that know no such headers. All others go on as the client sent them.
pub(crate) fn add_arguments(headers: &mut Headers, call: &Call, params: Option<&[u8]>) {
    if call.method != Method::TOOLS_CALL {
        return;
    }
    let marks = call.directory.marks(call).unwrap_or_default();
    headers.extend(unmarked(&call.headers, &marks).map(|(name, value)| (name.clone(), value.clone())));
    add_marked(headers, &marks, params.unwrap_or(b"{}"));
}

/// The headers of this kind that repeat none of the marked arguments.
fn unmarked<'h>(sent: &'h HeaderMap, marks: &[Mark]) -> impl Iterator<Item = (&'h HeaderName, &'h HeaderValue)> {
    let is_param = |name: &HeaderName| name.as_str().starts_with(mark::PREFIX);
    sent.iter().filter(move |(name, _)| is_param(name) && !marks.iter().any(|mark| mark.header == name.as_str()))
}

fn add_marked(headers: &mut Headers, marks: &[Mark], params: &[u8]) {
    for mark in marks {
        if let (Ok(name), Some(text)) = (HeaderName::try_from(&mark.header), mark.text_in(params)) {
            put(headers, name, &header::encode_mirrored(&text));
        }
    }
}

fn put(headers: &mut Headers, name: HeaderName, value: &str) {
    // A method no header can carry is sent without one, and the server refuses it by its own rules.
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.push((name, value));
    }
}

#[cfg(test)]
mod tests {
    use cardea_message::Pointer;

    use super::*;

    fn pairs(headers: &Headers) -> Vec<(&str, &[u8])> {
        headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect()
    }

    #[test]
    fn the_body_is_repeated() {
        let made = headers(&Method::TOOLS_CALL, Some("{\"name\":\"caf\u{e9}\"}".as_bytes()));
        let expected: [(&str, &[u8]); 3] = [
            ("mcp-protocol-version", b"2026-07-28"),
            ("mcp-method", b"tools/call"),
            ("mcp-name", b"=?base64?Y2Fmw6k=?="),
        ];
        assert_eq!(pairs(&made), expected);
        assert_eq!(headers(&Method::TOOLS_LIST, None).len(), 2);
    }

    #[test]
    fn marked_arguments_become_headers() {
        let definition = br#"{"name":"t","inputSchema":{"type":"object","properties":{
            "region":{"type":"string","x-mcp-header":"Region"}, "n":{"type":"integer","x-mcp-header":"N"},
            "deep":{"type":"object","properties":{"on":{"type":"boolean","x-mcp-header":"On"}}},
            "gone":{"type":"string","x-mcp-header":"Gone"}, "nil":{"type":"string","x-mcp-header":"Nil"},
            "bad":{"type":"string","x-mcp-header":"no header"}, "plain":{"type":"string"}}}}"#;
        let params = br#"{"arguments":{"region":"eu","n":7,"deep":{"on":true},"nil":null,"bad":"x","plain":"x"}}"#;
        let mut made = Headers::new();
        add_marked(&mut made, &Mark::all_in(definition), params);
        made.sort_unstable_by(|one, other| one.0.as_str().cmp(other.0.as_str()));
        assert_eq!(pairs(&made), [("mcp-param-n", &b"7"[..]), ("mcp-param-on", b"true"), ("mcp-param-region", b"eu")]);
    }

    #[test]
    fn headers_no_schema_speaks_of_go_on() {
        let mut sent = HeaderMap::new();
        for name in ["mcp-param-region", "mcp-param-new", "x-other"] {
            sent.insert(HeaderName::from_static(name), HeaderValue::from_static("v"));
        }
        let region = Mark { header: "mcp-param-region".to_owned(), argument: Pointer::root() };
        let names = |marks: &[Mark]| {
            let mut names: Vec<_> = unmarked(&sent, marks).map(|(name, _)| name.to_string()).collect();
            names.sort_unstable();
            names
        };
        assert_eq!(names(&[region]), ["mcp-param-new"]);
        assert_eq!(names(&[]), ["mcp-param-new", "mcp-param-region"]);
    }
}
