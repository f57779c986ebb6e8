//! Room 9: the one place that chooses HTTP statuses and writes HTTP responses.

use std::fmt;

use bytes::Bytes;
use cardea_chain::{Answer, Refusal, Reply, Wording, code};
use cardea_message::{Era, ErrorObject, Id, Method, compose, error};
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use crate::outgoing::Outgoing;
use crate::sse::{Pieces, Stoppable};

/// An HTTP response before it is sent.
pub(crate) type Answered = Response<Outgoing>;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream");
const UNBUFFERED: HeaderName = HeaderName::from_static("x-accel-buffering");

/// What a reply is for, as far as its wording depends on it.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// The client's id of the request.
    pub(crate) id: Id,
    /// Method of the call.
    pub(crate) method: Method,
    /// Name or URI as the client sent it.
    pub(crate) name: Option<Box<str>>,
    /// The protocol of the client.
    pub(crate) era: Era,
}

/// An exchange that ends before there is a reply.
#[derive(Debug)]
pub(crate) struct Rejection {
    status: StatusCode,
    error: ErrorObject,
    headers: HeaderMap,
    id: Option<Id>,
}

impl Rejection {
    /// A status with the JSON-RPC error that goes with it.
    pub(crate) fn new(status: StatusCode, code: i64, message: impl Into<String>) -> Box<Self> {
        Self::of(status, ErrorObject::new(code, message))
    }

    /// The same with an error that is already worded.
    pub(crate) fn of(status: StatusCode, error: ErrorObject) -> Box<Self> {
        Box::new(Self { status, error, headers: HeaderMap::new(), id: None })
    }

    /// What HTTP itself does not allow, or this door does not.
    pub(crate) fn invalid(status: StatusCode, message: impl Into<String>) -> Box<Self> {
        Self::new(status, error::INVALID_REQUEST, message)
    }

    /// Nobody may call here without another credential, more rights, or more patience.
    pub(crate) fn refused(refusal: &Refusal) -> Box<Self> {
        let wording = Wording::of_refusal(refusal, &Method::parse(""), None);
        // Room 2 refuses an exchange, not a message: 200 would say that it was answered.
        let told = if wording.status == 200 { StatusCode::BAD_REQUEST } else { status(wording.status) };
        Box::new(Self { status: told, error: wording.error, headers: headers_of(wording.headers), id: None })
    }

    /// A limit of the house is reached; it will not last.
    pub(crate) fn overloaded(message: &str) -> Box<Self> {
        let mut rejection = Self::new(StatusCode::SERVICE_UNAVAILABLE, code::LIMITED, message);
        rejection.headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        rejection
    }

    /// A method HTTP knows and this path does not.
    pub(crate) fn method_not_allowed(allow: &'static str) -> Box<Self> {
        let mut rejection =
            Self::invalid(StatusCode::METHOD_NOT_ALLOWED, format!("Only {allow} is served at this path"));
        rejection.headers.insert(ALLOW, HeaderValue::from_static(allow));
        rejection
    }

    /// The same, about a request whose id is known.
    pub(crate) fn about(mut self: Box<Self>, id: Option<&Id>) -> Box<Self> {
        self.id = id.cloned();
        self
    }

    /// The error, for a place where it cannot have a status of its own.
    pub(crate) fn into_error(self) -> ErrorObject {
        self.error
    }

    /// The HTTP response.
    pub(crate) fn into_response(self) -> Answered {
        let mut response = json(self.status, vec![compose::error(self.id.as_ref(), &self.error)]);
        response.headers_mut().extend(self.headers);
        response
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status.as_u16(), self.error.message)
    }
}

/// The end of a call.
pub(crate) fn reply(reply: Reply, asked: &Asked) -> Answered {
    let (status, headers) = standing(&reply, asked);
    let mut response = json(status, reply.into_message(&asked.id, &asked.method, asked.name.as_deref()));
    response.headers_mut().extend(headers);
    response
}

/// The status of a reply, without its response.
pub(crate) fn status_of(reply: &Reply, asked: &Asked) -> StatusCode {
    standing(reply, asked).0
}

/// A JSON body.
pub(crate) fn json(status: StatusCode, pieces: Vec<Bytes>) -> Answered {
    let body = Outgoing::pieces(pieces);
    let length = HeaderValue::from(body.length().unwrap_or_default());
    let mut response = with_status(status, body);
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response.headers_mut().insert(CONTENT_LENGTH, length);
    response
}

