//! The `config` table of the stage.

use cardea_sdk::prelude::Deserialize;

/// The `config` table of the stage.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    #[serde(default)]
    pub(crate) audience: Vec<String>,
    #[serde(default)]
    pub(crate) required_scopes: Vec<String>,
    #[serde(default)]
    pub(crate) optional: bool,
    #[serde(default)]
    pub(crate) dpop: Dpop,
    #[serde(default = "a_minute")]
    pub(crate) dpop_window_seconds: u64,
    #[serde(default)]
    pub(crate) claims: Mapping,
    #[serde(default)]
    pub(crate) issuers: Vec<IssuerConfig>,
}

/// Whether tokens that are bound to a key are taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Dpop {
    /// They are not.
    Off,
    /// They are, beside bearer tokens.
    #[default]
    Optional,
    /// They alone are.
    Required,
}

/// What is different for one issuer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct IssuerConfig {
    pub(crate) issuer: String,
    #[serde(default)]
    pub(crate) tenant: String,
    #[serde(default)]
    pub(crate) claims: Option<Mapping>,
}

/// Which claims say what, each by JSON pointers of which the first that is there counts.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Mapping {
    pub(crate) id: Vec<String>,
    pub(crate) client: Vec<String>,
    pub(crate) scopes: Vec<String>,
    pub(crate) roles: Vec<String>,
    pub(crate) groups: Vec<String>,
    pub(crate) tenant: Vec<String>,
}

impl Default for Mapping {
    fn default() -> Self {
        let pointers = |pointers: &[&str]| pointers.iter().map(|pointer| (*pointer).to_owned()).collect();
        Self {
            id: pointers(&["/sub"]),
            client: pointers(&["/client_id", "/azp"]),
            scopes: pointers(&["/scope", "/scp"]),
            roles: pointers(&["/roles"]),
            groups: pointers(&["/groups"]),
            tenant: Vec::new(),
        }
    }
}

impl Config {
    /// Sees to what the schema cannot.
    pub(crate) fn check(&self) -> Result<(), String> {
        if !(1..=300).contains(&self.dpop_window_seconds) {
            return Err("dpop-window-seconds: must be 1 to 300".to_owned());
        }
        if let Some(scope) = self.required_scopes.iter().find(|scope| !is_scope(scope)) {
            return Err(format!("required-scopes: `{scope}` is no scope (RFC 6749 section 3.3)"));
        }
        if let Some(audience) = self.audience.iter().find(|audience| audience.trim().is_empty()) {
            return Err(format!("audience: `{audience}` is empty"));
        }
        self.claims.check("claims")?;
        for (at, special) in self.issuers.iter().enumerate() {
            let place = format!("issuers[{at}] (`{}`)", special.issuer);
            if self.issuers[..at].iter().any(|other| other.issuer == special.issuer) {
                return Err(format!("{place}: stands there twice"));
            }
            if let Some(claims) = &special.claims {
                claims.check(&format!("{place}: claims"))?;
                if !special.tenant.is_empty() && !claims.tenant.is_empty() {
                    return Err(format!("{place}: has a `tenant` and a claim for it; one of them decides"));
                }
            }
        }
        Ok(())
    }
}

impl Mapping {
    fn check(&self, place: &str) -> Result<(), String> {
        if self.id.is_empty() {
            return Err(format!("{place}: id: is empty, so nobody would have a name"));
        }
        let all = [&self.id, &self.client, &self.scopes, &self.roles, &self.groups, &self.tenant];
        match all.into_iter().flatten().find(|pointer| !pointer.starts_with('/')) {
            Some(pointer) => Err(format!("{place}: `{pointer}` is no JSON pointer; one begins with `/`")),
            None => Ok(()),
        }
    }
}

/// What stands in a challenge must not end its quotes.
fn is_scope(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}

fn a_minute() -> u64 {
    60
}
