//! What is masked, how, and for whom: the configuration, checked.

use serde::Deserialize;

use crate::document::Hash;
use crate::kind::{Kind, Kinds};
use crate::pattern::Patterns;

/// The `config` table of a stage.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    #[serde(default = "default_rules")]
    rules: Vec<RuleConfig>,
    #[serde(default)]
    patterns: Vec<PatternConfig>,
    #[serde(default)]
    pointers: Vec<String>,
    #[serde(default = "default_max_bytes")]
    max_bytes: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RuleConfig {
    kinds: Vec<String>,
    action: Action,
    #[serde(default)]
    roles: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PatternConfig {
    name: String,
    regex: String,
}

/// What becomes of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Its kind stands in its place.
    Redact,
    /// Its kind and a keyed hash stand in its place: equal values stay equal.
    Hash,
    /// The whole document is refused.
    Refuse,
    /// It stays.
    Keep,
}

/// What is masked, how, and for whom.
#[derive(Debug)]
pub struct Policy {
    rules: Vec<Rule>,
    pub(crate) patterns: Patterns,
    pub(crate) pointers: Vec<String>,
    pub(crate) max_bytes: u64,
}

#[derive(Debug)]
struct Rule {
    kinds: Kinds,
    action: Action,
    /// Whom it is for; none for everybody.
    roles: Option<Vec<String>>,
}

/// What the rules come to for one caller.
#[derive(Debug, Default)]
pub(crate) struct Orders {
    actions: Vec<(Kinds, Action)>,
    pub(crate) wanted: Kinds,
}

impl Config {
    /// The policy that was meant, or what is wrong with it. `hash` is tried if a rule needs it.
    pub fn into_policy(self, hash: Hash<'_>) -> Result<Policy, String> {
        let mut patterns = Patterns::default();
        for (at, PatternConfig { name, regex }) in self.patterns.into_iter().enumerate() {
            if !is_name(&name) || patterns.named(&name).is_some() {
                return Err(format!(
                    "patterns[{at}].name: `{name}` must be 1 to 32 of a-z, 0-9 and `-`, and not the name of another kind"
                ));
            }
            patterns.add(&name, &regex).map_err(|error| format!("patterns[{at}].regex: {error}"))?;
        }
        let rules = self.rules.into_iter().enumerate();
        let rules = rules.map(|(at, rule)| Rule::new(rule, &patterns).map_err(|error| format!("rules[{at}].{error}")));
        let rules: Vec<Rule> = rules.collect::<Result<_, _>>()?;
        if let Some(bad) = self.pointers.iter().find(|pointer| !is_pointer(pointer)) {
            return Err(format!(
                "pointers: `{bad}` is no JSON pointer below the whole, such as `/structuredContent/ssn`"
            ));
        }
        if rules.iter().all(|rule| rule.action == Action::Keep) && self.pointers.is_empty() {
            return Err("rules: nothing would be masked; leave the stage out".to_owned());
        }
        if rules.iter().any(|rule| rule.action == Action::Hash) {
            hash("").map_err(|error| {
                format!("rules: `hash` needs a key: grant.secret.values = {{ mask-key = \"${{MASK_KEY}}\" }} ({error})")
            })?;
        }
        Ok(Policy { rules, patterns, pointers: self.pointers, max_bytes: self.max_bytes })
    }
}

impl Policy {
    /// Whether it takes the caller's roles to know what is masked.
    pub fn asks_for_roles(&self) -> bool {
        self.rules.iter().any(|rule| rule.roles.is_some())
    }

    /// What holds for a caller: of the rules that name a kind and are for this caller, the first.
    pub(crate) fn orders(&self, roles: &[String]) -> Orders {
        let mut orders = Orders::default();
        let mut decided = Kinds::default();
        for rule in &self.rules {
            let is_for = rule.roles.as_ref().is_none_or(|wanted| wanted.iter().any(|role| roles.contains(role)));
            let kinds = rule.kinds.without(decided);
            if !is_for || kinds.is_empty() {
                continue;
            }
            decided = decided.or(kinds);
            if rule.action != Action::Keep {
                orders.wanted = orders.wanted.or(kinds);
                orders.actions.push((kinds, rule.action));
            }
        }
        orders
    }
}

impl Orders {
    /// What becomes of a value of this kind.
    pub(crate) fn action(&self, kind: Kind) -> Action {
        self.actions.iter().find(|(kinds, _)| kinds.has(kind)).map_or(Action::Keep, |(_, action)| *action)
    }
}

impl Rule {
    fn new(config: RuleConfig, patterns: &Patterns) -> Result<Self, String> {
        let RuleConfig { kinds: words, action, roles } = config;
        let mut kinds = Kinds::default();
        for word in &words {
            let named = patterns.named(word).ok_or_else(|| unknown(word))?;
            kinds = kinds.or(named);
        }
        if kinds.is_empty() {
            return Err("kinds: is empty, so the rule is for nothing".to_owned());
        }
        if roles.as_ref().is_some_and(Vec::is_empty) {
            return Err("roles: is empty, so the rule is for nobody; leave it out for everybody".to_owned());
        }
        Ok(Self { kinds, action, roles })
    }
}

fn unknown(word: &str) -> String {
    let kinds: Vec<_> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
    format!(
        "kinds: `{word}` is no kind: {}, the groups {}, or the name of an own pattern",
        kinds.join(", "),
        Kinds::GROUPS.join(", ")
    )
}

fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=32).contains(&name.len()) && name.bytes().all(fits)
}

fn is_pointer(pointer: &str) -> bool {
    pointer.len() > 1
        && pointer.starts_with('/')
        && pointer.split('~').skip(1).all(|after| after.starts_with(['0', '1']))
}

fn default_rules() -> Vec<RuleConfig> {
    let kinds = vec!["personal".to_owned(), "secrets".to_owned()];
    vec![RuleConfig { kinds, action: Action::Redact, roles: None }]
}

fn default_max_bytes() -> u64 {
    1 << 20
}
