//! Session ids as clients see them: sealed tickets, good for one subject at one endpoint.

use cardea_seal::{Binding, Purpose, Replica, now_ms};
use http::HeaderValue;

use crate::Settings;
use crate::visit::Visit;

/// The ticket to a session that is opened in this exchange.
pub(crate) fn of_session(id: &str, visit: &Visit, settings: &Settings) -> String {
    let age = u64::try_from(settings.limits.session_age.as_millis()).unwrap_or(u64::MAX);
    let ticket = settings.replica.ticket(id, binding(visit), now_ms().saturating_add(age));
    settings.replica.seal(Purpose::Session, &ticket)
}

/// The id of the session that a ticket leads this exchange to.
pub(crate) fn session(header: &HeaderValue, visit: &Visit, replica: &Replica) -> Option<String> {
    let opened = replica.open(Purpose::Session, header.to_str().ok()?);
    let ticket = opened.inspect_err(|why| tracing::debug!(call = %visit.id, "an `Mcp-Session-Id` is refused: {why}"));
    ticket.ok().filter(|ticket| ticket.bound_to == binding(visit)).map(|ticket| ticket.place)
}

fn binding(visit: &Visit) -> Binding {
    Binding::to(&[visit.subject.key().as_bytes(), visit.endpoint.as_bytes()])
}
