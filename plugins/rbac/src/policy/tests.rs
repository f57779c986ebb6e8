//! Properties of the decision, whatever the rules are.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::Config;
use crate::target::template_glob;

/// None if a rule could never do anything.
fn policy(roles: &Value) -> Option<Policy> {
    serde_json::from_value::<Config>(json!({ "roles": roles })).unwrap().into_policy().ok()
}

/// Arguments, or any.
struct Told<'a>(Option<&'a Value>);

impl Source for Told<'_> {
    fn arguments(&self, pointers: &[&str]) -> Option<Vec<Option<String>>> {
        let read = |pointer: &&str| self.0.and_then(|given| given.pointer(pointer)).map(Value::to_string);
        self.0.map(|_| pointers.iter().map(read).collect())
    }

    fn annotations(&self) -> Annotations {
        Annotations::default()
    }

    fn scopes(&self) -> Option<Vec<String>> {
        None
    }
}

fn allows(policy: &Policy, roles: &[&str], target: Target<'_>, told: Option<&Value>) -> bool {
    let roles: Vec<String> = roles.iter().map(ToString::to_string).collect();
    let rights = policy.rights_of(Holder { roles: &roles, ..Holder::default() });
    matches!(policy.decide(&rights, target, &Told(told)), Decision::Allowed(_))
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
        prop_assume!(policy.is_some());
        let (policy, at) = (policy.unwrap(), target(&server, Name::Exact(&name)));
        prop_assert!(!allows(&policy, &["r"], at, Some(&given)) || allows(&policy, &["r"], at, None));
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
        prop_assume!(policy.is_some());
        let (policy, at) = (policy.unwrap(), target("a", Name::Exact(&name)));
        prop_assert_eq!(allows(&policy, &["r"], at, Some(&given)), allows(&policy, &["r"], at, None));
    }

    #[test]
    fn a_deny_rule_or_a_lost_role_never_widens(
        allow in rules(),
        deny in rules(),
        given in arguments(),
        name in "[ab]{1,3}",
    ) {
        let at = target("a", Name::Exact(&name));
        let (wide, narrow) = (json!({ "r": { "allow": allow } }), json!({ "r": { "allow": allow, "deny": deny } }));
        let (wide, narrow) = (policy(&wide), policy(&narrow));
        prop_assume!(wide.is_some() && narrow.is_some());
        let (wide, narrow) = (wide.unwrap(), narrow.unwrap());
        prop_assert!(!allows(&narrow, &["r"], at, Some(&given)) || allows(&wide, &["r"], at, Some(&given)));
        prop_assert!(!allows(&wide, &["other"], at, Some(&given)));
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
        prop_assume!(policy.is_some());
        let policy = policy.unwrap();
        let (uri, template) = (format!("{before}{value}{after}"), template_glob(&format!("{before}{{x}}{after}")));
        let read = allows(&policy, &["r"], target("a", Name::Exact(&uri)), None);
        prop_assert!(!read || allows(&policy, &["r"], target("a", Name::AnyOf(&template)), None));
    }
}
