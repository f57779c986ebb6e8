//! The paths of the operator's door.

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode};
use http_body_util::Full;
use serde_json::json;

use crate::guard::Guard;
use crate::{Operator, Readiness, Status, look, operate};

/// What is sent.
pub(crate) type Page = Response<Full<bytes::Bytes>>;

/// Answers a request. Its body, if it has one, is never looked at.
pub(crate) async fn answer(head: &Parts, guard: &Guard, status: &dyn Status, operator: &dyn Operator) -> Page {
    if let Err((status, why)) = guard.admit(head) {
        return problem(status, why);
    }
    if let Some(page) = operate::answer(head, guard, operator).await {
        return page;
    }
    if head.method != Method::GET {
        return not_allowed(&Method::GET);
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
    let served = "/livez, /readyz, /status, /metrics, /v1/calls, /v1/calls/<id>, /v1/generations, /v1/shadow, /v1/reload and /v1/rollback";
    problem(StatusCode::NOT_FOUND, &format!("served are {served}"))
}

/// Probes carry no token and get their yes or no; which server is down is for the operator.
fn readiness(readiness: Readiness, trusted: bool) -> Page {
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    if trusted { json_page(status, &json!(readiness)) } else { json_page(status, &json!({ "ready": readiness.ready })) }
}

/// The path takes another method.
pub(crate) fn not_allowed(served: &Method) -> Page {
    let mut page = problem(StatusCode::METHOD_NOT_ALLOWED, &format!("only {served} is served here"));
    if let Ok(served) = HeaderValue::from_str(served.as_str()) {
        page.headers_mut().insert(ALLOW, served);
    }
    page
}

/// The token is missing, or it is not the right one.
pub(crate) fn unauthorized() -> Page {
    let mut page = problem(StatusCode::UNAUTHORIZED, "a bearer token is needed");
    page.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    page
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
