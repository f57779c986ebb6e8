//! `Mcp-Param-*`: headers that repeat single arguments of a tool, as the tool's own schema asks (2026-07-28).

use cardea_chain::Call;
use cardea_message::header::decode_mirrored;
use cardea_message::{Mark, Method, error};
use http::{HeaderMap, StatusCode};

use crate::respond::Rejection;

/// Whether the headers say what the arguments say. Only a tool the house has seen can be judged; of any other, headers and
/// arguments go on as they came, and the server judges.
pub(crate) fn agree(call: &Call) -> Result<(), Box<Rejection>> {
    if call.method != Method::TOOLS_CALL {
        return Ok(());
    }
    let marks = call.directory.marks(call).unwrap_or_default();
    match marks.iter().find(|mark| !says(mark, call.params(), &call.headers)) {
        None => Ok(()),
        Some(Mark { header, .. }) => {
            let message = format!("Header mismatch: the header `{header}` does not say what the arguments say");
            Err(Rejection::new(StatusCode::BAD_REQUEST, error::HEADER_MISMATCH, message))
        }
    }
}

fn says(mark: &Mark, params: &[u8], headers: &HeaderMap) -> bool {
    match headers.get(&mark.header).map(|value| decode_mirrored(value.as_bytes())) {
        None => mark.agrees(params, None),
        Some(Ok(said)) => mark.agrees(params, Some(&said)),
        Some(Err(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use http::{HeaderName, HeaderValue};

    use super::*;

    const TOOL: &[u8] = br#"{"name":"t","inputSchema":{"type":"object","properties":{
        "region":{"type":"string","x-mcp-header":"Region"}, "plain":{"type":"string"},
        "deep":{"type":"object","properties":{"n":{"type":"integer","x-mcp-header":"N"}}}}}}"#;

    fn wrong(params: &str, headers: &[(&str, &str)]) -> Option<String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(HeaderName::try_from(*name).unwrap(), HeaderValue::try_from(*value).unwrap());
        }
        let marks = Mark::all_in(TOOL);
        marks.into_iter().find(|mark| !says(mark, params.as_bytes(), &map)).map(|mark| mark.header)
    }

    #[test]
    fn headers_repeat_marked_arguments_and_nothing_else() {
        let both = r#"{"arguments":{"region":"eu","plain":"x","deep":{"n":7}}}"#;
        let (region, n) = ("mcp-param-region", "mcp-param-n");
        for (params, headers, expected) in [
            (both, &[(region, "eu"), (n, "7")][..], None),
            (both, &[(region, "=?base64?ZXU=?="), (n, "7.0")], None),
            (both, &[(region, "eu"), (n, "7"), ("mcp-param-other", "x")], None),
            (both, &[(region, "us"), (n, "7")], Some(region)),
            (both, &[(n, "7")], Some(region)),
            (both, &[(region, "eu"), (n, "x")], Some(n)),
            (both, &[(region, "=?base64?*?="), (n, "7")], Some(region)),
            ("{}", &[], None),
            ("{}", &[(region, "eu")], Some(region)),
        ] {
            assert_eq!(wrong(params, headers).as_deref(), expected, "{params} {headers:?}");
        }
    }
}
