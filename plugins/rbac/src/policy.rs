//! The one decision: who may call what. `on-call` asks it about a call, `on-list` about the calls an item could get.

use std::collections::BTreeMap;

use cardea_sdk::Glob;

use crate::condition::{Condition, Holds};

/// Methods whose calls carry arguments.
pub(crate) const WITH_ARGUMENTS: [&str; 2] = ["tools/call", "prompts/get"];

/// Every role's rights, inherited ones included.
#[derive(Debug)]
pub(crate) struct Policy {
    pub(crate) roles: BTreeMap<String, Rights>,
    pub(crate) always: Vec<Glob>,
}

/// The rules of one role.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rights {
    pub(crate) allow: Vec<Rule>,
    pub(crate) deny: Vec<Rule>,
}

impl Rights {
    pub(crate) fn extend(&mut self, other: &Self) {
        self.allow.extend_from_slice(&other.allow);
        self.deny.extend_from_slice(&other.deny);
    }
}

/// One rule. What is none fits everything.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    /// Where it stands in the configuration, for the operator.
    pub(crate) place: String,
    pub(crate) methods: Option<Vec<Glob>>,
    pub(crate) servers: Option<Vec<Glob>>,
    pub(crate) names: Option<Vec<Glob>>,
    pub(crate) conditions: Vec<Condition>,
}

/// What is called, but for the arguments.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) method: &'a str,
    pub(crate) server: &'a str,
    pub(crate) name: Name<'a>,
}

/// What a call is for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Name<'a> {
    /// Nothing that has a name.
    None,
    /// One name or URI.
    Exact(&'a str),
    /// All URIs of a resource template.
    AnyOf(&'a Glob),
}

/// What is known of the arguments.
#[derive(Clone, Copy)]
pub(crate) enum Arguments<'a> {
    /// These: reads the JSON text at a pointer into `params`.
    Given(&'a dyn Fn(&str) -> Option<String>),
    /// Any that the schema allows: what could be allowed counts as allowed.
    Any,
}

/// What was decided, and by which rule.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decision<'a> {
    Allowed,
    /// By the `deny` rule at this place.
    Denied(&'a str),
    /// No `allow` rule fits.
    NotAllowed,
}

impl Policy {
    /// True for methods that need no rule.
    pub(crate) fn is_always_allowed(&self, method: &str) -> bool {
        self.always.iter().any(|pattern| pattern.matches(method))
    }

    /// Decides for a subject with these roles. `deny` beats `allow`; what no rule allows is not allowed.
    pub(crate) fn decide(&self, roles: &[String], target: Target<'_>, arguments: Arguments<'_>) -> Decision<'_> {
        let rights = || roles.iter().filter_map(|role| self.roles.get(role));
        if let Some(rule) = rights().flat_map(|rights| &rights.deny).find(|rule| rule.denies(target, arguments)) {
            return Decision::Denied(&rule.place);
        }
        if rights().flat_map(|rights| &rights.allow).any(|rule| rule.allows(target, arguments)) {
            return Decision::Allowed;
        }
        Decision::NotAllowed
    }
}

impl Rule {
    fn allows(&self, target: Target<'_>, arguments: Arguments<'_>) -> bool {
        let named = match (&self.names, target.name) {
            (None, _) => true,
            (Some(_), Name::None) => false,
            (Some(names), Name::Exact(name)) => names.iter().any(|pattern| pattern.matches(name)),
            (Some(names), Name::AnyOf(template)) => names.iter().any(|pattern| pattern.overlaps(template)),
        };
        named
            && self.speaks_of(target)
            && match arguments {
                Arguments::Any => true,
                Arguments::Given(argument) => {
                    self.conditions.iter().all(|condition| condition.holds(argument) == Holds::Yes)
                }
            }
    }

    fn denies(&self, target: Target<'_>, arguments: Arguments<'_>) -> bool {
        let named = match (&self.names, target.name) {
            (None, _) => true,
            (Some(_), Name::None) => false,
            (Some(names), Name::Exact(name)) => names.iter().any(|pattern| pattern.matches(name)),
            (Some(names), Name::AnyOf(template)) => names.iter().any(|pattern| pattern.covers(template)),
        };
        named
            && self.speaks_of(target)
            && match arguments {
                Arguments::Any => self.conditions.is_empty(),
                Arguments::Given(argument) => {
                    self.conditions.iter().all(|condition| condition.holds(argument) != Holds::No)
                }
            }
    }