/// An event stream.
pub(crate) fn events(events: impl Pieces + 'static) -> Answered {
    let mut response = with_status(StatusCode::OK, Outgoing::Events(Stoppable::new(events)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, EVENT_STREAM);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    headers.insert(UNBUFFERED, HeaderValue::from_static("no"));
    response
}

/// No body: 202 for what wants no answer, 204 for what is done.
pub(crate) fn empty(status: StatusCode) -> Answered {
    with_status(status, Outgoing::empty())
}

fn with_status(status: StatusCode, body: Outgoing) -> Answered {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}

fn standing(reply: &Reply, asked: &Asked) -> (StatusCode, HeaderMap) {
    let wording = match &reply.answer {
        Answer::Result(_) => return (StatusCode::OK, HeaderMap::new()),
        Answer::Message(response) => return (of_server(response.error(), asked.era), HeaderMap::new()),
        Answer::Refused(refusal) => Wording::of_refusal(refusal, &asked.method, asked.name.as_deref()),
        Answer::Failed(fault) => Wording::of_fault(fault),
    };
    let refused = matches!(reply.answer, Answer::Refused(_));
    let told = match (asked.era, wording.status) {
        (Era::Modern, chosen) => chosen,
        // A legacy client reads a status as the transport's word. These four are: its credential, its rate, our state.
        (Era::Legacy, chosen @ (401 | 403 | 429 | 503)) if refused => chosen,
        (Era::Legacy, _) => 200,
    };
    (status(told), headers_of(wording.headers))
}

/// A server's own error is a reply like any other, but for the three a modern client has to tell by status.
fn of_server(error: Option<Bytes>, era: Era) -> StatusCode {
    let Some(error) = error.filter(|_| era == Era::Modern) else { return StatusCode::OK };
    match ErrorObject::parse(&error).map(|error| error.code) {
        Ok(error::METHOD_NOT_FOUND) => StatusCode::NOT_FOUND,
        Ok(error::MISSING_CAPABILITY | error::HEADER_MISMATCH) => StatusCode::BAD_REQUEST,
        _ => StatusCode::OK,
    }
}

fn status(number: u16) -> StatusCode {
    StatusCode::from_u16(number).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Headers of a wording. What no HTTP header can hold is left out: a stage wrote it.
fn headers_of(headers: Vec<(String, String)>) -> HeaderMap {
    let readable = |(name, value): (String, String)| {
        Some((HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_str(&value).ok()?))
    };
    let mut map = HeaderMap::new();
    for (name, value) in headers.into_iter().filter_map(readable) {
        map.append(name, value);
    }
    map
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use cardea_chain::{Fault, FaultKind, RefusalKind, Side};
    use cardea_message::Message;

    use super::*;

    fn from_server(code: i64) -> Reply {
        let bytes = compose::error(Some(&Id::number(1)), &ErrorObject::new(code, "no"));
        match Message::parse_reply(bytes).unwrap() {
            Message::Response(response) => Reply::from_server(response),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn statuses_follow_the_table_of_each_era() {
        let refused = |kind| Reply::refused(Refusal::new(kind, "no", "no"));
        let failed = |kind| Reply::from(Fault::new(Side::Server, kind, "no", "no"));
        for (reply, modern, legacy) in [
            (Reply::from_house("{}"), 200, 200),
            (from_server(error::INVALID_PARAMS), 200, 200),
            (from_server(error::METHOD_NOT_FOUND), 404, 200),
            (from_server(error::MISSING_CAPABILITY), 400, 200),
            (from_server(error::HEADER_MISMATCH), 400, 200),
            (from_server(error::INTERNAL), 200, 200),
            (refused(RefusalKind::Unauthenticated), 401, 401),
            (refused(RefusalKind::Forbidden), 403, 403),
            (refused(RefusalKind::Limited), 429, 429),
            (refused(RefusalKind::Unavailable), 503, 503),
            (refused(RefusalKind::Invalid), 200, 200),
            (refused(RefusalKind::Unknown), 200, 200),
            (failed(FaultKind::Unreachable), 502, 200),
            (failed(FaultKind::Deadline), 504, 200),
            (failed(FaultKind::UnknownMethod), 404, 200),
        ] {
            let asked = |era| Asked { id: Id::number(1), method: Method::TOOLS_CALL, name: None, era };
            assert_eq!(status_of(&reply, &asked(Era::Modern)), modern, "{reply:?}");
            assert_eq!(status_of(&reply, &asked(Era::Legacy)), legacy, "{reply:?}");
        }
    }
}
