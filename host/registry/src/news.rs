//! A subscription of 2026-07-28 at an endpoint of several servers: one stream to the client, one to each server that has
//! something to tell.

use std::sync::Arc;
use std::time::Duration;

use cardea_chain::{Call, Deadline, Event, Exchange, Fault, FaultKind, Side};
use cardea_message::{Filter, Message, Method, Notification, Pointer, compose, json};
use futures_util::future::join_all;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, stream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::ask;
use crate::offers::Offers;
use crate::registry::Known;
use crate::tasks;

/// How long a server has to acknowledge. One that is slower is heard later.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long after its end a server's stream is opened again: the first time, and at most.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// News that may wait for the client: a server beyond that waits too.
const WAITING: usize = 64;

/// What one server is asked to tell.
struct Source {
    server: Arc<Known>,
    call: Arc<Call>,
}

/// What a server says about a subscription.
type Said = BoxStream<'static, Result<Event, Fault>>;

/// Subscribes at every server that may have something to tell, and acknowledges what they honour together.
pub(crate) async fn open(offers: &Offers, call: &Arc<Call>) -> Result<Exchange, Fault> {
    let sources = sources(offers, call).await?;
    let opened = join_all(sources.iter().map(|source| timeout(PATIENCE, source.open()))).await;
    let (sender, receiver) = mpsc::channel(WAITING);
    let mut honoured = Filter::default();
    let mut streams = JoinSet::new();
    for (source, opened) in sources.into_iter().zip(opened) {
        let open = match opened.unwrap_or_else(|_| Err(Fault::deadline(&source.server.name))) {
            Ok((kept, said)) => {
                honoured.add(&kept);
                Some(said)
            }
            Err(fault) => {
                let server = &source.server.name;
                tracing::warn!(%server, fault = fault.word(), "not heard yet in a subscription: {}", fault.inside);
                None
            }
        };
        streams.spawn(source.relay(open, sender.clone()));
    }
    let acknowledged = notification(&Method::SUBSCRIPTIONS_ACKNOWLEDGED, Some(&honoured.to_params()));
    // The streams end when this one is dropped; with no server behind it, it lasts all the same.
    let news = stream::unfold((receiver, sender, streams), |(mut receiver, sender, streams)| async {
        let said = receiver.recv().await?;
        Some((Ok(Event::Notification(said)), (receiver, sender, streams)))
    });
    Ok(Exchange::Open(stream::iter(acknowledged.map(|said| Ok(Event::Notification(said)))).chain(news).boxed()))
}

/// What each server is to tell: the lists it says it tells of, and the URIs that are its own.
async fn sources(offers: &Offers, call: &Arc<Call>) -> Result<Vec<Source>, Fault> {
    let wanted = Filter::of(call.params());
    let mut filters = vec![Filter::default(); offers.naming.servers.len()];
    for (at, account) in offers.ask_present(call, |server| offers.catalog.account(server, call)).await {
        filters[at] = wanted.and(&account.tells());
    }
    for uri in &wanted.uris {
        if let Some(found) = offers.located(call, uri).await? {
            filters[found.at].uris.push(uri.clone());
        }
    }
    for id in &wanted.tasks {
        let task = tasks::opened(&call.subject.key(), id);
        let at = task.and_then(|task| offers.naming.servers.iter().position(|server| *server.name == *task.server));
        if let Some(at) = at {
            filters[at].tasks.push(id.clone());
        }
    }
    let source = |(at, filter): (usize, Filter)| {
        let server = Arc::clone(offers.server(at));
        let call = Arc::new(Call { server: Some(Arc::clone(&server.name)), ..asking(call, &filter) });
        Source { server, call }
    };
    Ok(filters.into_iter().enumerate().filter(|(_, filter)| !filter.is_empty()).map(source).collect())
}

/// The subscription of a client, for one server's share of it.
fn asking(call: &Call, filter: &Filter) -> Call {
    let at = Pointer::root().child("notifications");
    let own = filter.to_params();
    let share = json::find(&own, &at).and_then(|span| json::set(call.params(), &at, &own[span]).ok());
    let params = share.unwrap_or(own).into();
    Call { params: Some(params), deadline: Deadline::new(ask::PATIENCE, ask::PATIENCE), ..call.clone() }
}

impl Source {
    /// Subscribes, and waits for the acknowledgement.
    async fn open(&self) -> Result<(Filter, Said), Fault> {
        let endpoints = &self.server.endpoints;
        let healthy = endpoints.iter().find(|endpoint| endpoint.upstream.load().healthy);
        let Some(endpoint) = healthy.or_else(|| endpoints.first()) else {
            return Err(self.refused("it has no endpoint"));
        };
        let Exchange::Open(mut said) = endpoint.upstream.open(&self.call).await? else {
            return Err(self.refused("it ended at once"));
        };
        while let Some(event) = said.next().await {
            match event? {
                Event::Notification(first) if first.method == Method::SUBSCRIPTIONS_ACKNOWLEDGED => {
                    return Ok((Filter::of(&first.params().unwrap_or_default()), said));
                }
                Event::Notification(_) | Event::Ask(_) => {}
                Event::End(_) => break,
            }
        }
        Err(self.refused("it ended without an acknowledgement"))
    }

    /// Brings what the server says to the client, and subscribes anew whenever that ends.
    async fn relay(self, mut open: Option<Said>, client: mpsc::Sender<Notification>) {
        let mut pause = PAUSE;
        loop {
            while let Some(said) = &mut open
                && let Some(Ok(event)) = said.next().await
            {
                match event {
                    // Who cannot be told any more has left, and this task ends with the stream.
                    Event::Notification(news) => drop(client.send(news).await),
                    Event::Ask(_) => {}
                    Event::End(_) => break,
                }
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            open = match timeout(ask::PATIENCE, self.open()).await {
                Ok(Ok((honoured, said))) => {
                    pause = PAUSE;
                    for missed in everything(&honoured) {
                        drop(client.send(missed).await);
                    }
                    Some(said)
                }
                _ => None,
            };
        }
    }

    fn refused(&self, inside: &str) -> Fault {
        let name = &self.server.name;
        let outside = format!("Server `{name}` does not take the subscription");
        Fault::new(Side::Server, FaultKind::BadReply, outside, format!("{name}: subscriptions/listen: {inside}"))
    }
}

/// All that may have changed while nobody listened.
fn everything(honoured: &Filter) -> Vec<Notification> {
    let lists = [
        (honoured.tools, Method::TOOLS_LIST_CHANGED),
        (honoured.prompts, Method::PROMPTS_LIST_CHANGED),
        (honoured.resources, Method::RESOURCES_LIST_CHANGED),
    ];
    let changed = lists.into_iter().filter(|(wanted, _)| *wanted).filter_map(|(_, method)| notification(&method, None));
    let updated = honoured.uris.iter().filter_map(|uri| {
        let params = serde_json::json!({ "uri": uri }).to_string();
        notification(&Method::RESOURCES_UPDATED, Some(params.as_bytes()))
    });
    changed.chain(updated).collect()
}

fn notification(method: &Method, params: Option<&[u8]>) -> Option<Notification> {
    match Message::parse_reply(compose::notification(method.as_str(), params)) {
        Ok(Message::Notification(notification)) => Some(notification),
        _ => None,
    }
}
