//! The fake server over streamable HTTP: JSON if there is only an end to tell, else an event stream.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::io::{AsyncReadExt, stdin};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::message::{self, MODERN, Message, Trouble};
use crate::peer::Peer;
use crate::server::Server;

type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;

const SESSION: &str = "mcp-session-id";
/// The one session there is: nothing here depends on whose it is.
const THE_SESSION: &str = "fake-session";

/// Serves until standard input ends, so that it never outlives the test that started it.
pub(crate) async fn serve(server: Arc<Server>) -> Result<(), String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| format!("cannot listen: {error}"))?;
    let address = listener.local_addr().map_err(|error| format!("cannot listen: {error}"))?;
    #[allow(clippy::print_stdout, reason = "the URL is what this program prints")]
    {
        println!("http://{address}/mcp");
    }
    let mut rest = Vec::new();
    let mut input = stdin();
    let ended = input.read_to_end(&mut rest);
    tokio::pin!(ended);
    loop {
        tokio::select! {
            _ = &mut ended => return Ok(()),
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(tokio::spawn(connection(Arc::clone(&server), stream))),
                Err(error) => return Err(format!("cannot accept: {error}")),
            },
        }
    }
}

async fn connection(server: Arc<Server>, stream: TcpStream) {
    let service = service_fn(|request| {
        let server = Arc::clone(&server);
        async move { Ok::<_, Infallible>(exchange(server, request).await) }
    });
    // A client that hangs up in the middle is part of many tests.
    let _ = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
}

async fn exchange(server: Arc<Server>, request: Request<Incoming>) -> Answer {
    let (head, body) = request.into_parts();
    if head.method == Method::DELETE && head.headers.contains_key(SESSION) {
        server.diary.note("session ended");
        return empty(StatusCode::NO_CONTENT);
    }
    if head.method != Method::POST {
        return empty(StatusCode::METHOD_NOT_ALLOWED);
    }
    let Ok(body) = body.collect().await else { return empty(StatusCode::BAD_REQUEST) };
    if server.options.mute {
        std::future::pending::<()>().await;
    }
    let text = String::from_utf8_lossy(&body.to_bytes()).into_owned();
    match Message::parse(&text) {
        Err(complaint) => {
            server.diary.note(&complaint);
            empty(StatusCode::BAD_REQUEST)
        }
        Ok(message) if message.method.is_none() => {
            server.asks.answered(message);
            empty(StatusCode::ACCEPTED)
        }
        Ok(message) if message.id.is_none() => {
            server.notified(&message);
            empty(StatusCode::ACCEPTED)
        }
        Ok(message) => request_answered(server, &head.headers, message).await,
    }
}

async fn request_answered(server: Arc<Server>, headers: &HeaderMap, message: Message) -> Answer {
    let Some(id) = message.id.clone() else { return empty(StatusCode::BAD_REQUEST) };
    if let Err(trouble) = admitted(headers, &message) {
        return json(StatusCode::BAD_REQUEST, message::response(&id, &Err(trouble)));
    }
    let opens = message.method.as_deref() == Some("initialize");
    let mut talk = Talk::start(&server, headers, message);
    let mut answer = match talk.before_end.recv().await {
        None => talk.end().await.map_or_else(empty, |(status, text)| json(status, text)),
        Some(first) => events(first, talk),
    };
    if opens && let Ok(session) = THE_SESSION.parse() {
        answer.headers_mut().insert(SESSION, session);
    }
    answer
}

