//! The configuration as it was written, and the check that every rule of it can ever do something.

use std::collections::BTreeMap;

use cardea_sdk::Glob;
use cardea_sdk::prelude::Deserialize;

use crate::condition::{Condition, ConditionConfig};
use crate::policy::{Policy, Rights, Rule, WITH_ARGUMENTS};

/// Methods that keep a session alive and tell what there is, without touching a tool, a prompt or a resource.
const ALWAYS: [&str; 6] =
    ["initialize", "server/discover", "ping", "logging/setLevel", "notifications/*", "subscriptions/listen"];

/// The `config` table of the stage.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    roles: BTreeMap<String, RoleConfig>,
    #[serde(default)]
    always: Option<Vec<Glob>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct RoleConfig {
    inherits: Vec<String>,
    allow: Vec<RuleConfig>,
    deny: Vec<RuleConfig>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RuleConfig {
    #[serde(default)]
    methods: Option<Vec<Glob>>,
    #[serde(default)]
    servers: Option<Vec<Glob>>,
    #[serde(default)]
    names: Option<Vec<Glob>>,
    #[serde(default)]
    arguments: Option<Vec<ConditionConfig>>,
}

impl Config {
    /// The policy that was meant, or what is wrong with it.
    pub(crate) fn into_policy(self) -> Result<Policy, String> {
        if self.roles.is_empty() {
            return Err("roles: is empty, so nobody could do anything".to_owned());
        }
        let always = match self.always {
            Some(always) => always,
            None => ALWAYS.into_iter().map(Glob::new).collect::<Result<_, _>>()?,
        };
        let mut own = BTreeMap::new();
        let mut inherits = BTreeMap::new();
        for (name, role) in self.roles {
            let rights = Rights { allow: rules(&name, "allow", role.allow)?, deny: rules(&name, "deny", role.deny)? };
            own.insert(name.clone(), rights);
            inherits.insert(name, role.inherits);
        }
        let mut roles = BTreeMap::new();
        for name in own.keys() {
            let mut rights = Rights::default();
            for role in closure(name, &inherits)? {
                if let Some(own) = own.get(role) {
                    rights.extend(own);
                }
            }
            roles.insert(name.clone(), rights);
        }
        Ok(Policy { roles, always })
    }
}

/// A role and all it inherits from, each once, in the order met.
fn closure<'a>(start: &'a str, inherits: &'a BTreeMap<String, Vec<String>>) -> Result<Vec<&'a str>, String> {
    let mut reached = Vec::new();
    visit(start, inherits, &mut Vec::new(), &mut reached)?;
    Ok(reached)
}

fn visit<'a>(
    role: &'a str,
    inherits: &'a BTreeMap<String, Vec<String>>,
    path: &mut Vec<&'a str>,
    reached: &mut Vec<&'a str>,
) -> Result<(), String> {
    let Some(parents) = inherits.get(role) else {
        let by = path.last().copied().unwrap_or(role);
        return Err(format!("roles.{by}.inherits: there is no role `{role}`"));
    };
    if path.contains(&role) {
        return Err(format!("roles.{role}.inherits: goes round in a circle: {} → {role}", path.join(" → ")));
    }
    if reached.contains(&role) {
        return Ok(());
    }
    reached.push(role);
    path.push(role);
    for parent in parents {
        visit(parent, inherits, path, reached)?;
    }
    path.pop();
    Ok(())
}

fn rules(role: &str, list: &str, configs: Vec<RuleConfig>) -> Result<Vec<Rule>, String> {
    let numbered = configs.into_iter().enumerate();
    numbered
        .map(|(at, config)| {
            let place = format!("roles.{role}.{list}[{at}]");
            rule(&place, config).map_err(|error| format!("{place}: {error}"))
        })
        .collect()
}

fn rule(place: &str, config: RuleConfig) -> Result<Rule, String> {
    let RuleConfig { methods, servers, names, arguments } = config;
    if methods.is_none() && servers.is_none() && names.is_none() && arguments.is_none() {
        return Err("says nothing; to mean every call, write `methods = [\"*\"]`".to_owned());
    }
    let lists = [("methods", &methods), ("servers", &servers), ("names", &names)];
    for (key, patterns) in lists {
        if patterns.as_ref().is_some_and(Vec::is_empty) {
            return Err(format!("{key}: is empty, so nothing could fit; leave it out to fit everything"));
        }
    }
    let conditions = match arguments {
        None => Vec::new(),
        Some(arguments) if arguments.is_empty() => return Err("arguments: is empty; leave it out".to_owned()),
        Some(arguments) => {
            for method in methods.iter().flatten() {
                if !WITH_ARGUMENTS.iter().any(|known| method.matches(known)) {
                    let method = method.as_str();
                    return Err(format!("arguments: `{method}` has none; only {} have", WITH_ARGUMENTS.join(" and ")));
                }
            }
            let numbered = arguments.into_iter().enumerate();
            numbered
                .map(|(at, condition)| Condition::new(condition).map_err(|error| format!("arguments[{at}]: {error}")))
                .collect::<Result<_, _>>()?
        }
    };
    Ok(Rule { place: place.to_owned(), methods, servers, names, conditions })
}
