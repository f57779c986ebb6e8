//! Requests, notifications and responses: the few members that decide, over the bytes they came in.

use std::ops::Range;

use bytes::Bytes;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::{Id, Method, ParseFault, Splice, envelope::Members, json, parse_fault::Rule};

/// One message.
#[derive(Clone, Debug)]
pub enum Message {
    /// Wants a response.
    Request(Request),
    /// Wants none.
    Notification(Notification),
    /// Answers a request.
    Response(Response),
}

/// A request.
#[derive(Clone, Debug)]
pub struct Request {
    /// Names it among its sender's requests.
    pub id: Id,
    /// What is wanted.
    pub method: Method,
    id_span: Range<usize>,
    params: Option<Range<usize>>,
    bytes: Bytes,
}

/// A notification.
#[derive(Clone, Debug)]
pub struct Notification {
    /// What happened.
    pub method: Method,
    params: Option<Range<usize>>,
    bytes: Bytes,
}

/// A response.
#[derive(Clone, Debug)]
pub struct Response {
    /// The id of the request; none only in an error about a request whose id could not be read.
    pub id: Option<Id>,
    /// How the request went.
    pub outcome: Outcome,
    id_span: Option<Range<usize>>,
    bytes: Bytes,
}

/// How a request went: the span of `result` or of `error` in the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Where `result` stands.
    Result(Range<usize>),
    /// Where `error` stands.
    Error(Range<usize>),
}

impl Message {
    /// Reads a message from a party that is not trusted, after [`json::check`] of the whole of it. Keys are compared as
    /// they are, and members nobody knows stay in the bytes.
    pub fn parse(bytes: Bytes) -> Result<Self, ParseFault> {
        match json::check(&bytes) {
            Ok(()) => Self::parse_reply(bytes),
            Err(fault) => Err(ParseFault::Json { id: readable_id(&bytes), fault }),
        }
    }

    /// Reads a message that a server sent: only its top level is looked at, and the values there are passed over as raw
    /// JSON, so that a result of megabytes costs little. Before anything decides by what is in it, it takes a
    /// [`json::check`] of the part that is read: a key may stand there twice.
    pub fn parse_reply(bytes: Bytes) -> Result<Self, ParseFault> {
        let text = json::utf8(&bytes).map_err(|fault| ParseFault::Json { fault, id: None })?;
        if !text.trim_ascii_start().starts_with('{') {
            return Err(not_an_object(text));
        }
        let members = Members::read(text).map_err(|fault| ParseFault::Json { fault, id: None })?;
        read(&bytes, &members).map_err(|rule| ParseFault::Shape { rule, id: id_of(&members) })
    }

    /// The whole message, as it came.
    pub fn bytes(&self) -> &Bytes {
        match self {
            Self::Request(request) => &request.bytes,
            Self::Notification(notification) => &notification.bytes,
            Self::Response(response) => &response.bytes,
        }
    }
}

impl Request {
    /// The `params` object, sharing the message's memory.
    pub fn params(&self) -> Option<Bytes> {
        self.params.clone().map(|span| self.bytes.slice(span))
    }

    /// Where `params` stands in the message.
    pub fn params_span(&self) -> Option<Range<usize>> {
        self.params.clone()
    }

    /// Where `id` stands in the message.
    pub fn id_span(&self) -> Range<usize> {
        self.id_span.clone()
    }

    /// The whole message, as it came.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The message with another id and not one other byte changed.
    pub fn with_id(&self, id: &Id) -> Splice {
        Splice::new(self.bytes.clone()).replace(self.id_span.clone(), id.to_bytes())
    }
}

impl Notification {
    /// The `params` object, sharing the message's memory.
    pub fn params(&self) -> Option<Bytes> {
        self.params.clone().map(|span| self.bytes.slice(span))
    }

    /// Where `params` stands in the message.
    pub fn params_span(&self) -> Option<Range<usize>> {
        self.params.clone()
    }

    /// The whole message, as it came.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

impl Response {
    /// The `result`, sharing the message's memory.
    pub fn result(&self) -> Option<Bytes> {
        match &self.outcome {
            Outcome::Result(span) => Some(self.bytes.slice(span.clone())),
            Outcome::Error(_) => None,
        }
    }

