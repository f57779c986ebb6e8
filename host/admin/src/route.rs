//! The paths of the operator's door.

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode};
use http_body_util::Full;
use serde_json::json;

use crate::guard::Guard;
use crate::{Readiness, Status, look};

/// What is sent.
pub(crate) type Page = Response<Full<bytes::Bytes>>;

/// Answers a request. Its body, if it has one, is never looked at.
pub(crate) fn answer(head: &Parts, guard: &Guard, status: &dyn Status) -> Page {
    if let Err((status, why)) = guard.admit(head) {
        return problem(status, why);
    }
    if head.method != Method::GET {
        let mut page = problem(StatusCode::METHOD_NOT_ALLOWED, "only GET is served");
        page.headers_mut().insert(ALLOW, HeaderValue::from_static("GET"));
        return page;
    }
    match head.uri.path() {
        "/livez" => page(StatusCode::OK, "text/plain; charset=utf-8", "ok\n".to_owned()),
        "/readyz" => readiness(status.ready(), guard.trusts(&head.headers)),
        "/status" if guard.trusts(&head.headers) => json_page(StatusCode::OK, &status.status()),
        "/status" => unauthorized(),
        "/metrics" | "/v1/calls" => looked(head, guard, status),
        path if path.starts_with("/v1/calls/") => looked(head, guard, status),
        _ => nowhere(),
    }
}

fn looked(head: &Parts, guard: &Guard, status: &dyn Status) -> Page {
    if guard.trusts(&head.headers) { look::answer(head, status).unwrap_or_else(nowhere) } else { unauthorized() }
}

fn nowhere() -> Page {
    problem(StatusCode::NOT_FOUND, "served are /livez, /readyz, /status, /metrics, /v1/calls and /v1/calls/<id>")
}

fn unauthorized() -> Page {
    let mut page = problem(StatusCode::UNAUTHORIZED, "a bearer token is needed");
    page.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    page
}

/// Probes carry no token and get their yes or no; which server is down is for the operator.
fn readiness(readiness: Readiness, trusted: bool) -> Page {
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    if trusted { json_page(status, &json!(readiness)) } else { json_page(status, &json!({ "ready": readiness.ready })) }
}

pub(crate) fn problem(status: StatusCode, why: &str) -> Page {
    json_page(status, &json!({ "error": why }))
}

pub(crate) fn json_page(status: StatusCode, value: &serde_json::Value) -> Page {
    page(status, "application/json", format!("{value:#}\n"))
}

pub(crate) fn page(status: StatusCode, media: &'static str, text: String) -> Page {
    let mut page = Response::new(Full::from(text));
    *page.status_mut() = status;
    let headers = page.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
    page
}
