//! Subscriptions of 2026-07-28: which of a server's notifications belong to which `subscriptions/listen`. On the wire its
//! id is the gateway's own; whoever speaks to the client puts the client's in its place.

use cardea_chain::{Event, Fault, FaultKind, Side};
use cardea_message::{Id, Message, Method, Notification, Pointer, compose, json, meta};

use crate::blame::Blame;

/// What a notification means to the subscription of this id; none if it does not belong there.
pub(crate) fn event(notification: Notification, id: u64) -> Option<Event> {
    if notification.method == Method::CANCELLED {
        return (cancelled(&notification) == Some(id)).then(|| ended(id)).flatten();
    }
    // Progress and log messages go with the calls they are about.
    let of_a_call = matches!(notification.method.as_str(), "notifications/progress" | "notifications/message");
    let of_another = id_of(&notification).is_some_and(|named| named != id);
    (!of_a_call && !of_another).then_some(Event::Notification(notification))
}

/// The subscription a notification names.
pub(crate) fn id_of(notification: &Notification) -> Option<u64> {
    number(notification, &Pointer::root().child("_meta").child(meta::SUBSCRIPTION_ID))
}

/// The request that a `notifications/cancelled` is about. A server says it only to end a subscription.
pub(crate) fn cancelled(notification: &Notification) -> Option<u64> {
    number(notification, &Pointer::root().child("requestId"))
}

/// News that is lost cannot be told from news there never was, so a subscription that nobody reads fast enough ends.
pub(crate) fn outrun(blame: &Blame) -> Fault {
    let outside = "The subscription had more news than were read; subscribe again";
    let inside = format!("{}: more notifications wait for a subscriber than it may leave unread", blame.server());
    Fault::new(Side::Client, FaultKind::Overloaded, outside, inside)
}

fn number(notification: &Notification, at: &Pointer) -> Option<u64> {
    let params = notification.params()?;
    std::str::from_utf8(&params[json::find(&params, at)?]).ok()?.parse().ok()
}

/// The response a server owes to the subscription it has ended, in its place.
fn ended(id: u64) -> Option<Event> {
    match Message::parse_reply(compose::result(&Id::number(id), br#"{"resultType":"complete"}"#)) {
        Ok(Message::Response(response)) => Some(Event::End(response)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn note(method: &str, params: &str) -> Notification {
        match Message::parse(compose::notification(method, Some(params.as_bytes()))).unwrap() {
            Message::Notification(notification) => notification,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_subscription_hears_what_is_its_own_and_what_nobody_knows() {
        let (own, other) = (
            r#"{"_meta":{"io.modelcontextprotocol/subscriptionId":7}}"#,
            r#"{"_meta":{"io.modelcontextprotocol/subscriptionId":8}}"#,
        );
        for (method, params, heard) in [
            ("notifications/subscriptions/acknowledged", own, true),
            ("notifications/tools/list_changed", own, true),
            ("notifications/tools/list_changed", other, false),
            ("notifications/tools/list_changed", "{}", true),
            ("notifications/tasks", own, true),
            ("notifications/x-new", own, true),
            ("notifications/progress", r#"{"progressToken":7}"#, false),
            ("notifications/message", own, false),
            ("notifications/cancelled", r#"{"requestId":8}"#, false),
        ] {
            let said = note(method, params);
            let text = said.bytes().clone();
            match event(said, 7) {
                Some(Event::Notification(heard)) => assert_eq!(heard.bytes(), &text, "{method}"),
                Some(Event::End(_)) => panic!("{method} ends nothing"),
                None => assert!(!heard, "{method} {params}"),
            }
        }
    }

    #[test]
    fn a_server_ends_a_subscription_by_cancelling_it() {
        let Some(Event::End(end)) = event(note("notifications/cancelled", r#"{"requestId":7}"#), 7) else {
            panic!("that is the end")
        };
        assert_eq!(end.result().unwrap(), r#"{"resultType":"complete"}"#);
    }
}