    /// True if method and server fit. A rule with conditions speaks of methods with arguments only.
    fn speaks_of(&self, target: Target<'_>) -> bool {
        let fits = |patterns: &Option<Vec<Glob>>, text: &str| {
            patterns.as_ref().is_none_or(|patterns| patterns.iter().any(|pattern| pattern.matches(text)))
        };
        fits(&self.methods, target.method)
            && fits(&self.servers, target.server)
            && (self.conditions.is_empty() || WITH_ARGUMENTS.contains(&target.method))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::Config;
    use crate::target::template_glob;

    fn policy(roles: &Value) -> Policy {
        serde_json::from_value::<Config>(json!({ "roles": roles })).unwrap().into_policy().unwrap()
    }

    fn patterns() -> impl Strategy<Value = Value> {
        prop::collection::vec("[ab*?]{1,3}", 1..3).prop_map(|patterns| json!(patterns))
    }

    fn condition() -> impl Strategy<Value = Value> {
        let pointer = prop::sample::select(vec!["/x", "/y"]);
        let test = prop::sample::select(vec![
            json!({"equals": 1}),
            json!({"glob": "a*"}),
            json!({"exists": true}),
            json!({"absent": true}),
        ]);
        (pointer, test).prop_map(|(pointer, mut test)| {
            test["pointer"] = pointer.into();
            test
        })
    }

    /// A rule that always says something, with or without conditions.
    fn rule() -> impl Strategy<Value = Value> {
        let conditions = prop::collection::vec(condition(), 0..3);
        (patterns(), prop::option::of(patterns()), conditions).prop_map(|(names, servers, conditions)| {
            let mut rule = json!({ "names": names });
            if let Some(servers) = servers {
                rule["servers"] = servers;
            }
            if !conditions.is_empty() {
                rule["arguments"] = json!(conditions);
            }
            rule
        })
    }

    fn rules() -> impl Strategy<Value = Value> {
        prop::collection::vec(rule(), 0..4).prop_map(|rules| json!(rules))
    }

    fn arguments() -> impl Strategy<Value = Value> {
        let value = prop::sample::select(vec![json!(1), json!(1.0), json!("a"), json!("b"), json!(null), json!([1])]);
        prop::collection::btree_map(prop::sample::select(vec!["x", "y", "z"]), value, 0..4)
            .prop_map(|members| json!({ "arguments": members }))
    }

    fn target<'a>(server: &'a str, name: Name<'a>) -> Target<'a> {
        Target { method: "tools/call", server, name }
    }

    proptest! {
        #[test]
        fn what_may_be_called_is_shown(
            allow in rules(),
            deny in rules(),
            given in arguments(),
            server in "[ab]{1,2}",
            name in "[ab]{1,3}",
        ) {
            let policy = policy(&json!({ "r": { "allow": allow, "deny": deny } }));
            let roles = ["r".to_owned()];
            let read = |pointer: &str| given.pointer(pointer).map(Value::to_string);
            let called = policy.decide(&roles, target(&server, Name::Exact(&name)), Arguments::Given(&read));
            let shown = policy.decide(&roles, target(&server, Name::Exact(&name)), Arguments::Any);
            prop_assert!(called != Decision::Allowed || shown == Decision::Allowed);
        }

        #[test]
        fn what_is_shown_without_conditions_may_be_called(
            allow in rules(),
            deny in rules(),
            given in arguments(),
            name in "[ab]{1,3}",
        ) {
            let bare = |rules: &Value| {
                let rules = rules.as_array().unwrap().iter();
                Value::from_iter(rules.filter(|rule| rule.get("arguments").is_none()).cloned())
            };
            let policy = policy(&json!({ "r": { "allow": bare(&allow), "deny": bare(&deny) } }));
            let roles = ["r".to_owned()];
            let read = |pointer: &str| given.pointer(pointer).map(Value::to_string);
            let at = target("a", Name::Exact(&name));
            let called = policy.decide(&roles, at, Arguments::Given(&read));
            prop_assert_eq!(called, policy.decide(&roles, at, Arguments::Any));
        }

        #[test]
        fn a_deny_rule_or_a_lost_role_never_widens(
            allow in rules(),
            deny in rules(),
            given in arguments(),
            name in "[ab]{1,3}",
        ) {
            let read = |pointer: &str| given.pointer(pointer).map(Value::to_string);
            let decide = |roles: Value, names: &[&str]| {
                let roles_of_subject: Vec<String> = names.iter().map(ToString::to_string).collect();
                let at = target("a", Name::Exact(&name));
                policy(&roles).decide(&roles_of_subject, at, Arguments::Given(&read)) == Decision::Allowed
            };
            let narrow = decide(json!({ "r": { "allow": allow, "deny": deny } }), &["r"]);
            let wide = decide(json!({ "r": { "allow": allow } }), &["r"]);
            prop_assert!(!narrow || wide);
            let without = decide(json!({ "r": { "allow": allow } }), &["other"]);
            prop_assert!(!without);
        }

        #[test]
        fn a_template_is_shown_if_one_of_its_uris_may_be_read(
            allow in rules(),
            deny in rules(),
            before in "[ab]{0,2}",
            value in "[ab]{0,3}",
            after in "[ab]{0,2}",
        ) {
            let policy = policy(&json!({ "r": { "allow": allow, "deny": deny } }));
            let roles = ["r".to_owned()];
            let (uri, template) = (format!("{before}{value}{after}"), template_glob(&format!("{before}{{x}}{after}")));
            let read = policy.decide(&roles, target("a", Name::Exact(&uri)), Arguments::Any);
            let shown = policy.decide(&roles, target("a", Name::AnyOf(&template)), Arguments::Any);
            prop_assert!(read != Decision::Allowed || shown == Decision::Allowed);
        }
    }
}
