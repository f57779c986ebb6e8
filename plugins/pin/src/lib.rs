//! Pins what servers offer: trusted on first use as a whole, and what is added or changed afterwards is held back until somebody
//! approves it. Names that look like those of other servers are held back from the start.

mod canonical;
mod names;
mod pins;

use std::collections::{BTreeMap, BTreeSet};

use cardea_sdk::prelude::*;
use cardea_sdk::{Admission, Decision, Definition};
use serde_json::Value;

use canonical::{canonical, digest};
use pins::{Digests, Set, word};

/// The `config` table of the stage.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    first_use: FirstUse,
    same_name: SameName,
    approve: BTreeSet<String>,
}

/// What becomes of a server that nothing is pinned of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum FirstUse {
    #[default]
    Trust,
    Hold,
}

/// What becomes of a name that another server has too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum SameName {
    #[default]
    Keep,
    Hold,
}

/// Pins what servers offer.
pub struct Pin {
    config: Config,
}

#[cardea_sdk::plugin]
impl Plugin for Pin {
    type Config = Config;

    fn new(config: Config) -> Result<Self, String> {
        let is_hash = |hash: &&String| {
            hash.strip_prefix("sha256:")
                .is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
        };
        match config.approve.iter().find(|hash| !is_hash(hash)) {
            Some(other) => Err(format!(
                "approve: `{other}` is no hash of a set, which the log says as `sha256:` and 64 hex digits"
            )),
            None => Ok(Self { config }),
        }
    }

    fn on_catalog(&self, definitions: Vec<Definition>) -> Vec<Admission> {
        let mut sets: BTreeMap<(&str, &'static str), Vec<&Definition>> = BTreeMap::new();
        for definition in &definitions {
            sets.entry((&definition.server, word(definition.kind))).or_default().push(definition);
        }
        let mut held: BTreeMap<(&str, &'static str, &str), String> = BTreeMap::new();
        for ((server, kind), all) in sets {
            let reasons = self.judge(Set { server, kind }, &all).unwrap_or_else(|error| {
                log::error(&format!("everything that server `{server}` offers is held back: {error}"));
                all.iter().map(|definition| (definition.native_id.as_str(), error.clone())).collect()
            });
            held.extend(reasons.into_iter().map(|(name, reason)| ((server, kind, name), reason)));
        }
        metric::count("held", held.len() as u64);
        let admission = |definition: &Definition| {
            let reason = held.get(&(definition.server.as_str(), word(definition.kind), definition.native_id.as_str()));
            let decision = if reason.is_some() { Decision::Hold } else { Decision::Keep };
            Admission { decision, edits: Vec::new(), reason: reason.cloned().unwrap_or_default(), ext_json: None }
        };
        definitions.iter().map(admission).collect()
    }
}

impl Pin {
    /// What of a set is held back, by native name, and why.
    fn judge<'d>(&self, set: Set<'_>, all: &[&'d Definition]) -> Result<BTreeMap<&'d str, String>, String> {
        let mut values: BTreeMap<&'d str, Value> = BTreeMap::new();
        let mut held: BTreeMap<&'d str, String> = BTreeMap::new();
        for definition in all {
            let name = definition.native_id.as_str();
            let value =
                serde_json::from_str(&definition.json).map_err(|error| format!("`{name}` is not JSON: {error}"))?;
            if values.insert(name, value).is_some() {
                held.insert(name, "the name is there twice".to_owned());
            }
        }
        let names: Digests =
            values.iter().map(|(name, value)| ((*name).to_owned(), digest(&canonical(value)))).collect();
        held.extend(self.look_alikes(set, &values)?);
        held.extend(self.drift(set, &names, &values)?);
        Ok(held)
    }

    /// Names of tools and prompts that look like others. Resources are named by URIs, which nobody reads for their looks.
    fn look_alikes<'d>(
        &self,
        set: Set<'_>,
        values: &BTreeMap<&'d str, Value>,
    ) -> Result<BTreeMap<&'d str, String>, String> {
        if !matches!(set.kind, "tool" | "prompt") {
            return Ok(BTreeMap::new());
        }
        let (plain, odd): (Vec<&'d str>, Vec<&'d str>) = values.keys().copied().partition(|name| names::is_plain(name));
        let mut held: BTreeMap<&'d str, String> = odd
            .into_iter()
            .map(|name| (name, "its name has characters that names are not made of".to_owned()))
            .collect();
        for (taken, (server, other)) in set.claim(&plain)? {
            let same = taken == other;
            if (same && self.config.same_name == SameName::Keep) || !values.contains_key(taken.as_str()) {
                continue;
            }
            let Some(name) = plain.iter().find(|name| **name == taken) else { continue };
            let how = if same { "is the name of" } else { "looks like" };
            held.insert(name, format!("its name {how} `{other}` of server `{server}`"));
        }
        Ok(held)
    }

    /// What has changed since the set was pinned.
    fn drift<'d>(
        &self,
        set: Set<'_>,
        names: &Digests,
        values: &BTreeMap<&'d str, Value>,
    ) -> Result<BTreeMap<&'d str, String>, String> {
        let hash = set.hash(names);
        let pinned = set.pinned()?;
        let approved = self.config.approve.contains(&hash);
        let first = pinned.is_none() && self.config.first_use == FirstUse::Trust;
        if approved || first {
            set.pin(names, values)?;
            log::info(&format!("server `{}`: {} of kind {} are pinned as {hash}", set.server, names.len(), set.kind));
            return Ok(BTreeMap::new());
        }
        let pinned = pinned.unwrap_or_default();
        let mut held = BTreeMap::new();
        for (name, value) in values {
            match pinned.names.get(*name) {
                Some(old) if names.get(*name) == Some(old) => {}
                Some(_) => {
                    held.insert(*name, format!("changed since it was pinned: {}", set.changes(name, value)));
                }
                None => {
                    held.insert(*name, "not pinned".to_owned());
                }
            }
        }
        let gone = pinned.names.keys().filter(|name| !names.contains_key(*name)).count();
        if !held.is_empty() {
            let told: Vec<String> = held.iter().map(|(name, reason)| format!("`{name}`: {reason}")).collect();
            log::warn(&format!(
                "server `{}`: {} of kind {} are held back, {gone} are gone. To approve what it offers now: approve = [\"{hash}\"]. {}",
                set.server,
                held.len(),
                set.kind,
                told.join("; ")
            ));
        }
        Ok(held)
    }
}
