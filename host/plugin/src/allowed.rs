//! What a stage may do: what its plugin asks for and its manifest grants, and nothing that only one of them says.

use std::collections::BTreeMap;
use std::fmt::Display;

use cardea_chain::Role;
use cardea_grant::{Grants, HttpRule, IpNet, Issuer, Mask, Pattern, Scope, Secret};

use crate::{Inspection, LoadError, LoadErrorKind};

/// What a stage may do.
#[derive(Clone, Debug)]
pub struct Allowed {
    pub(crate) scope: Scope,
    pub(crate) read: Mask,
    pub(crate) edit: Mask,
    pub(crate) secrets: BTreeMap<String, Secret>,
    pub(crate) issuers: Vec<Issuer>,
    pub(crate) private_addresses: Vec<IpNet>,
    /// Imports that are there although nothing of them is granted: they answer `denied`.
    pub(crate) denied: Vec<String>,
}

/// What is asked for and not granted: what it is, and the line that grants it.
type Missing = (String, String);

impl Allowed {
    /// What holds. It is an error if the plugin cannot work so: an import that nobody asked for or that is not granted, or an
    /// ask that the stage leaves unanswered. A stage that answers with less than was asked means it.
    pub(crate) fn of(inspection: &Inspection, grants: &Grants) -> Result<Self, LoadError> {
        let asks = match &inspection.manifest {
            Some(manifest) => asked_for(inspection, &manifest.asks)?.clone(),
            // It says nothing of itself, so its imports are all it asks.
            None => Scope::from(grants),
        };
        let needs = [needs_to_read(inspection.role), needs_to_edit(inspection.role)];
        let missing = missing(inspection, &asks, grants, &needs);
        if !missing.is_empty() {
            return Err(not_granted(&missing));
        }
        let [reads, edits] = needs;
        let both = |ask: &Option<Mask>, grant: &Option<Mask>, needs: &Mask| {
            ask.as_ref().unwrap_or(needs).meet(grant.as_ref().unwrap_or(needs))
        };
        let (read, edit) = (both(&asks.read, &grants.read, &reads), both(&asks.edit, &grants.edit, &edits));
        let reveal = grants.reveal.clone().unwrap_or_default();
        let secrets: BTreeMap<_, _> =
            grants.secrets.iter().filter(|(name, _)| asks.secrets.contains(name)).map(owned).collect();
        let issuers = if asks.jose { grants.issuers.clone() } else { Vec::new() };
        let scope = Scope {
            kv: asks.kv.filter(|_| grants.kv).map(|quota| quota.meet(grants.kv_quota)),
            limiter: asks.limiter && grants.limiter,
            journal: asks.journal && grants.journal,
            http: HttpRule::meet_all(&asks.http, grants.http.as_deref().unwrap_or_default()),
            jose: !issuers.is_empty(),
            issuers: issuers.iter().map(|issuer| issuer.id.clone()).collect(),
            secrets: secrets.keys().cloned().collect(),
            reveal: asks.reveal.iter().filter(|name| reveal.contains(name)).cloned().collect(),
            read: Some(read.clone()),
            edit: Some(edit.clone()),
        };
        let private_addresses = grants.private_addresses.clone();
        let denied = optional(inspection).to_vec();
        let allowed = Self { scope, read, edit, secrets, issuers, private_addresses, denied };
        allowed.check_http(inspection, &asks, grants)?;
        Ok(allowed)
    }

    /// The same as a scope, for people.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Whether a hook may have to wait for what is not in this process.
    pub(crate) fn waits(&self) -> bool {
        self.scope.kv.is_some() || self.scope.limiter || self.scope.jose || !self.scope.http.is_empty()
    }

    /// Rules that have nothing in common leave a plugin that imports `http` with nothing to send.
    fn check_http(&self, inspection: &Inspection, asks: &Scope, grants: &Grants) -> Result<(), LoadError> {
        if !inspection.uses("http") || !self.scope.http.is_empty() {
            return Ok(());
        }
        let granted = grants.http.as_deref().unwrap_or_default();
        Err(LoadError::new(
            LoadErrorKind::NotGranted,
            format!("it asks to send {} and its stage grants {}: no request is both", list(&asks.http), list(granted)),
            "Grant what it asks for in `grant.http`, or leave the stage out",
        ))
    }
}

/// What a role reads where neither the plugin nor the stage says more or less. Who counts or routes goes by what the envelope
/// says, so bodies are not shown; who names the caller sees headers only, because there is no body yet.
fn needs_to_read(role: Role) -> Mask {
    match role {
        Role::Shape | Role::Rights | Role::Content | Role::Observe => mask(&["/params", "/result", "header:*"]),
        Role::Identity | Role::Limit | Role::Route | Role::Connect => mask(&["header:*"]),
    }
}

/// What a role edits.
fn needs_to_edit(role: Role) -> Mask {
    match role {
        Role::Shape => mask(&["/params/arguments"]),
        Role::Content => mask(&["/result"]),
        _ => Mask::default(),
    }
}

fn mask(lines: &[&str]) -> Mask {
    lines.iter().filter_map(|line| line.parse::<Pattern>().ok()).collect()
}

