//! The configuration as it was written, and the check that every rule of it can ever do something.

use std::collections::{BTreeMap, HashMap};

use cardea_sdk::Glob;
use cardea_sdk::prelude::Deserialize;

use crate::binding::{BindingConfig, Bindings};
use crate::bits::Bits;
use crate::policy::Policy;
use crate::rule::{Effect, Rule, RuleConfig};

/// Methods that keep a session alive and tell what there is, without touching a tool, a prompt or a resource.
const ALWAYS: [&str; 6] =
    ["initialize", "server/discover", "ping", "logging/setLevel", "notifications/*", "subscriptions/listen"];
/// Arguments a policy may look at: one hook reads no more than the gateway lets it.
const MOST_POINTERS: usize = 512;

/// The `config` table of the stage.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    roles: BTreeMap<String, RoleConfig>,
    #[serde(default)]
    bindings: Vec<BindingConfig>,
    #[serde(default)]
    always: Option<Vec<Glob>>,
    #[serde(default)]
    pub(crate) explain: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct RoleConfig {
    inherits: Vec<String>,
    allow: Vec<RuleConfig>,
    deny: Vec<RuleConfig>,
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
        let mut rules = Vec::new();
        let mut own: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        let mut inherits = BTreeMap::new();
        for (name, role) in self.roles {
            let from = rules.len();
            for (effect, list, configs) in [(Effect::Deny, "deny", role.deny), (Effect::Allow, "allow", role.allow)] {
                for (at, config) in configs.into_iter().enumerate() {
                    let place = format!("roles.{name}.{list}[{at}]");
                    let rule = Rule::new(effect, place.clone(), config, &always);
                    rules.push(rule.map_err(|error| format!("{place}: {error}"))?);
                }
            }
            own.insert(name.clone(), (from..rules.len()).collect());
            inherits.insert(name, role.inherits);
        }
        let mut roles = HashMap::new();
        for (name, own_rules) in &own {
            let mut rights = Bits::none(rules.len());
            let reached = closure(name, &inherits)?;
            reached.iter().filter_map(|role| own.get(*role)).flatten().for_each(|rule| rights.insert(*rule));
            check_reachable(own_rules, &rules, &rights)?;
            roles.insert(name.clone(), rights);
        }
        check_pointers(&rules)?;
        let bindings = Bindings::new(self.bindings, |role| own.contains_key(role))?;
        Ok(Policy::new(rules, roles, bindings, always))
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

/// What a role allows itself must not be what it denies itself: `deny` wins, and the `allow` would never do anything. What it
/// inherits it may well take back.
fn check_reachable(own: &[usize], rules: &[Rule], rights: &Bits) -> Result<(), String> {
    for allow in own.iter().map(|rule| &rules[*rule]).filter(|rule| rule.effect == Effect::Allow) {
        let mut denials = rights.numbers().map(|rule| &rules[rule]).filter(|rule| rule.effect == Effect::Deny);
        if let Some(deny) = denials.find(|deny| deny.covers(allow)) {
            return Err(format!("{}: could never allow anything: {} denies all of it", allow.place, deny.place));
        }
    }
    Ok(())
}

fn check_pointers(rules: &[Rule]) -> Result<(), String> {
    let mut pointers: Vec<&str> =
        rules.iter().flat_map(|rule| &rule.conditions).map(|condition| condition.pointer()).collect();
    pointers.sort_unstable();
    pointers.dedup();
    match pointers.len() {
        0..=MOST_POINTERS => Ok(()),
        more => {
            Err(format!("roles: conditions look at {more} different arguments; at most {MOST_POINTERS} can be read"))
        }
    }
}
