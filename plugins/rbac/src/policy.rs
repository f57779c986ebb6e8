//! The one decision: who may call what. `on-call` asks it about a call, `on-list` about the calls an item could get.

use std::cell::OnceCell;
use std::collections::HashMap;

use cardea_sdk::Glob;

use crate::annotations::Annotations;
use crate::binding::{Asks, Bindings, Holder};
use crate::bits::Bits;
use crate::condition::Holds;
use crate::index::Index;
use crate::rule::{Effect, Rule};

/// Every rule, and how the few that a call is about are found among them.
#[derive(Debug)]
pub(crate) struct Policy {
    /// By role and, of one role, those that deny first.
    rules: Vec<Rule>,
    denying: Bits,
    /// The rules of each role, inherited ones included.
    roles: HashMap<String, Bits>,
    bindings: Bindings,
    always: Vec<Glob>,
    methods: Index,
    servers: Index,
    names: Index,
    tenants: Index,
    asks: Asks,
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

/// What a decision may still have to ask, once it is known which rules matter.
pub(crate) trait Source {
    /// JSON texts at pointers into `params`; none of the whole if any arguments could come, which is so in a list: then what
    /// could be allowed counts as allowed.
    fn arguments(&self, pointers: &[&str]) -> Option<Vec<Option<String>>>;
    /// What the server says of the tool.
    fn annotations(&self) -> Annotations;
    /// The scopes of the caller's credential; none if it could get any.
    fn scopes(&self) -> Option<Vec<String>>;
}

/// What was decided, and by which rule.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decision<'a> {
    /// By the `allow` rule at this place.
    Allowed(&'a str),
    /// By the `deny` rule at this place.
    Denied(&'a str),
    /// The `allow` rule at this place would, with all of these scopes.
    Scopes(&'a str, &'a [String]),
    /// No `allow` rule fits.
    NotAllowed,
}

impl Policy {
    /// The policy of these rules. Each role has the numbers of its own.
    pub(crate) fn new(rules: Vec<Rule>, roles: HashMap<String, Bits>, bindings: Bindings, always: Vec<Glob>) -> Self {
        let mut denying = Bits::none(rules.len());
        rules.iter().enumerate().filter(|(_, rule)| rule.effect == Effect::Deny).for_each(|(at, _)| denying.insert(at));
        let tenant = bindings.asks().tenant || rules.iter().any(|rule| rule.tenants.is_some());
        Self {
            denying,
            methods: Index::new(rules.iter().map(|rule| rule.methods.as_deref())),
            servers: Index::new(rules.iter().map(|rule| rule.servers.as_deref())),
            names: Index::new(rules.iter().map(|rule| rule.names.as_deref())),
            tenants: Index::new(rules.iter().map(|rule| rule.tenants.as_deref())),
            asks: Asks { tenant, ..bindings.asks() },
            rules,
            roles,
            bindings,
            always,
        }
    }

    /// What a holder must tell for decisions to be right.
    pub(crate) fn asks(&self) -> Asks {
        self.asks
    }

    /// True for methods that need no rule.
    pub(crate) fn is_always_allowed(&self, method: &str) -> bool {
        self.always.iter().any(|pattern| pattern.matches(method))
    }

    /// The rules that hold for somebody, whatever is called.
    pub(crate) fn rights_of(&self, holder: Holder<'_>) -> Bits {
        let mut rights = Bits::none(self.rules.len());
        let own = holder.roles.iter().map(String::as_str);
        own.chain(self.bindings.roles_of(holder)).filter_map(|role| self.roles.get(role)).for_each(|of| rights.add(of));
        rights.keep(&self.tenants.fitting(holder.tenant));
        rights
    }

    /// Decides for somebody with these rights. `deny` beats `allow`; what no rule allows is not allowed.
    pub(crate) fn decide(&self, rights: &Bits, target: Target<'_>, source: &dyn Source) -> Decision<'_> {
        let mut fitting = rights.clone();
        fitting.keep(&self.methods.fitting(target.method));
        fitting.keep(&self.servers.fitting(target.server));
        match target.name {
            Name::None => fitting.keep(self.names.unsaid()),
            Name::Exact(name) => fitting.keep(&self.names.fitting(name)),
            Name::AnyOf(_) => {}
        }
        let numbers = fitting.numbers().filter(|rule| self.rules[*rule].is_for(target.name));
        let (denials, allowances): (Vec<usize>, Vec<usize>) = numbers.partition(|rule| self.denying.contains(*rule));
        let [denials, allowances] =
            [denials, allowances].map(|numbers| numbers.into_iter().map(|rule| &self.rules[rule]).collect::<Vec<_>>());
        let facts = Facts::new(source, denials.iter().chain(&allowances).copied());
        if let Some(rule) = denials.into_iter().find(|rule| facts.fits(rule)) {
            return Decision::Denied(&rule.place);
        }
        let fitting: Vec<&Rule> = allowances.into_iter().filter(|rule| facts.fits(rule)).collect();
        if let Some(rule) = fitting.iter().find(|rule| facts.has_scopes(rule)) {
            return Decision::Allowed(&rule.place);
        }
        // The least that helps is asked for.
        match fitting.into_iter().min_by_key(|rule| facts.missing_scopes(rule)) {
            Some(rule) => Decision::Scopes(&rule.place, &rule.scopes),
            None => Decision::NotAllowed,
        }
    }
}

impl Rule {
    /// True if its names fit: a template, for `allow` if one of its URIs does, for `deny` if all of them do.
    fn is_for(&self, name: Name<'_>) -> bool {
        let (Name::AnyOf(template), Some(names)) = (name, &self.names) else { return true };
        names.iter().any(|pattern| match self.effect {
            Effect::Allow => pattern.overlaps(template),
            Effect::Deny => pattern.covers(template),
        })
    }
}

/// What was asked of a source, once for all rules that matter.
struct Facts<'a> {
    source: &'a dyn Source,
    pointers: Vec<&'a str>,
    arguments: OnceCell<Option<Vec<Option<String>>>>,
    annotations: OnceCell<Annotations>,
    scopes: OnceCell<Option<Vec<String>>>,
}

impl<'a> Facts<'a> {
    fn new(source: &'a dyn Source, rules: impl Iterator<Item = &'a Rule>) -> Self {
        let mut pointers: Vec<&str> =
            rules.flat_map(|rule| &rule.conditions).map(|condition| condition.pointer()).collect();
        pointers.sort_unstable();
        pointers.dedup();
        Self { source, pointers, arguments: OnceCell::new(), annotations: OnceCell::new(), scopes: OnceCell::new() }
    }

    /// True if a rule that is for this target fits it, scopes aside.
    fn fits(&self, rule: &Rule) -> bool {
        let annotations = || *self.annotations.get_or_init(|| self.source.annotations());
        (rule.annotations.is_empty() || rule.annotations.fit(annotations())) && self.meets_conditions(rule)
    }

    fn meets_conditions(&self, rule: &Rule) -> bool {
        if rule.conditions.is_empty() {
            return true;
        }
        let given = self.arguments.get_or_init(|| self.source.arguments(&self.pointers));
        let Some(given) = given else { return rule.effect == Effect::Allow };
        rule.conditions.iter().all(|condition| {
            let at = self.pointers.binary_search(&condition.pointer()).ok();
            let json = at.and_then(|at| given.get(at)?.as_deref());
            match (rule.effect, condition.holds(json)) {
                (_, Holds::Yes) => true,
                (effect, Holds::Unclear) => effect == Effect::Deny,
                (_, Holds::No) => false,
            }
        })
    }

    fn has_scopes(&self, rule: &Rule) -> bool {
        self.missing_scopes(rule) == 0
    }

    fn missing_scopes(&self, rule: &Rule) -> usize {
        if rule.scopes.is_empty() {
            return 0;
        }
        match self.scopes.get_or_init(|| self.source.scopes()) {
            None => 0,
            Some(held) => rule.scopes.iter().filter(|scope| !held.contains(scope)).count(),
        }
    }
}

#[cfg(test)]
mod tests;