/// The asks of a plugin.toml, if they name every import that has to be asked for.
fn asked_for<'a>(inspection: &Inspection, asks: &'a Scope) -> Result<&'a Scope, LoadError> {
    let asked = |name: &str| match name {
        "kv" => asks.kv.is_some(),
        "limiter" => asks.limiter,
        "journal" => asks.journal,
        "http" => !asks.http.is_empty(),
        "jose" => asks.jose,
        _ => !asks.secrets.is_empty(),
    };
    let Some(name) = inspection.grants_wanted().into_iter().find(|name| !asked(name)) else { return Ok(asks) };
    let line = match name {
        "http" => "http = [\"GET https://example.com/*\"]".to_owned(),
        "secret" => "secret = [\"name\"]".to_owned(),
        name => format!("{name} = true"),
    };
    Err(LoadError::new(
        LoadErrorKind::Manifest,
        format!("it imports `{name}`, and its plugin.toml does not ask for it"),
        format!("Add `{line}` to [ask] in plugin.toml and build the plugin again"),
    ))
}

fn missing(inspection: &Inspection, asks: &Scope, grants: &Grants, needs: &[Mask; 2]) -> Vec<Missing> {
    let mut missing = Vec::new();
    let held = [("kv", grants.kv), ("limiter", grants.limiter), ("journal", grants.journal)];
    let optional = optional(inspection);
    let needed = |name: &str| inspection.uses(name) && !optional.iter().any(|other| other == name);
    for (name, _) in held.into_iter().filter(|(name, held)| needed(name) && !held) {
        missing.push((format!("`{name}`"), format!("grant.{name} = true")));
    }
    if inspection.uses("http") && grants.http.is_none() {
        let rules = if asks.http.is_empty() { "[\"GET https://example.com/*\"]".to_owned() } else { toml(&asks.http) };
        missing.push(("`http`".to_owned(), format!("grant.http = {rules}")));
    }
    if inspection.uses("jose") && grants.issuers.is_empty() {
        missing.push(("`jose`".to_owned(), "grant.jose = [{ issuer = \"https://id.example.com\" }]".to_owned()));
    }
    if needed("secret") || !grants.secrets.is_empty() {
        missing.extend(missing_secrets(inspection, asks, grants));
    }
    let masks = [("read", &asks.read, &grants.read), ("edit", &asks.edit, &grants.edit)];
    for ((verb, ask, grant), needs) in masks.into_iter().zip(needs) {
        let is_optional = optional.iter().any(|other| other == verb);
        if let (Some(ask), None, false) = (ask, grant, is_optional)
            && let beyond = ask.beyond(needs)
            && !beyond.is_empty()
        {
            let lines: Vec<_> = ask.lines().collect();
            missing
                .push((format!("the right to {verb} {}", list(&beyond)), format!("grant.{verb} = {}", toml(&lines))));
        }
    }
    missing
}

/// Imports that the plugin says it can do without.
fn optional(inspection: &Inspection) -> &[String] {
    inspection.manifest.as_ref().map_or(&[], |manifest| &manifest.optional)
}

fn missing_secrets(inspection: &Inspection, asks: &Scope, grants: &Grants) -> Vec<Missing> {
    let mut missing = Vec::new();
    let names: Vec<_> = asks.secrets.iter().filter(|name| !grants.secrets.contains_key(*name)).collect();
    if !names.is_empty() {
        let value = |name: &&String| format!("{name} = \"${{{}}}\"", name.to_ascii_uppercase().replace('-', "_"));
        let values: Vec<_> = names.iter().map(value).collect();
        missing
            .push((format!("`secret` {}", list(&names)), format!("grant.secret.values = {{ {} }}", values.join(", "))));
    } else if inspection.uses("secret") && asks.secrets.is_empty() {
        missing.push(("`secret`".to_owned(), "grant.secret.values = { name = \"${NAME}\" }".to_owned()));
    }
    if !asks.reveal.is_empty() && grants.reveal.is_none() {
        missing.push((
            format!("the right to read the secrets {}", list(&asks.reveal)),
            format!("grant.secret.reveal = {}", toml(&asks.reveal)),
        ));
    }
    missing
}

fn not_granted(missing: &[Missing]) -> LoadError {
    let what: Vec<_> = missing.iter().map(|(what, _)| what.as_str()).collect();
    let lines: Vec<_> = missing.iter().map(|(_, line)| format!("`{line}`")).collect();
    LoadError::new(
        LoadErrorKind::NotGranted,
        format!("it uses {}, which its stage does not grant", what.join(" and ")),
        format!("If it may, add {} to its [[stage]]", lines.join(" and ")),
    )
}

fn list<T: Display>(all: &[T]) -> String {
    if all.is_empty() {
        return "nothing".to_owned();
    }
    all.iter().map(|one| format!("`{one}`")).collect::<Vec<_>>().join(", ")
}

fn toml<T: Display>(all: &[T]) -> String {
    let quoted: Vec<_> = all.iter().map(|one| format!("\"{one}\"")).collect();
    format!("[{}]", quoted.join(", "))
}

fn owned((name, secret): (&String, &Secret)) -> (String, Secret) {
    (name.clone(), secret.clone())
}
