//! One rule: what it says, whether what it says can ever be, and which other rules it makes superfluous.

use cardea_sdk::Glob;
use cardea_sdk::prelude::Deserialize;

use crate::annotations::Annotations;
use crate::binding::TenantPattern;
use crate::condition::{Condition, ConditionConfig};
use crate::target::{LISTS, NAMELESS, WITH_ARGUMENTS};

/// A rule as it was written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct RuleConfig {
    #[serde(default)]
    methods: Option<Vec<Glob>>,
    #[serde(default)]
    servers: Option<Vec<Glob>>,
    #[serde(default)]
    names: Option<Vec<Glob>>,
    #[serde(default)]
    tenants: Option<Vec<TenantPattern>>,
    #[serde(default)]
    annotations: Option<Annotations>,
    #[serde(default)]
    arguments: Option<Vec<ConditionConfig>>,
    #[serde(default)]
    scopes: Option<Vec<String>>,
}

/// What a rule does with the calls it fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Allow,
    Deny,
}

/// One rule. What is none fits everything.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) effect: Effect,
    /// Where it stands in the configuration, for the operator.
    pub(crate) place: String,
    pub(crate) methods: Option<Vec<Glob>>,
    pub(crate) servers: Option<Vec<Glob>>,
    pub(crate) names: Option<Vec<Glob>>,
    pub(crate) tenants: Option<Vec<Glob>>,
    pub(crate) annotations: Annotations,
    pub(crate) conditions: Vec<Condition>,
    /// All of these the caller's credential must carry.
    pub(crate) scopes: Vec<String>,
}

impl Rule {
    /// Checks what was written. `always` are methods that no rule is asked about.
    pub(crate) fn new(effect: Effect, place: String, config: RuleConfig, always: &[Glob]) -> Result<Self, String> {
        check_said(&config)?;
        let RuleConfig { methods, servers, names, tenants, annotations, arguments, scopes } = config;
        let annotations = annotations.unwrap_or_default();
        let speaks_of_tools = !annotations.is_empty();
        let methods = match (speaks_of_tools, arguments.is_some()) {
            (true, _) => narrowed("annotations", methods, &WITH_ARGUMENTS[..1])?,
            (false, true) => narrowed("arguments", methods, &WITH_ARGUMENTS)?,
            (false, false) => methods,
        };
        if annotations.is_impossible() {
            return Err("annotations: a tool that only reads is never destructive, so nothing could fit".to_owned());
        }
        check_names(names.is_some(), methods.as_deref())?;
        if effect == Effect::Deny {
            check_is_asked(methods.as_deref(), always)?;
            if scopes.is_some() {
                return Err("scopes: more scopes never take a right away; only `allow` rules have them".to_owned());
            }
        }
        let tenants = tenants.map(|patterns| patterns.into_iter().map(|pattern| pattern.0).collect());
        let conditions = conditions(effect, arguments.unwrap_or_default())?;
        let scopes = scopes.unwrap_or_default();
        Ok(Self { effect, place, methods, servers, names, tenants, annotations, conditions, scopes })
    }

    /// True if every call that `other` fits is one that this fits too.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        self.conditions.is_empty()
            && self.scopes.is_empty()
            && self.annotations.cover(other.annotations)
            && cover(self.methods.as_deref(), other.methods.as_deref())
            && cover(self.servers.as_deref(), other.servers.as_deref())
            && cover(self.names.as_deref(), other.names.as_deref())
            && cover(self.tenants.as_deref(), other.tenants.as_deref())
    }
}

