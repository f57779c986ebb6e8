//! What a directory refuses before any server hears of it.

use cardea_chain::{Call, Fault, FaultKind, Side};
use cardea_message::Method;

/// The name or URI the method must have in its params.
pub(crate) fn required_name(call: &Call) -> Result<(), Fault> {
    match call.method.named_by() {
        Some(field) if call.name.is_none() => {
            let words = format!("{} needs `params.{}`, a string", call.method.as_str(), field.key());
            Err(Fault::new(Side::Client, FaultKind::InvalidParams, words.clone(), words))
        }
        _ => Ok(()),
    }
}

/// True for a method no road of the house leads to: listen streams and tasks are not bridged yet, and what opens, tests or
/// sets up a session is the listener's and never a server's.
pub(crate) fn is_unbridged(method: &Method) -> bool {
    matches!(method.as_str(), "subscriptions/listen" | "initialize" | "ping" | "logging/setLevel")
        || method.as_str().starts_with("tasks/")
        || method.is_notification()
        || method.is_ask()
}

/// A cursor this endpoint never gave out: its lists have one page.
pub(crate) fn unknown_cursor() -> Fault {
    Fault::new(
        Side::Client,
        FaultKind::InvalidParams,
        "Unknown cursor",
        "a cursor at an endpoint whose lists have one page",
    )
}
