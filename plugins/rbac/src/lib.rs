//! Rights by role. One decision serves `on-call` and `on-list`, so what is shown may be called and what may be called
//! is shown.

mod annotations;
mod binding;
mod bits;
mod condition;
mod config;
mod index;
mod number;
mod policy;
mod rule;
mod source;
mod target;

use cardea_sdk::prelude::*;

use binding::Holder;
use bits::Bits;
pub use config::Config;
use policy::{Decision, Name, Policy, Target};
use source::{AnyCall, ThisCall};
use target::{LISTS, call_method, item_kind, template_glob, visibility_method};

/// Where in `scratch` stands what was decided, if the stage explains itself.
const DECISION: &str = "decision";

/// The policy in force.
pub struct Rbac {
    policy: Policy,
    explain: bool,
}

#[cardea_sdk::plugin]
impl Plugin for Rbac {
    type Config = Config;

    fn new(config: Config) -> Result<Self, String> {
        let explain = config.explain;
        Ok(Self { policy: config.into_policy()?, explain })
    }

    fn on_list(&self, items: Vec<Item>) -> Vec<bool> {
        let rights = self.rights().unwrap_or_else(|| self.policy.rights_of(Holder::default()));
        items.iter().map(|item| self.is_visible(&rights, item)).collect()
    }

    fn on_call(&self) -> CallVerdict {
        let Some(rights) = self.rights() else {
            return Refusal::unauthenticated("This needs an identity.")
                .reason("rbac judges subjects, and this call has none")
                .into();
        };
        let method = call::method();
        if self.policy.is_always_allowed(&method) || LISTS.contains(&method.as_str()) {
            self.explain("allowed", "always");
            return CallVerdict::Pass;
        }
        let (server, name) = (call::server(), call::native_name());
        let name = name.as_deref().map_or(Name::None, Name::Exact);
        let target = Target { method: &method, server: &server, name };
        match self.policy.decide(&rights, target, &ThisCall) {
            Decision::Allowed(place) => {
                self.explain("allowed", place);
                CallVerdict::Pass
            }
            decision => self.refuse(&rights, target, &decision).into(),
        }
    }
}

impl Rbac {
    /// The rules that hold for the subject of the call; none without a subject. Only what a rule goes by is asked for.
    fn rights(&self) -> Option<Bits> {
        let asks = self.policy.asks();
        if asks.person {
            let Subject { roles, groups, tenant, issuer, id, .. } = subject::current()?;
            let (roles, groups) = (&roles, &groups);
            return Some(self.policy.rights_of(Holder { roles, groups, tenant: &tenant, issuer: &issuer, id: &id }));
        }
        let roles = subject::roles();
        // Whoever has a role is somebody.
        if roles.is_empty() && subject::id().is_empty() {
            return None;
        }
        let groups = if asks.groups { subject::groups() } else { Vec::new() };
        let tenant = if asks.tenant { subject::tenant() } else { String::new() };
        Some(self.policy.rights_of(Holder { roles: &roles, groups: &groups, tenant: &tenant, ..Holder::default() }))
    }

    fn is_visible(&self, rights: &Bits, item: &Item) -> bool {
        let template = (item.kind == ItemKind::ResourceTemplate).then(|| template_glob(&item.native_id));
        let name = template.as_ref().map_or(Name::Exact(&item.native_id), Name::AnyOf);
        let target = Target { method: call_method(item.kind), server: &item.server, name };
        let any = AnyCall { kind: item.kind, id: &item.id };
        matches!(self.policy.decide(rights, target, &any), Decision::Allowed(_))
    }

    /// What the subject does not see listed does not exist for it; what it sees is forbidden, or needs a wider scope.
    fn refuse(&self, rights: &Bits, target: Target<'_>, decision: &Decision<'_>) -> Refusal {
        let shown = call::name().unwrap_or_default();
        let refusal = match (target.name, decision) {
            (Name::Exact(_), decision) => {
                let method = visibility_method(target.method);
                let any = AnyCall { kind: item_kind(method), id: &shown };
                let listed = self.policy.decide(rights, Target { method, ..target }, &any);
                match (listed, decision) {
                    (Decision::Allowed(_), Decision::Scopes(_, scopes)) => step_up(&format!("`{shown}`"), scopes),
                    (Decision::Allowed(_), _) if method == target.method => {
                        Refusal::forbidden(format!("`{shown}` is not allowed with these arguments."))
                    }
                    (Decision::Allowed(_), _) => {
                        Refusal::forbidden(format!("The method `{}` is not allowed for `{shown}`.", target.method))
                    }
                    _ => Refusal::unknown(""),
                }
            }
            (_, Decision::Scopes(_, scopes)) => step_up(&format!("The method `{}`", target.method), scopes),
            _ => Refusal::forbidden(format!("The method `{}` is not allowed.", target.method)),
        };
        let (word, rule, reason) = reason(target, decision);
        self.explain(word, rule);
        refusal.reason(reason)
    }

    /// Leaves what was decided where `cardea rbac explain` and later stages find it.
    fn explain(&self, decision: &str, rule: &str) {
        if self.explain {
            let note = serde_json::json!({ "decision": decision, "rule": rule }).to_string();
            // Too many notes of one call are no reason to judge it otherwise.
            let _ = scratch::put(DECISION, note.as_bytes());
        }
    }
}

fn step_up(what: &str, scopes: &[String]) -> Refusal {
    let plural = if scopes.len() == 1 { "scope" } else { "scopes" };
    Refusal::insufficient_scope(format!("{what} needs the {plural} `{}`.", scopes.join("`, `")), scopes)
}

/// The decision in a word, the rule that made it, and both in a sentence for the operator.
fn reason<'a>(target: Target<'_>, decision: &Decision<'a>) -> (&'static str, &'a str, String) {
    let Target { method, server, name } = target;
    match decision {
        Decision::Allowed(place) => ("allowed", place, format!("allowed by {place}")),
        Decision::Denied(place) => ("denied", place, format!("denied by {place}")),
        Decision::Scopes(place, scopes) => {
            ("scopes", place, format!("{place} would allow it with the scopes [{}]", scopes.join(" ")))
        }
        Decision::NotAllowed => {
            let roles = subject::roles().join(", ");
            let nameless = match name {
                Name::None => "; the call has no name, and rules with `names` fit only calls that have one",
                _ => "",
            };
            let text = format!("no allow rule of the roles [{roles}] fits {method} on server `{server}`{nameless}");
            ("not-allowed", "", text)
        }
    }
}
