//! Rights by role. One decision serves `on-call` and `on-list`, so what is shown may be called and what may be called
//! is shown.

mod condition;
mod config;
mod policy;
mod target;

use cardea_sdk::prelude::*;

pub use config::Config;
use policy::{Arguments, Decision, Name, Policy, Target};
use target::{LISTS, call_method, template_glob, visibility_method};

/// The policy in force.
pub struct Rbac {
    policy: Policy,
}

#[cardea_sdk::plugin]
impl Plugin for Rbac {
    type Config = Config;

    fn new(config: Config) -> Result<Self, String> {
        Ok(Self { policy: config.into_policy()? })
    }

    fn on_list(&self, items: Vec<Item>) -> Vec<bool> {
        let roles = subject::roles();
        items.iter().map(|item| self.is_visible(&roles, item)).collect()
    }

    fn on_call(&self) -> CallVerdict {
        if subject::id().is_empty() {
            return Refusal::unauthenticated("This needs an identity.")
                .reason("rbac judges subjects, and this call has none")
                .into();
        }
        let method = call::method();
        if self.policy.is_always_allowed(&method) || LISTS.contains(&method.as_str()) {
            return CallVerdict::Pass;
        }
        let (roles, server, name) = (subject::roles(), call::server(), call::native_name());
        let name = name.as_deref().map_or(Name::None, Name::Exact);
        let target = Target { method: &method, server: &server, name };
        match self.policy.decide(&roles, target, Arguments::Given(&call::get)) {
            Decision::Allowed => CallVerdict::Pass,
            decision => self.refuse(&roles, target, &decision).into(),
        }
    }
}

impl Rbac {
    fn is_visible(&self, roles: &[String], item: &Item) -> bool {
        let template = (item.kind == ItemKind::ResourceTemplate).then(|| template_glob(&item.native_id));
        let name = template.as_ref().map_or(Name::Exact(&item.native_id), Name::AnyOf);
        let target = Target { method: call_method(item.kind), server: &item.server, name };
        self.policy.decide(roles, target, Arguments::Any) == Decision::Allowed
    }

    /// What the subject does not see listed does not exist for it; what it sees is forbidden.
    fn refuse(&self, roles: &[String], target: Target<'_>, decision: &Decision<'_>) -> Refusal {
        let reason = reason(roles, target, decision);
        let Name::Exact(_) = target.name else {
            return Refusal::forbidden(format!("The method `{}` is not allowed.", target.method)).reason(reason);
        };
        let listed = Target { method: visibility_method(target.method), ..target };
        if self.policy.decide(roles, listed, Arguments::Any) != Decision::Allowed {
            return Refusal::unknown(reason);
        }
        let shown = call::name().unwrap_or_default();
        let message = if listed.method == target.method {
            format!("`{shown}` is not allowed with these arguments.")
        } else {
            format!("The method `{}` is not allowed for `{shown}`.", target.method)
        };
        Refusal::forbidden(message).reason(reason)
    }
}

fn reason(roles: &[String], target: Target<'_>, decision: &Decision<'_>) -> String {
    match decision {
        Decision::Denied(place) => format!("denied by {place}"),
        _ => format!(
            "no allow rule of the roles [{}] fits {} on server `{}`",
            roles.join(", "),
            target.method,
            target.server
        ),
    }
}
