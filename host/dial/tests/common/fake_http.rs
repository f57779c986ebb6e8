//! An MCP server over HTTP that does what a test says.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::StreamExt;
use http::{HeaderMap, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

/// A request as the server got it.
#[derive(Clone, Debug)]
pub struct Seen {
    pub http: http::Method,
    /// Path and query.
    pub target: String,
    pub headers: HeaderMap,
    pub raw: Bytes,
    pub body: Value,
}

impl Seen {
    pub fn method(&self) -> &str {
        self.body["method"].as_str().unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub fn id(&self) -> &Value {
        &self.body["id"]
    }

    /// A response to it.
    pub fn result(&self, result: Value) -> Reply {
        Reply::json(json!({ "jsonrpc": "2.0", "id": self.id(), "result": result }).to_string())
    }

    /// An error to it.
    pub fn error(&self, code: i64, message: &str) -> Reply {
        let error = json!({ "jsonrpc": "2.0", "id": self.id(), "error": { "code": code, "message": message } });
        Reply::json(error.to_string())
    }

    /// What a modern server answers when it is first spoken to.
    pub fn discovered(&self) -> Reply {
        self.result(json!({
            "supportedVersions": ["2026-07-28"], "capabilities": { "tools": { "listChanged": true }, "logging": {} },
            "resultType": "complete", "ttlMs": 3_600_000, "cacheScope": "public", "x": 1,
        }))
    }

    /// What a legacy server answers when it is first spoken to.
    pub fn initialized(&self, session: &str) -> Reply {
        self.result(json!({
            "protocolVersion": "2025-06-18", "capabilities": { "tools": {}, "logging": {} },
            "serverInfo": { "name": "old", "version": "1" },
        }))
        .header("mcp-session-id", session)
    }
}

/// What the server answers.
pub struct Reply {
    response: Response<BoxBody<Bytes, io::Error>>,
}

/// Writes to a stream of events.
pub type Events = mpsc::UnboundedSender<io::Result<Bytes>>;

impl Reply {
    pub fn json(text: impl Into<Bytes>) -> Self {
        Self::of("application/json", text)
    }

    pub fn of(kind: &str, text: impl Into<Bytes>) -> Self {
        let body = Full::new(text.into()).map_err(|never| match never {}).boxed();
        Self { response: Response::builder().header("content-type", kind).body(body).unwrap() }
    }

    pub fn empty(status: u16) -> Self {
        Self::of("text/plain", "").status(status)
    }

    /// A stream of events, and who writes them.
    pub fn events() -> (Self, Events) {
        let (events, written) = mpsc::unbounded_channel();
        let frames = futures_util::stream::unfold(written, |mut written: mpsc::UnboundedReceiver<_>| async {
            Some((written.recv().await?, written))
        });
        let body = StreamBody::new(frames.map(|chunk: io::Result<Bytes>| chunk.map(Frame::data)));
        let response = Response::builder().header("content-type", "text/event-stream; charset=utf-8");
        (Self { response: response.body(BodyExt::boxed(body)).unwrap() }, events)
    }

    pub fn status(mut self, status: u16) -> Self {
        *self.response.status_mut() = StatusCode::from_u16(status).unwrap();
        self
    }

    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.response.headers_mut().insert(name, value.parse().unwrap());
        self
    }
}

/// One event of a stream.
pub fn event(message: &Value) -> io::Result<Bytes> {
    Ok(format!("event: message\ndata: {message}\n\n").into())
}

type Handler = dyn Fn(Seen) -> Pin<Box<dyn Future<Output = Reply> + Send>> + Send + Sync;

/// The server. It ends with the runtime of its test.
pub struct FakeHttp {
    pub url: Uri,
    seen: Arc<Mutex<Vec<Seen>>>,
    count: watch::Receiver<usize>,
    connections: Arc<AtomicUsize>,
}

impl FakeHttp {
    /// A server that answers as `handler` does.
    pub async fn start<F, Fut>(handler: F) -> Self
    where
        F: Fn(Seen) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Reply> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap()).parse().unwrap();
        let handler: Arc<Handler> = Arc::new(move |seen| Box::pin(handler(seen)));
        let (told, count) = watch::channel(0);
        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let (log, told) = (Arc::clone(&seen), Arc::new(told));
        let connections = Arc::<AtomicUsize>::default();
        let accepted = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                accepted.fetch_add(1, Ordering::SeqCst);
                let (handler, log, told) = (Arc::clone(&handler), Arc::clone(&log), Arc::clone(&told));
                let service = service_fn(move |request| {
                    serve(request, Arc::clone(&handler), Arc::clone(&log), Arc::clone(&told))
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(socket), service));
            }
        });
        Self { url, seen, count, connections }
    }

    /// How many connections were made to it.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// All requests so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The methods of all requests so far.
    pub fn methods(&self) -> Vec<String> {
        self.seen().iter().map(|seen| seen.method().to_owned()).collect()
    }

    /// Waits for a request.
    pub async fn wait_for(&self, wanted: impl Fn(&Seen) -> bool) -> Seen {
        let mut count = self.count.clone();
        super::within(async {
            loop {
                count.borrow_and_update();
                if let Some(seen) = self.seen().into_iter().find(|seen| wanted(seen)) {
                    return seen;
                }
                count.changed().await.unwrap();
            }
        })
        .await
    }
}

async fn serve(
    request: Request<Incoming>,
    handler: Arc<Handler>,
    log: Arc<Mutex<Vec<Seen>>>,
    told: Arc<watch::Sender<usize>>,
) -> Result<Response<BoxBody<Bytes, io::Error>>, Infallible> {
    let (head, body) = request.into_parts();
    let raw = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let body = serde_json::from_slice(&raw).unwrap_or_default();
    let target = head.uri.to_string();
    let seen = Seen { http: head.method, target, headers: head.headers, raw, body };
    log.lock().unwrap().push(seen.clone());
    told.send_modify(|count| *count += 1);
    Ok(handler(seen).await.response)
}
