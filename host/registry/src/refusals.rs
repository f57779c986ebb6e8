//! What a directory refuses before any server hears of it.

use cardea_chain::{Call, Fault, FaultKind, Side};
use cardea_message::{Era, Method};

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

/// True for a call no road of the house leads on for: what only modern clients may ask, and what opens, tests or sets up a
/// session, which is the listener's and never a server's.
pub(crate) fn is_unbridged(call: &Call) -> bool {
    let method = &call.method;
    matches!(method.as_str(), "initialize" | "ping" | "logging/setLevel")
        || (is_modern_only(method) && call.client.version.era() == Era::Legacy)
        || method.is_notification()
        || method.is_ask()
}

/// What only modern clients may ask for. Whether their server is modern too, its back door knows.
fn is_modern_only(method: &Method) -> bool {
    *method == Method::SUBSCRIPTIONS_LISTEN || method.as_str().starts_with("tasks/")
}

/// A cursor this endpoint did not give out for the list as it is now.
pub(crate) fn unknown_cursor() -> Fault {
    Fault::new(
        Side::Client,
        FaultKind::InvalidParams,
        "Unknown cursor",
        "a cursor that was not given out for the list as it is now",
    )
}
