//! User x tenant x role x tool x argument, for policies that are made up, against an oracle that knows only the README: it
//! tries one rule after the other and shares nothing with the plugin.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod oracle;

use cardea_plugin_rbac::Rbac;
use cardea_sdk::testing::case::Case;
use cardea_sdk::testing::observed::Outcome;
use cardea_sdk::testing::run_case;
use cardea_sdk::{CallVerdict, RefusalKind};
use oracle::{Call, Oracle, Said, Subject};
use serde_json::{Value, json};

const POLICIES: usize = 40;
const SERVERS: [&str; 2] = ["notes", "mail"];
const NAMES: [&str; 3] = ["search", "send", "delete-all"];

/// A source of choices that makes the same ones each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }

    fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }

    fn sometimes(&mut self) -> bool {
        self.below(3) == 0
    }
}

fn rule(dice: &mut Dice, effect: &str) -> Value {
    let mut rule = json!({ "names": [dice.one(&["search", "send", "delete-all", "s*", "*-all", "*", "?e*"])] });
    if dice.sometimes() {
        rule["servers"] = json!([dice.one(&["notes", "mail", "*a*"])]);
    }
    if dice.sometimes() {
        rule["methods"] = json!([dice.one(&["tools/call", "tools/*", "*"])]);
    }
    if dice.sometimes() {
        rule["tenants"] = json!([dice.one(&["", "acme", "a*"])]);
    }
    if dice.sometimes() {
        rule["annotations"] = dice.one(&[
            json!({ "readOnlyHint": true }),
            json!({ "destructiveHint": true }),
            json!({ "destructiveHint": false }),
            json!({ "readOnlyHint": false, "openWorldHint": true }),
        ]);
    }
    if dice.sometimes() {
        rule["arguments"] = json!([dice.one(&[
            json!({ "pointer": "/to", "equals": "ada" }),
            json!({ "pointer": "/to", "one-of": ["bob", 7] }),
            json!({ "pointer": "/to", "glob": "a*" }),
            json!({ "pointer": "/to", "prefix": "b" }),
            json!({ "pointer": "/to", "absent": true }),
            json!({ "pointer": "/to", "exists": true }),
            json!({ "pointer": "/n", "range": { "min": 1, "max": 5 } }),
        ])]);
    }
    if effect == "allow" && dice.sometimes() {
        rule["scopes"] = dice.one(&[json!(["write"]), json!(["write", "admin"])]);
    }
    rule
}

fn policy(dice: &mut Dice) -> Value {
    let mut roles = json!({});
    for (role, inherits) in [("reader", json!([])), ("writer", json!(["reader"])), ("owner", json!(["writer"]))] {
        let rules = |dice: &mut Dice, effect| (0..dice.below(3)).map(|_| rule(dice, effect)).collect::<Vec<_>>();
        let (allow, deny) = (rules(dice, "allow"), if dice.sometimes() { rules(dice, "deny") } else { Vec::new() });
        roles[role] = json!({ "inherits": inherits, "allow": allow, "deny": deny });
    }
    let mut config = json!({ "roles": roles });
    if dice.sometimes() {
        config["bindings"] = json!([dice.one(&[
            json!({ "roles": ["reader"], "groups": ["eng"] }),
            json!({ "roles": ["writer"], "tenants": ["acme"] }),
            json!({ "roles": ["owner"], "issuers": ["idp"], "subjects": ["ada"] }),
            json!({ "roles": ["reader", "writer"], "groups": ["e*"], "tenants": [""] }),
        ])]);
    }
    config
}

fn subjects() -> Vec<Subject> {
    let mut subjects = Vec::new();
    for (id, issuer, groups) in
        [("ada", "idp", vec!["eng"]), ("ada", "other", vec![]), ("bob", "idp", vec!["sales", "eng"])]
    {
        for tenant in ["", "acme"] {
            for roles in [vec![], vec!["reader"], vec!["writer"], vec!["owner"], vec!["stranger", "reader"]] {
                for scopes in [vec![], vec!["write"], vec!["admin", "write"]] {
                    subjects.push(Subject { id, issuer, tenant, groups: groups.clone(), roles: roles.clone(), scopes });
                }
            }
        }
    }
    subjects
}

