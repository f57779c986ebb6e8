//! Requests, notifications and responses: the few members that decide, over the bytes they came in.

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;
use serde::de::IgnoredAny;

use crate::{Id, Method, ParseFault, Splice, compose, envelope::Members, json, parse_fault::Rule};

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
            Ok(()) if json::is_object(&bytes) => {
                let members = Members::of_checked(&bytes);
                read(&bytes, &members).map_err(|rule| ParseFault::Shape { rule, id: id_of(&bytes, &members) })
            }
            Ok(()) => Err(not_an_object(&bytes)),
            Err(fault) => Err(ParseFault::Json { id: readable_id(&bytes), fault }),
        }
    }

    /// Reads a message that a server sent: only its top level is looked at, and the values there are passed over as raw
    /// JSON, so that a result of megabytes costs little. Before anything decides by what is in it, it takes a
    /// [`json::check`] of the part that is read: a key may stand there twice.
    pub fn parse_reply(bytes: Bytes) -> Result<Self, ParseFault> {
        let text = json::utf8(&bytes).map_err(|fault| ParseFault::Json { fault, id: None })?;
        if !text.trim_ascii_start().starts_with('{') {
            return Err(not_an_object(&bytes));
        }
        let members = Members::read(text).map_err(|fault| ParseFault::Json { fault, id: None })?;
        read(&bytes, &members).map_err(|rule| ParseFault::Shape { rule, id: id_of(&bytes, &members) })
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

    /// What the request is aimed at: the member of `params` that its method names, where it names one.
    pub fn name(&self) -> Option<Cow<'_, str>> {
        let params = &self.bytes[self.params.clone()?];
        json::member_str(params, self.method.named_by()?.key())
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
    /// One of our own; `params` is the JSON text of an object. None if it is not.
    pub fn compose(method: &Method, params: Option<&[u8]>) -> Option<Self> {
        Self::read(compose::notification(method.as_str(), params))
    }

    /// Reads a notification whose text was one before something in it was changed. None if it is none any more.
    pub fn read(text: Bytes) -> Option<Self> {
        match Message::parse_reply(text) {
            Ok(Message::Notification(notification)) => Some(notification),
            _ => None,
        }
    }

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

fn read(bytes: &Bytes, members: &Members) -> Result<Message, Rule> {
    if members.jsonrpc.clone().and_then(|span| json::string(&bytes[span])).as_deref() != Some("2.0") {
        return Err(Rule::Version);
    }
    match (&members.method, &members.result, &members.error) {
        (Some(method), None, None) => called(bytes, members, method),
        (None, Some(result), None) => answered(bytes, members, Outcome::Result(result.clone())),
        (None, None, Some(error)) if is_object(bytes, error) => answered(bytes, members, Outcome::Error(error.clone())),
        (None, None, Some(_)) => Err(Rule::Error),
        (None, None, None) => Err(Rule::Kind),
        _ => Err(Rule::Ambiguous),
    }
}

fn called(bytes: &Bytes, members: &Members, method: &Range<usize>) -> Result<Message, Rule> {
    let method = Method::parse(&json::string(&bytes[method.clone()]).ok_or(Rule::Method)?);
    let params = members.params.clone();
    if params.as_ref().is_some_and(|params| !is_object(bytes, params)) {
        return Err(Rule::Params);
    }
    let bytes = bytes.clone();
    let Some(id_span) = members.id.clone() else {
        return Ok(Message::Notification(Notification { method, params, bytes }));
    };
    if method.is_notification() {
        return Err(Rule::NotificationWithId);
    }
    let id = Id::parse(&bytes[id_span.clone()])?;
    Ok(Message::Request(Request { id, method, id_span, params, bytes }))
}

fn answered(bytes: &Bytes, members: &Members, outcome: Outcome) -> Result<Message, Rule> {
    let id_span = members.id.clone();
    let id = match id_span.clone().map(|span| &bytes[span]) {
        None | Some(b"null") if matches!(outcome, Outcome::Result(_)) => return Err(Rule::ResultWithoutId),
        None | Some(b"null") => None,
        Some(id) => Some(Id::parse(id)?),
    };
    Ok(Message::Response(Response { id, outcome, id_span, bytes: bytes.clone() }))
}

fn is_object(bytes: &[u8], span: &Range<usize>) -> bool {
    bytes.get(span.start) == Some(&b'{')
}

/// Text that is no object is either JSON of another shape or no JSON at all.
fn not_an_object(bytes: &[u8]) -> ParseFault {
    match serde_json::from_slice::<IgnoredAny>(bytes) {
        Err(error) => ParseFault::Json { fault: json::fault_of(&error), id: None },
        Ok(_) if bytes.trim_ascii_start().starts_with(b"[") => ParseFault::Batch,
        Ok(_) => ParseFault::Shape { rule: Rule::Object, id: None },
    }
}

/// The id of a message that is refused for what is further down in it.
fn readable_id(bytes: &[u8]) -> Option<Id> {
    id_of(bytes, &Members::read(std::str::from_utf8(bytes).ok()?).ok()?)
}

fn id_of(bytes: &[u8], members: &Members) -> Option<Id> {
    Id::parse(&bytes[members.id.clone()?]).ok()
}