fn check_said(config: &RuleConfig) -> Result<(), String> {
    let RuleConfig { methods, servers, names, tenants, annotations, arguments, scopes } = config;
    let lists = [
        ("methods", methods.as_ref().map(Vec::len)),
        ("servers", servers.as_ref().map(Vec::len)),
        ("names", names.as_ref().map(Vec::len)),
        ("tenants", tenants.as_ref().map(Vec::len)),
        ("scopes", scopes.as_ref().map(Vec::len)),
        ("arguments", arguments.as_ref().map(Vec::len)),
    ];
    if annotations.is_none() && lists.iter().all(|(_, length)| length.is_none()) {
        return Err("says nothing; to mean every call, write `methods = [\"*\"]`".to_owned());
    }
    if annotations.is_some_and(Annotations::is_empty) {
        return Err("annotations: is empty; leave it out".to_owned());
    }
    match lists.into_iter().find(|(_, length)| *length == Some(0)) {
        Some((key @ ("arguments" | "scopes"), _)) => Err(format!("{key}: is empty; leave it out")),
        Some((key, _)) => Err(format!("{key}: is empty, so nothing could fit; leave it out to fit everything")),
        None => Ok(()),
    }
}

/// The methods of a rule that says something which only calls of these methods have.
fn narrowed(key: &str, methods: Option<Vec<Glob>>, having: &[&str]) -> Result<Option<Vec<Glob>>, String> {
    let having_it = having.iter().copied();
    let Some(methods) = methods else { return Ok(Some(having_it.map(Glob::literal).collect())) };
    if let Some(other) = methods.iter().find(|pattern| !having.iter().any(|known| pattern.matches(known))) {
        let (other, verb) = (other.as_str(), if having.len() == 1 { "has" } else { "have" });
        return Err(format!("{key}: `{other}` has none; only {} {verb}", having.join(" and ")));
    }
    Ok(Some(
        having_it.filter(|known| methods.iter().any(|pattern| pattern.matches(known))).map(Glob::literal).collect(),
    ))
}

/// A rule with names whose methods have none.
fn check_names(has_names: bool, methods: Option<&[Glob]>) -> Result<(), String> {
    let nameless = |pattern: &Glob| pattern.as_literal().is_some_and(|method| NAMELESS.contains(&method.as_str()));
    match methods {
        Some(methods) if has_names && methods.iter().all(nameless) => {
            let method = methods.first().map(Glob::as_str).unwrap_or_default();
            Err(format!("names: calls of `{method}` have no name, so nothing could fit; leave `names` out"))
        }
        _ => Ok(()),
    }
}

/// A rule that forbids what no rule is asked about would be a promise that is not kept.
fn check_is_asked(methods: Option<&[Glob]>, always: &[Glob]) -> Result<(), String> {
    let is_list = |pattern: &Glob| pattern.as_literal().is_some_and(|method| LISTS.contains(&method.as_str()));
    let passes = |pattern: &Glob| is_list(pattern) || always.iter().any(|always| always.covers(pattern));
    let Some(method) = methods.filter(|methods| methods.iter().all(passes)).and_then(|methods| methods.first()) else {
        return Ok(());
    };
    let help = if is_list(method) {
        "lists always pass, and each of their items is judged by the call it would get: deny that call"
    } else {
        "it is one of `always`: take it out there"
    };
    Err(format!("methods: `{}` is never asked about: {help}", method.as_str()))
}

fn conditions(effect: Effect, configs: Vec<ConditionConfig>) -> Result<Vec<Condition>, String> {
    let numbered = configs.into_iter().enumerate();
    let conditions = numbered
        .map(|(at, condition)| Condition::new(condition).map_err(|error| format!("arguments[{at}]: {error}")))
        .collect::<Result<Vec<_>, _>>()?;
    for (at, condition) in conditions.iter().enumerate() {
        let excludes = |other: &Condition| condition.excludes(other, effect == Effect::Deny);
        if let Some(other) = conditions[..at].iter().position(excludes) {
            return Err(format!(
                "arguments[{at}]: no value can meet this and arguments[{other}], so nothing could fit"
            ));
        }
    }
    Ok(conditions)
}

fn cover(mine: Option<&[Glob]>, theirs: Option<&[Glob]>) -> bool {
    match (mine, theirs) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(mine), Some(theirs)) => theirs.iter().all(|theirs| mine.iter().any(|mine| mine.covers(theirs))),
    }
}