fn annotations(name: &str) -> Value {
    match name {
        "search" => json!({ "readOnlyHint": true }),
        "send" => json!({ "destructiveHint": false, "openWorldHint": true }),
        _ => json!({}),
    }
}

fn arguments() -> Vec<Value> {
    vec![json!({}), json!({ "to": "ada" }), json!({ "to": ["ada"], "n": 3 }), json!({ "to": 7.0, "n": 5.5 })]
}

fn case(config: &Value, subject: &Subject, hook: &str, call: &Value) -> Case {
    let items: Vec<Value> = SERVERS
        .iter()
        .flat_map(|server| NAMES.map(|name| (server, name)))
        .map(|(server, name)| {
            let definition = json!({ "name": name, "annotations": annotations(name) });
            json!({ "id": format!("{server}_{name}"), "native-id": name, "server": server, "definition": definition })
        })
        .collect();
    let Subject { id, issuer, tenant, groups, roles, scopes } = subject;
    serde_json::from_value(json!({
        "name": "one of the matrix",
        "hook": hook,
        "config": config,
        "given": {
            "subject": { "id": id, "issuer": issuer, "tenant": tenant, "groups": groups, "roles": roles, "scopes": scopes },
            "call": call,
            "items": items,
        },
    }))
    .unwrap()
}

fn said(verdict: CallVerdict) -> Said {
    match verdict {
        CallVerdict::Pass => Said::Allowed,
        CallVerdict::Refuse(refusal) => match refusal.kind {
            RefusalKind::Unknown => Said::Unknown,
            RefusalKind::Forbidden => Said::Forbidden,
            RefusalKind::InsufficientScope => Said::Scopes(refusal.scopes.len()),
            kind => panic!("{kind:?}"),
        },
        CallVerdict::Answer(_) => panic!("an answer"),
    }
}

#[test]
fn the_decision_is_that_of_the_oracle_and_list_and_call_agree() {
    let mut dice = Dice(20_261_122);
    let (mut policies, mut calls, mut allowed) = (0, 0, 0);
    while policies < POLICIES {
        let config = policy(&mut dice);
        let empty = case(&config, &Subject::default(), "init", &json!({}));
        match run_case::<Rbac>(&empty).unwrap().outcome {
            Outcome::Init(Ok(())) => policies += 1,
            // A made-up rule that could never do anything is rightly refused.
            Outcome::Init(Err(why)) if why.contains("could never allow anything") => continue,
            other => panic!("{config}: {other:?}"),
        }
        let oracle = Oracle(&config);
        for subject in subjects() {
            let Outcome::Keep(keep) =
                run_case::<Rbac>(&case(&config, &subject, "on-list", &json!({}))).unwrap().outcome
            else {
                panic!("no list")
            };
            let tools = SERVERS.iter().flat_map(|server| NAMES.map(|name| (*server, name)));
            for ((server, name), shown) in tools.zip(keep) {
                let annotations = annotations(name);
                let item = Call { server, name, annotations: &annotations, arguments: None };
                assert_eq!(shown, oracle.shows(&subject, item), "{config}\n{subject:?}\n{server} {name} in the list");
                for arguments in arguments() {
                    let params = json!({ "name": name, "arguments": arguments });
                    let call = json!({ "method": "tools/call", "server": server, "name": format!("{server}_{name}"), "native-name": name, "params": params });
                    let Outcome::Call(verdict) =
                        run_case::<Rbac>(&case(&config, &subject, "on-call", &call)).unwrap().outcome
                    else {
                        panic!("no verdict")
                    };
                    let (found, expected) =
                        (said(verdict), oracle.says(&subject, Call { arguments: Some(&arguments), ..item }));
                    assert_eq!(found, expected, "{config}\n{subject:?}\n{call}");
                    assert_eq!(
                        found == Said::Unknown,
                        !shown,
                        "what is hidden is unknown, and only that: {config}\n{subject:?}\n{call}"
                    );
                    calls += 1;
                    allowed += usize::from(found == Said::Allowed);
                }
            }
        }
    }
    println!("{policies} policies, {calls} calls, {allowed} allowed, 0 differences");
    assert!(allowed * 20 > calls && allowed * 20 < calls * 19, "a matrix of one verdict shows nothing");
}
