//! What a server asks in the middle of a call: how it reaches whoever made the call, and how the answer goes back.

use std::future::Future;

use bytes::Bytes;
use cardea_chain::{Answered, Ask};
use cardea_message::meta::{self, Meta, MetaEdit};
use cardea_message::{ErrorObject, Id, Message, Method, Notification, Pointer, Request, Splice, compose, error, json};
use tokio::task::AbortHandle;

/// The answer to a request of a server that nobody is asked about. Only `ping` leads anywhere.
pub(crate) fn answer(request: &Request) -> Bytes {
    if request.method == Method::PING {
        return compose::result(&request.id, b"{}");
    }
    refusal(&request.id, &request.method)
}

/// Asks of one server that are not answered yet. What an answer goes back to is the server's own id.
#[derive(Debug, Default)]
pub(crate) struct OpenAsks(Vec<Open>);

#[derive(Debug)]
struct Open {
    /// The server's id.
    theirs: Id,
    /// Ours, by which clients know it.
    ours: u64,
    /// Ends the wait for the answer.
    waiting: AbortHandle,
}

/// Asks that one call over HTTP, or one process, may have open.
const MOST: usize = 64;

impl OpenAsks {
    /// Opens an ask; `send` takes the answer back, also the refusal of an ask nobody answers. None if too many are open: that
    /// too is told.
    pub(crate) fn open<S, F>(&mut self, request: &Request, send: S) -> Option<Ask>
    where
        S: FnOnce(Bytes) -> F + Send + 'static,
        F: Future<Output = ()> + Send,
    {
        self.0.retain(|open| !open.waiting.is_finished());
        let (id, method) = (request.id.clone(), request.method.clone());
        let (ask, answered) = Ask::new(method.clone(), request.params().map(|params| without_token(&params)));
        let ours = ask.id;
        let task = tokio::spawn(async move {
            let answer = answered.await.map_or_else(|_| refusal(&id, &method), |answered| message(&id, answered));
            send(answer).await;
        });
        if self.0.len() >= MOST {
            return None;
        }
        self.0.push(Open { theirs: request.id.clone(), ours, waiting: task.abort_handle() });
        Some(ask)
    }

    /// A notification for the client. One that takes an ask back names it by our id; one that takes back what is not asked
    /// says nothing to anybody.
    pub(crate) fn pass(&mut self, notification: Notification) -> Option<Notification> {
        if notification.method != Method::CANCELLED {
            return Some(notification);
        }
        let params = notification.params()?;
        let span = json::find(&params, &Pointer::root().child("requestId"))?;
        let id = Id::parse(&params[span.clone()]).ok()?;
        let at = self.0.iter().position(|open| open.theirs == id && !open.waiting.is_finished())?;
        let open = self.0.swap_remove(at);
        open.waiting.abort();
        let start = notification.params_span()?.start;
        let span = span.start + start..span.end + start;
        let renamed = Splice::new(notification.bytes().clone()).replace(span, open.ours.to_string());
        match Message::parse_reply(renamed.into_bytes()) {
            Ok(Message::Notification(renamed)) => Some(renamed),
            _ => None,
        }
    }
}

/// No road leads a client's progress with an answer to its server, so none is asked for.
fn without_token(params: &Bytes) -> Bytes {
    Meta::of(Some(params)).edited(&MetaEdit { remove: vec![meta::PROGRESS_TOKEN.into()], ..MetaEdit::default() })
}

fn message(id: &Id, answered: Answered) -> Bytes {
    match answered {
        Ok(result) => compose::result(id, &result),
        Err(error) => compose::error(Some(id), &error),
    }
}

fn refusal(id: &Id, method: &Method) -> Bytes {
    let words = format!("{method} is not available: the client cannot be asked");
    compose::error(Some(id), &ErrorObject::new(error::METHOD_NOT_FOUND, words))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::{Value, json};
    use tokio::sync::mpsc;

    use super::*;

    fn request(id: &str) -> Request {
        let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"roots/list"}}"#);
        match Message::parse(text.into()).unwrap() {
            Message::Request(request) => request,
            other => panic!("{other:?}"),
        }
    }

    fn cancelled(id: &Value) -> Notification {
        let params = json!({ "reason": "late", "requestId": id }).to_string();
        match Message::parse(compose::notification("notifications/cancelled", Some(params.as_bytes()))).unwrap() {
            Message::Notification(notification) => notification,
            other => panic!("{other:?}"),
        }
    }

    fn to(sent: &mpsc::UnboundedSender<Bytes>) -> impl FnOnce(Bytes) -> std::future::Ready<()> + Send + 'static {
        let sent = sent.clone();
        move |answer| {
            sent.send(answer).unwrap();
            std::future::ready(())
        }
    }

    #[tokio::test]
    async fn an_answer_goes_back_under_the_servers_own_id_and_silence_is_a_refusal() {
        let (sent, mut answers) = mpsc::unbounded_channel();
        let mut asks = OpenAsks::default();
        asks.open(&request(r#""q""#), to(&sent)).unwrap().answer(Ok("{\"roots\":[]}".into()));
        assert_eq!(answers.recv().await.unwrap(), r#"{"jsonrpc":"2.0","id":"q","result":{"roots":[]}}"#);
        drop(asks.open(&request("0"), to(&sent)).unwrap());
        let refused: Value = serde_json::from_slice(&answers.recv().await.unwrap()).unwrap();
        assert_eq!((&refused["id"], &refused["error"]["code"]), (&json!(0), &json!(-32601)));
    }

    #[tokio::test]
    async fn an_ask_that_is_taken_back_is_named_as_the_client_knows_it() {
        let (sent, _answers) = mpsc::unbounded_channel();
        let mut asks = OpenAsks::default();
        let ask = asks.open(&request("5"), to(&sent)).unwrap();
        assert!(asks.pass(cancelled(&json!(6))).is_none(), "nobody was asked that");
        let told = asks.pass(cancelled(&json!(5))).unwrap();
        let told: Value = serde_json::from_slice(told.bytes()).unwrap();
        assert_eq!(told["params"], json!({ "reason": "late", "requestId": ask.id }));
        while !ask.is_withdrawn() {
            tokio::task::yield_now().await;
        }
        assert!(asks.pass(cancelled(&json!(5))).is_none(), "once is enough");
    }

    #[tokio::test]
    async fn too_many_open_asks_are_refused() {
        let (sent, mut answers) = mpsc::unbounded_channel();
        let mut asks = OpenAsks::default();
        let kept: Vec<_> = (0..MOST).map(|id| asks.open(&request(&id.to_string()), to(&sent)).unwrap()).collect();
        assert!(asks.open(&request(r#""more""#), to(&sent)).is_none());
        let refused: Value = serde_json::from_slice(&answers.recv().await.unwrap()).unwrap();
        assert_eq!((&refused["id"], &refused["error"]["code"]), (&json!("more"), &json!(-32601)));
        drop(kept);
    }
}
