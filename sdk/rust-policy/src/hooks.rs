//! The two hooks of a policy plugin. Both ask the same policy, and what it hides does not exist.

use cardea_sdk::prelude::*;

use crate::input::Caller;
use crate::{Decision, Denial, Input, Settings};

/// Methods that list. They pass: their items are judged one by one.
const LISTS: [&str; 4] = ["tools/list", "prompts/list", "resources/list", "resources/templates/list"];

/// A policy and what runs it.
pub trait Engine {
    /// Decides. An error is a sentence for the operator, and refuses.
    fn decide(&self, input: &Input) -> Result<Decision, String>;
}

/// `on-call`.
pub fn judge(engine: &impl Engine, settings: &Settings) -> CallVerdict {
    let Some(caller) = Caller::current() else {
        return Refusal::unauthenticated("This needs an identity.")
            .reason("policies judge subjects, and this call has none")
            .into();
    };
    let method = call::method();
    if settings.is_always_allowed(&method) || LISTS.contains(&method.as_str()) {
        return CallVerdict::Pass;
    }
    let Some(input) = Input::of_call(caller, method) else {
        return Refusal::invalid("The arguments cannot be read: a number is too large, or they nest too deep.").into();
    };
    match decide(engine, &input) {
        Decision::Allow => CallVerdict::Pass,
        Decision::Deny(denial) => refuse(engine, &input, denial).into(),
    }
}

/// `on-list`.
pub fn keep(engine: &impl Engine, items: &[Item]) -> Vec<bool> {
    let caller = Caller::current().unwrap_or_default();
    let (endpoint, now) = (call::endpoint(), clock::now_ms());
    let shows = |item: &Item| decide(engine, &Input::of_item(&caller, &endpoint, now, item)) == Decision::Allow;
    items.iter().map(shows).collect()
}

fn decide(engine: &impl Engine, input: &Input) -> Decision {
    engine.decide(input).unwrap_or_else(|error| {
        Decision::Deny(Denial { reason: Some(format!("the policy failed: {error}")), ..Denial::default() })
    })
}

/// What the subject does not see listed does not exist for it; what it sees is forbidden, or needs a wider scope.
fn refuse(engine: &impl Engine, input: &Input, denial: Denial) -> Refusal {
    let Denial { reason, message, scopes } = denial;
    let reason = reason.unwrap_or_else(|| "the policy does not allow it".to_owned());
    let listed = input.listed().map(|listed| decide(engine, &listed));
    if listed.is_some_and(|listed| listed != Decision::Allow) {
        return Refusal::unknown(reason);
    }
    let message = message.unwrap_or_else(|| match call::name() {
        Some(shown) => format!("`{shown}` is not allowed like this."),
        None => format!("The method `{}` is not allowed.", input.method),
    });
    let refusal = match scopes.is_empty() {
        true => Refusal::forbidden(message),
        false => Refusal::insufficient_scope(message, scopes),
    };
    refusal.reason(reason)
}