    /// The `error` object, sharing the message's memory.
    pub fn error(&self) -> Option<Bytes> {
        match &self.outcome {
            Outcome::Result(_) => None,
            Outcome::Error(span) => Some(self.bytes.slice(span.clone())),
        }
    }

    /// Where `id` stands in the message, if it does.
    pub fn id_span(&self) -> Option<Range<usize>> {
        self.id_span.clone()
    }

    /// The whole message, as it came.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The message with another id and not one other byte changed; where it has none, the id becomes its first member.
    pub fn with_id(&self, id: &Id) -> Splice {
        let splice = Splice::new(self.bytes.clone());
        match &self.id_span {
            Some(span) => splice.replace(span.clone(), id.to_bytes()),
            None => {
                let inside = self.bytes.iter().position(|&byte| byte == b'{').map_or(0, |brace| brace + 1);
                splice.replace(inside..inside, format!(r#""id":{id},"#))
            }
        }
    }
}

// ---- Reading -------------------------------------------------------------------------------------------------------

fn read(bytes: &Bytes, members: &Members<'_>) -> Result<Message, Rule> {
    if members.jsonrpc.and_then(|raw| json::unquoted(raw.get())).as_deref() != Some("2.0") {
        return Err(Rule::Version);
    }
    match (members.method, members.result, members.error) {
        (Some(method), None, None) => called(bytes, members, method),
        (None, Some(result), None) => answered(bytes, members, Outcome::Result(json::span_in(bytes, result))),
        (None, None, Some(error)) if is_object(error) => {
            answered(bytes, members, Outcome::Error(json::span_in(bytes, error)))
        }
        (None, None, Some(_)) => Err(Rule::Error),
        (None, None, None) => Err(Rule::Kind),
        _ => Err(Rule::Ambiguous),
    }
}

fn called(bytes: &Bytes, members: &Members<'_>, method: &RawValue) -> Result<Message, Rule> {
    let method = Method::parse(&json::unquoted(method.get()).ok_or(Rule::Method)?);
    if members.params.is_some_and(|params| !is_object(params)) {
        return Err(Rule::Params);
    }
    let params = members.params.map(|raw| json::span_in(bytes, raw));
    let bytes = bytes.clone();
    let Some(id) = members.id else {
        return Ok(Message::Notification(Notification { method, params, bytes }));
    };
    if method.is_notification() {
        return Err(Rule::NotificationWithId);
    }
    let id_span = json::span_in(&bytes, id);
    Ok(Message::Request(Request { id: Id::parse(id.get().as_bytes())?, method, id_span, params, bytes }))
}

fn answered(bytes: &Bytes, members: &Members<'_>, outcome: Outcome) -> Result<Message, Rule> {
    let id = match members.id.map(RawValue::get) {
        None | Some("null") if matches!(outcome, Outcome::Result(_)) => return Err(Rule::ResultWithoutId),
        None | Some("null") => None,
        Some(id) => Some(Id::parse(id.as_bytes())?),
    };
    let id_span = members.id.map(|raw| json::span_in(bytes, raw));
    Ok(Message::Response(Response { id, outcome, id_span, bytes: bytes.clone() }))
}

fn is_object(raw: &RawValue) -> bool {
    raw.get().starts_with('{')
}

/// Text that is no object is either JSON of another shape or no JSON at all.
fn not_an_object(text: &str) -> ParseFault {
    match serde_json::from_str::<IgnoredAny>(text) {
        Err(error) => ParseFault::Json { fault: json::fault_of(&error), id: None },
        Ok(_) if text.trim_ascii_start().starts_with('[') => ParseFault::Batch,
        Ok(_) => ParseFault::Shape { rule: Rule::Object, id: None },
    }
}

/// The id of a message that is refused for what is further down in it.
fn readable_id(bytes: &[u8]) -> Option<Id> {
    id_of(&Members::read(std::str::from_utf8(bytes).ok()?).ok()?)
}

fn id_of(members: &Members<'_>) -> Option<Id> {
    Id::parse(members.id?.get().as_bytes()).ok()
}
