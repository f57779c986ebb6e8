//! An HTTP/1.1 client that sends what it is told and adds nothing but a length.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, Uri};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::{DEADLINE, Outcome};

/// A request, as it will stand on the wire.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The method, such as `POST`.
    pub method: String,
    /// The path, with its query.
    pub target: String,
    /// The headers, in order, repeated ones too.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

/// The whole of a reply.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, with the framing of the transfer taken off.
    pub body: Bytes,
}

/// A connection, kept open between requests. Dropping it closes it at once.
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    driver: JoinHandle<()>,
    host: String,
}

impl Request {
    /// A request of 2026-07-28 with all its headers: what a well-behaved client sends.
    pub fn modern(target: &str, method: &str, params: &serde_json::Value) -> Self {
        let params = crate::case::modern_params(params.to_string().as_str()).unwrap_or_default();
        crate::case::modern(target, method, "1", &params)
    }

    /// The same request with one more header.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sends it over a connection of its own.
    pub async fn send(self, address: SocketAddr) -> Outcome<Reply> {
        Connection::open(address).await?.send(self).await
    }
}

impl Connection {
    /// Connects.
    pub async fn open(address: SocketAddr) -> Outcome<Self> {
        let stream =
            TcpStream::connect(address).await.map_err(|error| format!("cannot connect to {address}: {error}"))?;
        Self::over(stream, &address.to_string()).await
    }

    /// Speaks over a stream that is open already, such as one with TLS, to a host of that name.
    pub async fn over(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static, host: &str) -> Outcome<Self> {
        let (sender, connection) =
            handshake(TokioIo::new(stream)).await.map_err(|error| format!("no HTTP connection: {error}"))?;
        let driver = tokio::spawn(async move { drop(connection.await) });
        Ok(Self { sender, driver, host: host.to_owned() })
    }

    /// Sends a request and reads the whole reply. Without a `Host` of its own it gets the right one.
    pub async fn send(&mut self, request: Request) -> Outcome<Reply> {
        let request = self.written(request)?;
        timeout(DEADLINE, self.exchange(request)).await.map_err(|_| format!("no reply within {DEADLINE:?}"))?
    }

    async fn exchange(&mut self, request: http::Request<Full<Bytes>>) -> Outcome<Reply> {
        self.sender.ready().await.map_err(|error| format!("the connection is closed: {error}"))?;
        let reply = self.sender.send_request(request).await.map_err(|error| format!("no reply: {error}"))?;
        let (head, body) = reply.into_parts();
        let body = body.collect().await.map_err(|error| format!("the reply broke off: {error}"))?.to_bytes();
        Ok(Reply { status: head.status.as_u16(), headers: head.headers, body })
    }

    fn written(&self, request: Request) -> Outcome<http::Request<Full<Bytes>>> {
        let target: Uri = request.target.parse().map_err(|error| format!("{} is no path: {error}", request.target))?;
        let mut built = http::Request::builder().method(request.method.as_str()).uri(target);
        if !request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            built = built.header("host", self.host.as_str());
        }
        for (name, value) in &request.headers {
            built = built.header(name.as_str(), value.as_str());
        }
        built.body(Full::new(request.body)).map_err(|error| format!("this request cannot be written: {error}"))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Reply {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> Outcome<serde_json::Value> {
        serde_json::from_slice(&self.body).map_err(|error| format!("the body is no JSON: {error}\n{}", self.text()))
    }

    /// True if the body is an event stream.
    pub(crate) fn is_events(&self) -> bool {
        self.headers
            .get(http::header::CONTENT_TYPE)
            .is_some_and(|value| value.as_bytes().starts_with(b"text/event-stream"))
    }

    /// The data of its events. Comments are not events, and those without data only say how to come back.
    pub(crate) fn events(&self) -> Vec<String> {
        let text = self.text();
        let data = |event: &str| {
            let lines: Vec<&str> =
                event.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim_start).collect();
            Some(lines.join("\n")).filter(|data| !data.is_empty())
        };
        text.split("\n\n").filter_map(data).collect()
    }
}
