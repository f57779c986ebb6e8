//! `subscriptions/listen` as its client sees it: its own id on every message of the stream, and a word at the end also where
//! the gateway is who ends it.

use bytes::Bytes;
use cardea_chain::{Call, Outlet, Reply};
use cardea_message::{Id, Message, Meta, MetaEdit, Notification, Splice, compose, meta};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::limits::OUTLET;
use crate::respond::Asked;
use crate::visit::Visit;
use crate::walking::{self, Holds};

/// Readies the walk of a subscription, as [`walking::begin`] that of any call. `leaving` ends it, and so does another
/// generation: whoever subscribes anew is judged by that one.
pub(crate) fn begin(
    visit: &Visit,
    call: Call,
    asked: &Asked,
    holds: Holds,
    leaving: CancellationToken,
) -> (impl Future<Output = Reply> + Send + 'static, mpsc::Receiver<Box<Message>>) {
    let (walk, said) = walking::begin(visit, call, asked, holds);
    let (outlet, notes) = Outlet::new(OUTLET);
    let retired = visit.generation.retired.clone();
    let ending = async move {
        tokio::select! {
            () = leaving.cancelled_owned() => {}
            () = retired.cancelled_owned() => {}
        }
    };
    (relayed(walk, said, outlet, asked.id.clone(), ending), notes)
}

/// The walk to its end, and on the way what the server says, under the client's id.
async fn relayed(
    walk: impl Future<Output = Reply>,
    mut said: mpsc::Receiver<Box<Message>>,
    outlet: Outlet,
    id: Id,
    ending: impl Future<Output = ()>,
) -> Reply {
    let (mut walk, mut ending) = (std::pin::pin!(walk), std::pin::pin!(ending));
    let mut left = false;
    let reply = loop {
        tokio::select! {
            biased;
            reply = &mut walk => break reply,
            Some(message) = said.recv() => send(&outlet, &message, &id).await,
            // The walk sees that nobody reads on, and ends the subscription at the server.
            () = &mut ending, if !left => {
                left = true;
                said.close();
            }
        }
    };
    while let Ok(message) = said.try_recv() {
        send(&outlet, &message, &id).await;
    }
    match reply.result() {
        Some(result) => reply.with_document(named(Some(&result), &id)),
        None => reply,
    }
}

/// A subscription is told, not asked: its outlet has nobody behind it, and no ask comes this way.
async fn send(outlet: &Outlet, message: &Message, id: &Id) {
    if let Message::Notification(notification) = message
        && let Some(notification) = renamed(notification, id)
    {
        outlet.send(notification).await;
    }
}

fn renamed(notification: &Notification, id: &Id) -> Option<Notification> {
    let params = named(notification.params().as_ref(), id);
    let text = match notification.params_span() {
        Some(span) => Splice::new(notification.bytes().clone()).replace(span, params).into_bytes(),
        None => compose::notification(notification.method.as_str(), Some(&params)),
    };
    match Message::parse_reply(text) {
        Ok(Message::Notification(renamed)) => Some(renamed),
        _ => None,
    }
}

/// `params`, or a result, with the client's id of the subscription in its `_meta`.
fn named(object: Option<&Bytes>, id: &Id) -> Bytes {
    let edit = MetaEdit { set: vec![(meta::SUBSCRIPTION_ID.into(), id.to_bytes())], ..MetaEdit::default() };
    Meta::of(object).edited(&edit)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn note(text: &str) -> Notification {
        match Message::parse_reply(text.to_owned().into()).unwrap() {
            Message::Notification(notification) => notification,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_clients_id_stands_where_the_gateways_stood_and_nothing_else_changes() {
        let id = Id::parse(br#""s1""#).unwrap();
        let key = meta::SUBSCRIPTION_ID;
        for (said, told) in [
            (
                format!(r#"{{"method":"m","params":{{ "a":1.0, "_meta":{{"x":[ ],"{key}":7}}}} ,"jsonrpc":"2.0"}}"#),
                format!(r#"{{"method":"m","params":{{ "a":1.0, "_meta":{{"x":[ ],"{key}":"s1"}}}} ,"jsonrpc":"2.0"}}"#),
            ),
            (
                r#"{"jsonrpc":"2.0","method":"m","params":{}}"#.to_owned(),
                format!(r#"{{"jsonrpc":"2.0","method":"m","params":{{"_meta":{{"{key}":"s1"}}}}}}"#),
            ),
            (
                r#"{"jsonrpc":"2.0","method":"m"}"#.to_owned(),
                format!(r#"{{"jsonrpc":"2.0","method":"m","params":{{"_meta":{{"{key}":"s1"}}}}}}"#),
            ),
        ] {
            assert_eq!(renamed(&note(&said), &id).unwrap().bytes(), &told);
        }
    }
}
