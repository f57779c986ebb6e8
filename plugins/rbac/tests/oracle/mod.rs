//! The decision as the README tells it, as plainly as it can be written down: no index, no cache, no cleverness.

use serde_json::Value;

/// Who calls.
#[derive(Debug, Clone, Default)]
pub(crate) struct Subject {
    pub(crate) id: &'static str,
    pub(crate) issuer: &'static str,
    pub(crate) tenant: &'static str,
    pub(crate) groups: Vec<&'static str>,
    pub(crate) roles: Vec<&'static str>,
    pub(crate) scopes: Vec<&'static str>,
}

/// A `tools/call`. Without arguments it is an item of a list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) server: &'a str,
    pub(crate) name: &'a str,
    pub(crate) annotations: &'a Value,
    pub(crate) arguments: Option<&'a Value>,
}

/// What comes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    Allowed,
    Forbidden,
    Unknown,
    /// So many scopes would help.
    Scopes(usize),
}

/// Judges by a configuration.
pub(crate) struct Oracle<'a>(pub(crate) &'a Value);

impl Oracle<'_> {
    pub(crate) fn shows(&self, subject: &Subject, item: Call<'_>) -> bool {
        let rules = |effect| self.rules(subject, effect);
        !rules("deny").iter().any(|rule| fits(rule, subject, item, true))
            && rules("allow").iter().any(|rule| fits(rule, subject, item, false))
    }

    pub(crate) fn says(&self, subject: &Subject, call: Call<'_>) -> Said {
        if !self.shows(subject, Call { arguments: None, ..call }) {
            return Said::Unknown;
        }
        if self.rules(subject, "deny").iter().any(|rule| fits(rule, subject, call, true)) {
            return Said::Forbidden;
        }
        let fitting: Vec<Value> =
            self.rules(subject, "allow").into_iter().filter(|rule| fits(rule, subject, call, false)).collect();
        let wanted = |rule: &Value| texts(&rule["scopes"]);
        let missing =
            |rule: &Value| wanted(rule).iter().filter(|scope| !subject.scopes.contains(&scope.as_str())).count();
        match fitting.iter().min_by_key(|rule| missing(rule)) {
            None => Said::Forbidden,
            Some(rule) if missing(rule) == 0 => Said::Allowed,
            Some(rule) => Said::Scopes(wanted(rule).len()),
        }
    }

    /// Every rule that holds for a subject, some perhaps more than once; in the order of the roles' names.
    fn rules(&self, subject: &Subject, effect: &str) -> Vec<Value> {
        let mut roles: Vec<String> = subject.roles.iter().map(ToString::to_string).collect();
        for binding in self.0["bindings"].as_array().into_iter().flatten() {
            let said = |key: &str, holds: &dyn Fn(&str) -> bool| {
                binding.get(key).is_none() || texts(&binding[key]).iter().any(|pattern| holds(pattern))
            };
            if said("groups", &|pattern| subject.groups.iter().any(|group| like(pattern, group)))
                && said("tenants", &|pattern| like(pattern, subject.tenant))
                && said("issuers", &|pattern| like(pattern, subject.issuer))
                && said("subjects", &|pattern| like(pattern, subject.id))
            {
                roles.extend(texts(&binding["roles"]));
            }
        }
        let mut all = Vec::new();
        while let Some(role) = roles.pop() {
            roles.extend(texts(&self.0["roles"][&role]["inherits"]));
            all.push(role);
        }
        all.sort();
        all.iter().flat_map(|role| self.0["roles"][role][effect].as_array().cloned().unwrap_or_default()).collect()
    }
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().map(|text| text.as_str().unwrap().to_owned()).collect()
}

fn fits(rule: &Value, subject: &Subject, call: Call<'_>, denies: bool) -> bool {
    let said =
        |key: &str, text: &str| rule.get(key).is_none() || texts(&rule[key]).iter().any(|pattern| like(pattern, text));
    said("methods", "tools/call")
        && said("servers", call.server)
        && said("names", call.name)
        && said("tenants", subject.tenant)
        && hints(&rule["annotations"], call.annotations)
        && match (rule["arguments"].as_array(), call.arguments) {
            (None, _) => true,
            (Some(_), None) => !denies,
            (Some(conditions), Some(arguments)) => {
                conditions.iter().all(|condition| meets(condition, arguments).unwrap_or(denies))
            }
        }
}

fn hints(wanted: &Value, said: &Value) -> bool {
    let says = |hint: &str, silent: bool| said[hint].as_bool().unwrap_or(silent);
    let reads = says("readOnlyHint", false);
    let found = |hint: &str| match hint {
        "readOnlyHint" => reads,
        "destructiveHint" => !reads && says("destructiveHint", true),
        "idempotentHint" => says("idempotentHint", false),
        _ => says("openWorldHint", true),
    };
    wanted.as_object().into_iter().flatten().all(|(hint, wanted)| wanted.as_bool().unwrap() == found(hint))
}

/// None where the test cannot speak of the value.
fn meets(condition: &Value, arguments: &Value) -> Option<bool> {
    let value = arguments.pointer(condition["pointer"].as_str().unwrap());
    if condition.get("absent").is_some() {
        return Some(value.is_none());
    }
    let Some(value) = value else { return Some(false) };
    if condition.get("exists").is_some() {
        return Some(true);
    }
    let equal = |one: &Value| one == value || one.as_f64().is_some() && one.as_f64() == value.as_f64();
    if let Some(one) = condition.get("equals") {
        return Some(equal(one));
    }
    if let Some(all) = condition["one-of"].as_array() {
        return Some(all.iter().any(equal));
    }
    if let Some(range) = condition.get("range") {
        let found = value.as_f64()?;
        return Some(found >= range["min"].as_f64().unwrap() && found <= range["max"].as_f64().unwrap());
    }
    let text = value.as_str()?;
    Some(match condition["prefix"].as_str() {
        Some(prefix) => text.starts_with(prefix),
        None => like(condition["glob"].as_str().unwrap(), text),
    })
}

/// `*` is any run of characters, `?` is one.
fn like(pattern: &str, text: &str) -> bool {
    let mut rest = pattern.chars();
    match rest.next() {
        None => text.is_empty(),
        Some('*') => {
            let rest = rest.as_str();
            (0..=text.len()).filter(|at| text.is_char_boundary(*at)).any(|at| like(rest, &text[at..]))
        }
        Some(wanted) => {
            let mut characters = text.chars();
            let found = characters.next();
            found.is_some_and(|found| wanted == '?' || wanted == found) && like(rest.as_str(), characters.as_str())
        }
    }
}
