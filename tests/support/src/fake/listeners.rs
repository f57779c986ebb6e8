//! Subscriptions of 2026-07-28: who is told of which changes, and until when.

use std::sync::{Mutex, PoisonError};

use serde_json::{Map, Value, json};
use tokio::sync::mpsc;

use crate::message::Message;
use crate::peer::Peer;

/// Those who listen.
#[derive(Default)]
pub(crate) struct Listeners(Mutex<Vec<mpsc::UnboundedSender<String>>>);

impl Listeners {
    /// Serves a `subscriptions/listen` until its end is told as a change.
    pub(crate) async fn listen(&self, message: &Message, peer: &Peer, begun: impl FnOnce()) -> Value {
        let wanted = message.params()["notifications"].clone();
        let id: Value = message.id.as_ref().and_then(|id| serde_json::from_str(id.get()).ok()).unwrap_or_default();
        let meta = json!({ "io.modelcontextprotocol/subscriptionId": id });
        let (listener, mut changes) = mpsc::unbounded_channel();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(listener);
        let acknowledged = json!({ "notifications": honoured(&wanted), "_meta": meta });
        peer.notify("notifications/subscriptions/acknowledged", &acknowledged);
        begun();
        while let Some(what) = changes.recv().await {
            match what.as_str() {
                "end" => break,
                "tools" if wanted["toolsListChanged"] == true => {
                    peer.notify("notifications/tools/list_changed", &json!({ "_meta": meta }));
                }
                uri if named(&wanted["resourceSubscriptions"], uri) => {
                    peer.notify("notifications/resources/updated", &json!({ "uri": uri, "_meta": meta }));
                }
                task if named(&wanted["taskIds"], task) => {
                    let done = json!({ "taskId": task, "status": "completed", "_meta": meta });
                    peer.notify("notifications/tasks", &done);
                }
                _ => {}
            }
        }
        json!({ "resultType": "complete", "_meta": meta })
    }

    /// Tells of a change: `tools`, a URI, a task, or the `end` of all subscriptions.
    pub(crate) fn tell(&self, what: &str) {
        let mut listeners = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.retain(|listener| listener.send(what.to_owned()).is_ok());
    }
}

/// The part of a filter that is served: all but prompts, which never change here.
fn honoured(wanted: &Value) -> Value {
    let served = ["toolsListChanged", "resourceSubscriptions", "taskIds"];
    let kept = |key: &str| wanted.get(key).map(|value| (key.to_owned(), value.clone()));
    Value::Object(served.into_iter().filter_map(kept).collect::<Map<_, _>>())
}

fn named(all: &Value, one: &str) -> bool {
    all.as_array().is_some_and(|all| all.iter().any(|named| named == one))
}
