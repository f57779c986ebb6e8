//! What a legacy client hears of a modern server's changes: one `subscriptions/listen` in its name, opened anew whenever its
//! subscriptions change and whenever it ends.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use cardea_chain::{Call, Client, Deadline, Event, Exchange, Fault, FaultKind, Listener, Side};
use cardea_message::{Filter, Message, Meta, MetaEdit, Method, Notification, Splice, Version, compose, meta};
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use tokio::sync::Mutex;
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout_at};

use crate::follower::Subscriptions;
use crate::translate;
use crate::wire::Said;

/// How long a server has to acknowledge.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long after its end a stream is opened again: the first time, and at most.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Makes a call at the server.
pub(crate) type Reach = dyn Fn(Arc<Call>) -> BoxFuture<'static, Result<Exchange, Fault>> + Send + Sync;

/// One session of a legacy client, as a subscriber of a modern server.
pub(crate) struct Watch {
    listener: Arc<dyn Listener>,
    uris: Subscriptions,
    reach: Box<Reach>,
    begun: AtomicBool,
    /// Ends what is open when it is dropped. Held while another is opened.
    open: Mutex<Option<Task>>,
}

struct Task(AbortHandle);

impl Watch {
    pub(crate) fn new(listener: &Arc<dyn Listener>, reach: Box<Reach>) -> Arc<Self> {
        Arc::new(Self {
            listener: Arc::clone(listener),
            uris: Subscriptions::default(),
            reach,
            begun: AtomicBool::new(false),
            open: Mutex::default(),
        })
    }

    /// Begins to listen for changes of lists, once.
    pub(crate) async fn begin(self: &Arc<Self>, call: &Call, lists: &Filter) {
        if lists.is_empty() || self.begun.swap(true, Ordering::Relaxed) {
            return;
        }
        if let Err(fault) = self.renew(call, lists).await {
            tracing::warn!(fault = fault.word(), "changes of lists are not heard of: {}", fault.inside);
        }
    }

    /// Takes `resources/subscribe` or `resources/unsubscribe` of the client.
    pub(crate) async fn change(self: &Arc<Self>, call: &Call, lists: &Filter) -> Result<Exchange, Fault> {
        let uri = call.native_name.as_deref().unwrap_or_default();
        self.begun.store(true, Ordering::Relaxed);
        self.uris.taken(&call.method, uri);
        let honoured = self.renew(call, lists).await;
        let wanted = call.method == Method::RESOURCES_SUBSCRIBE;
        match honoured {
            Ok(honoured) if !wanted || honoured.uris.iter().any(|known| known == uri) => {
                Ok(Exchange::Composed(b"{}".as_slice().into()))
            }
            Ok(_) => {
                self.uris.lost(uri);
                let words = "The server does not tell of updates of this resource";
                Err(Fault::new(Side::Server, FaultKind::InvalidParams, words, format!("{uri} is not acknowledged")))
            }
            Err(fault) => {
                if wanted {
                    self.uris.lost(uri);
                }
                Err(fault)
            }
        }
    }

    /// Opens a stream for everything that is wanted now in the place of the one that is open. Says what is honoured.
    async fn renew(self: &Arc<Self>, call: &Call, lists: &Filter) -> Result<Filter, Fault> {
        let mut open = self.open.lock().await;
        let uris = self.uris.all().iter().map(ToString::to_string).collect();
        let wanted = Filter { uris, ..lists.clone() };
        if wanted.is_empty() {
            *open = None;
            return Ok(wanted);
        }
        let listen = listen(call, &wanted);
        let (honoured, events) = self.acknowledged(Arc::clone(&listen)).await?;
        let task = tokio::spawn(relay(Arc::downgrade(self), listen, events));
        *open = Some(Task(task.abort_handle()));
        Ok(honoured)
    }

