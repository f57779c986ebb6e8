//! `subscriptions/listen` of a modern client at a legacy server: what the server says in its session, as a stream.

use std::sync::Arc;
use std::time::Duration;

use cardea_chain::{Call, Event, Exchange, Listener};
use cardea_message::{Filter, Message, Method, Notification, compose};
use futures_util::{StreamExt, stream};
use tokio::runtime::Handle;
use tokio::time::{MissedTickBehavior, interval};

use crate::audience::{Audience, News};
use crate::session::Session;
use crate::subscription::outrun;
use crate::wire::{Connection, Headers};

/// How often it is looked whether the session still is one.
const LOOK: Duration = Duration::from_secs(1);

/// One who listens in a session, until it is dropped.
struct Hearing<C: Connection> {
    session: Arc<Session<C>>,
    news: News,
}

/// Listens in a session for what the call's filter wants and the server declares.
pub(crate) async fn open<C: Connection>(session: &Arc<Session<C>>, call: &Call) -> Exchange {
    let wanted = Filter::of(call.params());
    let told = &session.greeting.tells;
    let lists = Filter { uris: Vec::new(), tasks: Vec::new(), ..wanted.and(&told.lists) };
    session.line.connection.follow(&(Arc::<Audience>::clone(&session.audience) as Arc<dyn Listener>));
    if !lists.is_empty() || told.updates {
        session.line.connection.listen().await;
    }
    let mut honoured = lists.clone();
    let hearing = Hearing { session: Arc::clone(session), news: session.audience.open(lists) };
    for uri in wanted.uris.iter().filter(|_| told.updates) {
        if hearing.subscribe(uri).await {
            honoured.uris.push(uri.clone());
        }
    }
    let acknowledged = notification(Method::SUBSCRIPTIONS_ACKNOWLEDGED.as_str(), &honoured.to_params());
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let news = stream::unfold(Some((hearing, look)), |listening| async {
        let (mut hearing, mut look) = listening?;
        loop {
            tokio::select! {
                biased;
                news = hearing.news.next() => return Some(match news {
                    Some(news) => (Ok(Event::Notification(news)), Some((hearing, look))),
                    None => (Err(outrun(hearing.session.blame())), None),
                }),
                _ = look.tick() => if !hearing.session.is_open() {
                    return Some((Err(hearing.session.blame().unreachable("its session ended")), None));
                },
            }
        }
    });
    Exchange::Open(stream::iter(acknowledged.map(|said| Ok(Event::Notification(said)))).chain(news).boxed())
}

impl<C: Connection> Hearing<C> {
    /// Whether the server tells of updates of a URI.
    async fn subscribe(&self, uri: &str) -> bool {
        // One at a time: the second who wants a URI must not believe that the first will have it.
        let _turn = self.session.subscribing.lock().await;
        if !self.session.audience.add(self.news.ear, uri)
            || request(&self.session, Method::RESOURCES_SUBSCRIBE, uri).await
        {
            return true;
        }
        self.session.audience.take_back(self.news.ear, uri);
        false
    }
}

impl<C: Connection> Drop for Hearing<C> {
    fn drop(&mut self) {
        let unwanted = self.session.audience.close(self.news.ear);
        let Ok(runtime) = Handle::try_current() else { return };
        if unwanted.is_empty() || !self.session.is_open() {
            return;
        }
        let session = Arc::clone(&self.session);
        runtime.spawn(async move {
            let _turn = session.subscribing.lock().await;
            for uri in unwanted.iter().filter(|uri| !session.audience.wants(uri)) {
                request(&session, Method::RESOURCES_UNSUBSCRIBE, uri).await;
            }
        });
    }
}

async fn request<C: Connection>(session: &Session<C>, method: Method, uri: &str) -> bool {
    let params = serde_json::json!({ "uri": uri }).to_string();
    let asked = session.line.request(method, Some(params.as_bytes()), Headers::new(), session.blame());
    asked.await.is_ok_and(|answer| answer.error().is_none())
}

fn notification(method: &str, params: &[u8]) -> Option<Notification> {
    match Message::parse_reply(compose::notification(method, Some(params))) {
        Ok(Message::Notification(notification)) => Some(notification),
        _ => None,
    }
}
