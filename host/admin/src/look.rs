//! The paths that show what became of calls: `/metrics`, `/v1/calls`, `/v1/calls/<id>`.

use http::request::Parts;
use http::{StatusCode, Uri};

use crate::Status;
use crate::route::{Page, json_page, page, problem};

/// The text format of Prometheus.
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";
/// Calls shown if the question does not say how many.
const CALLS: usize = 50;
/// Most calls shown.
const MOST_CALLS: usize = 1_000;

/// Answers a request that was admitted and is trusted, if its path is one of these.
pub(crate) fn answer(head: &Parts, status: &dyn Status) -> Option<Page> {
    Some(match head.uri.path() {
        "/metrics" => page(StatusCode::OK, METRICS, status.metrics()),
        "/v1/calls" => match limit(&head.uri) {
            Ok(most) => json_page(StatusCode::OK, &status.calls(most)),
            Err(why) => problem(StatusCode::BAD_REQUEST, why),
        },
        path => {
            let id = path.strip_prefix("/v1/calls/")?;
            match status.call(&decoded(id)) {
                Some(call) => json_page(StatusCode::OK, &call),
                None => problem(
                    StatusCode::NOT_FOUND,
                    "no call with this id is known; only the latest are kept, as many as `[admin] recent-calls` says",
                ),
            }
        }
    })
}

fn limit(uri: &Uri) -> Result<usize, &'static str> {
    let mut pairs = uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    let Some(pair) = pairs.next() else { return Ok(CALLS) };
    let number = pair.strip_prefix("limit=").and_then(|number| number.parse::<usize>().ok());
    match (number, pairs.next()) {
        (Some(most @ 1..=MOST_CALLS), None) => Ok(most),
        _ => Err("the only parameter is `limit`, a number from 1 to 1000"),
    }
}

/// An id may have any visible character, and a path not every one.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let escaped = after.get(..2).filter(|_| *byte == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        match escaped.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(escaped) => {
                bytes.push(escaped);
                rest = &after[2..];
            }
            None => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_out_as_they_went_in() {
        for (written, id) in [("order-17", "order-17"), ("a%2Fb%3f", "a/b?"), ("100%", "100%"), ("%zz%4", "%zz%4")] {
            assert_eq!(decoded(written), id);
        }
    }

    #[test]
    fn a_limit_is_a_number_within_reason() {
        let of = |text: &str| limit(&text.parse().expect("a URI")).ok();
        assert_eq!((of("/v1/calls"), of("/v1/calls?limit=7")), (Some(CALLS), Some(7)));
        for wrong in ["?limit=0", "?limit=1001", "?limit=x", "?most=1", "?limit=1&limit=2"] {
            assert_eq!(of(&format!("/v1/calls{wrong}")), None, "{wrong}");
        }
    }
}