    async fn acknowledged(&self, listen: Arc<Call>) -> Result<(Filter, Said), Fault> {
        let until = tokio::time::Instant::now() + PATIENCE;
        let late = |_| Fault::deadline("a subscription");
        let opened = timeout_at(until, (self.reach)(listen)).await.map_err(late)??;
        let Exchange::Open(mut events) = opened else { return Err(refused("it ended at once")) };
        loop {
            match timeout_at(until, events.next()).await.map_err(late)? {
                Some(Ok(Event::Notification(said))) if said.method == Method::SUBSCRIPTIONS_ACKNOWLEDGED => {
                    return Ok((Filter::of(&said.params().unwrap_or_default()), events));
                }
                Some(Ok(Event::Notification(_) | Event::Ask(_))) => {}
                Some(Ok(Event::End(_))) | None => return Err(refused("it ended without an acknowledgement")),
                Some(Err(fault)) => return Err(fault),
            }
        }
    }

    fn hear(&self, notification: &Notification) {
        if translate::is_of_session(&notification.method)
            && let Some(plain) = unnamed(notification)
        {
            self.listener.hear(&plain);
        }
    }

    /// Tells the client that everything may have changed while nobody listened.
    fn missed(&self, honoured: &Filter) {
        let lists = [
            (honoured.tools, Method::TOOLS_LIST_CHANGED),
            (honoured.prompts, Method::PROMPTS_LIST_CHANGED),
            (honoured.resources, Method::RESOURCES_LIST_CHANGED),
        ];
        for (_, method) in lists.iter().filter(|(wanted, _)| *wanted) {
            composed(method, None).inspect(|said| self.listener.hear(said));
        }
        for uri in &honoured.uris {
            let params = serde_json::json!({ "uri": uri }).to_string();
            composed(&Method::RESOURCES_UPDATED, Some(params.as_bytes())).inspect(|said| self.listener.hear(said));
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Brings what a stream says to its client, and opens another whenever it ends, as long as somebody watches.
async fn relay(watch: Weak<Watch>, listen: Arc<Call>, mut events: Said) {
    loop {
        while let Some(Ok(event)) = events.next().await {
            let Some(watch) = watch.upgrade() else { return };
            match event {
                Event::Notification(notification) => watch.hear(&notification),
                Event::End(_) => break,
                Event::Ask(_) => {}
            }
        }
        let mut pause = PAUSE;
        let (honoured, opened) = loop {
            sleep(pause).await;
            let Some(watch) = watch.upgrade() else { return };
            match watch.acknowledged(Arc::clone(&listen)).await {
                Ok(open) => break open,
                Err(fault) => tracing::debug!(fault = fault.word(), "not listening yet: {}", fault.inside),
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        };
        events = opened;
        let Some(watch) = watch.upgrade() else { return };
        watch.missed(&honoured);
    }
}

/// The subscription that stands for what a legacy client wants, in the name of one of its calls.
fn listen(call: &Call, wanted: &Filter) -> Arc<Call> {
    let client = Client {
        version: Version::LATEST,
        capabilities: b"{}".as_slice().into(),
        log_level: None,
        progress_token: None,
        session: None,
        info: call.client.info.clone(),
    };
    Arc::new(Call {
        method: Method::SUBSCRIPTIONS_LISTEN,
        params: Some(wanted.to_params().into()),
        name: None,
        native_name: None,
        client: Arc::new(client),
        deadline: Deadline::new(PATIENCE, PATIENCE),
        ..call.clone()
    })
}

/// A notification without the name of a subscription its client knows nothing of.
fn unnamed(notification: &Notification) -> Option<Notification> {
    let (Some(params), Some(span)) = (notification.params(), notification.params_span()) else {
        return Some(notification.clone());
    };
    let edit = MetaEdit { remove: vec![meta::SUBSCRIPTION_ID.into()], ..MetaEdit::default() };
    let params = Meta::of(Some(&params)).edited(&edit);
    parsed(Splice::new(notification.bytes().clone()).replace(span, params).into_bytes())
}

fn composed(method: &Method, params: Option<&[u8]>) -> Option<Notification> {
    parsed(compose::notification(method.as_str(), params))
}

fn parsed(text: bytes::Bytes) -> Option<Notification> {
    match Message::parse_reply(text) {
        Ok(Message::Notification(notification)) => Some(notification),
        _ => None,
    }
}

fn refused(inside: &str) -> Fault {
    let outside = "The server does not take the subscription";
    Fault::new(Side::Server, FaultKind::BadReply, outside, format!("subscriptions/listen: {inside}"))
}