/// Whether the headers fit the message: a modern one must be mirrored, a legacy one must belong to the session.
fn admitted(headers: &HeaderMap, message: &Message) -> Result<(), Trouble> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let accepts = header(ACCEPT.as_str()).is_some_and(|value| value.contains("json") && value.contains("event-stream"));
    if !accepts {
        return Err(Trouble::new(-32600, "Accept must list both forms of a reply"));
    }
    let method = message.method.as_deref();
    if !message.is_modern() {
        let in_session =
            method == Some("initialize") || header(SESSION) == Some(THE_SESSION) || method == Some("server/discover");
        return if in_session { Ok(()) } else { Err(Trouble::new(-32000, "No session")) };
    }
    let params = message.params();
    let name = params["name"].as_str().or(params["uri"].as_str()).or(params["taskId"].as_str());
    let named = matches!(method, Some("tools/call" | "prompts/get" | "resources/read"))
        || method.is_some_and(|method| method.starts_with("tasks/"));
    let mirrored = header("mcp-protocol-version") == Some(MODERN)
        && header("mcp-method") == method
        && (!named || header("mcp-name") == name);
    if mirrored { Ok(()) } else { Err(Trouble::new(-32020, "The headers do not say what the body says")) }
}

/// A request under way. Dropping it ends the call: the client has hung up.
struct Talk {
    before_end: mpsc::UnboundedReceiver<String>,
    task: Option<JoinHandle<(StatusCode, String)>>,
    server: Arc<Server>,
}

impl Talk {
    fn start(server: &Arc<Server>, headers: &HeaderMap, message: Message) -> Self {
        let (outbox, before_end) = mpsc::unbounded_channel();
        let peer = Peer::new(outbox, &server.asks, Some(shown(headers)));
        let key = message.id.as_ref().map(|id| id.get().to_owned()).unwrap_or_default();
        let (running, ended) = (Arc::clone(server), key.clone());
        let call = async move {
            let outcome = running.answer(&message, &peer).await;
            running.ended(&ended);
            let id = message.id.as_deref().unwrap_or(RawValue::NULL);
            (status(&outcome, message.is_modern()), message::response(id, &outcome))
        };
        let task = server.start(&key, || tokio::spawn(call));
        Self { before_end, task: Some(task), server: Arc::clone(server) }
    }

    /// The last word; only a status if the call was cancelled.
    async fn end(&mut self) -> Result<(StatusCode, String), StatusCode> {
        let Some(task) = &mut self.task else { return Err(StatusCode::INTERNAL_SERVER_ERROR) };
        let end = task.await.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR);
        self.task = None;
        end
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        if let Some(task) = self.task.take().filter(|task| !task.is_finished()) {
            task.abort();
            self.server.diary.note("cancelled by hanging up");
        }
    }
}

fn status(outcome: &Result<String, Trouble>, modern: bool) -> StatusCode {
    match outcome {
        Err(trouble) if modern && trouble.code == -32601 => StatusCode::NOT_FOUND,
        Err(trouble) if modern && matches!(trouble.code, -32021 | -32022) => StatusCode::BAD_REQUEST,
        _ => StatusCode::OK,
    }
}

fn shown(headers: &HeaderMap) -> Value {
    let pairs =
        headers.iter().map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into()));
    Value::Object(pairs.collect())
}

fn empty(status: StatusCode) -> Answer {
    with(status, Full::default().boxed_unsync())
}

fn json(status: StatusCode, text: String) -> Answer {
    let mut answer = with(status, Full::from(text).boxed_unsync());
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

fn events(first: String, talk: Talk) -> Answer {
    let stream = futures_util::stream::unfold((Some(first), Some(talk)), |(first, talk)| async move {
        let mut talk = talk?;
        let line = match first {
            Some(line) => Some(line),
            None => talk.before_end.recv().await,
        };
        let (line, rest) = match line {
            Some(line) => (line, Some(talk)),
            None => (talk.end().await.ok()?.1, None),
        };
        Some((Ok(Frame::data(Bytes::from(format!("event: message\ndata: {line}\n\n")))), (None, rest)))
    });
    let mut answer = with(StatusCode::OK, StreamBody::new(stream).boxed_unsync());
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    answer
}

fn with(status: StatusCode, body: UnsyncBoxBody<Bytes, Infallible>) -> Answer {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    answer
}
