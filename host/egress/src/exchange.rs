//! One request and its response, and how large they may be.

use bytes::Bytes;
use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HOST, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, Method, StatusCode, Uri};

use crate::EgressFault;

/// Headers that belong to the connection or decide where a message ends: the client below writes them.
const OURS: [HeaderName; 9] =
    [CONNECTION, CONTENT_LENGTH, EXPECT, HOST, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];

/// A request.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The URL, absolute.
    pub uri: Uri,
    /// Headers, without those of the connection.
    pub headers: HeaderMap,
    /// The body; empty for none.
    pub body: Bytes,
}

/// A response, whole.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status. A redirect is a response like others.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// How large a request and its response may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a request's body.
    pub request: usize,
    /// Bytes of a response's body.
    pub response: usize,
    /// Headers of either.
    pub headers: usize,
    /// Bytes of the headers of either.
    pub header_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { request: 1 << 20, response: 1 << 20, headers: 64, header_bytes: 32 << 10 }
    }
}

impl Limits {
    pub(crate) fn check_request(&self, request: &Request) -> Result<(), EgressFault> {
        if request.body.len() > self.request {
            return Err(EgressFault::TooLarge("the request's body is larger than it may be"));
        }
        if let Some(name) = request.headers.keys().find(|name| OURS.contains(name)) {
            return Err(EgressFault::Invalid(format!("the header `{name}` is written by the gateway")));
        }
        self.check_headers(&request.headers)
    }

    pub(crate) fn check_headers(&self, headers: &HeaderMap) -> Result<(), EgressFault> {
        let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        if headers.len() > self.headers || bytes > self.header_bytes {
            return Err(EgressFault::TooLarge("there are more or longer headers than there may be"));
        }
        Ok(())
    }
}
