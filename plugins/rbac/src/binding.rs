//! Which roles a subject has: those its credential names, and those bindings give to groups, tenants and persons.

use cardea_sdk::Glob;
use cardea_sdk::prelude::Deserialize;

use crate::bits::Bits;
use crate::index::Index;

/// Who calls, as far as a decision goes by it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Holder<'a> {
    pub(crate) roles: &'a [String],
    pub(crate) groups: &'a [String],
    pub(crate) tenant: &'a str,
    pub(crate) issuer: &'a str,
    pub(crate) id: &'a str,
}

/// A binding as it was written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct BindingConfig {
    pub(crate) roles: Vec<String>,
    #[serde(default)]
    groups: Option<Vec<Glob>>,
    #[serde(default)]
    tenants: Option<Vec<TenantPattern>>,
    #[serde(default)]
    issuers: Option<Vec<Glob>>,
    #[serde(default)]
    subjects: Option<Vec<Glob>>,
}

/// A pattern for tenants. The empty one is the default tenant, whose name is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TenantPattern(pub(crate) Glob);

impl<'de> Deserialize<'de> for TenantPattern {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let glob = if text.is_empty() { Ok(Glob::literal("")) } else { Glob::new(&text) };
        glob.map(Self).map_err(serde::de::Error::custom)
    }
}

/// All bindings.
#[derive(Debug)]
pub(crate) struct Bindings {
    groups: Index,
    tenants: Index,
    issuers: Index,
    subjects: Index,
    roles: Vec<Vec<String>>,
    asks: Asks,
}

/// What of a subject the bindings go by.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Asks {
    pub(crate) groups: bool,
    pub(crate) tenant: bool,
    pub(crate) person: bool,
}

impl Bindings {
    /// Checks what was written; the error begins with the place.
    pub(crate) fn new(configs: Vec<BindingConfig>, is_role: impl Fn(&str) -> bool) -> Result<Self, String> {
        for (at, config) in configs.iter().enumerate() {
            check(config, &is_role).map_err(|error| format!("bindings[{at}]: {error}"))?;
        }
        let asks = Asks {
            groups: configs.iter().any(|binding| binding.groups.is_some()),
            tenant: configs.iter().any(|binding| binding.tenants.is_some()),
            person: configs.iter().any(|binding| binding.issuers.is_some()),
        };
        let tenants: Vec<Option<Vec<Glob>>> = configs
            .iter()
            .map(|binding| Some(binding.tenants.as_ref()?.iter().map(|pattern| pattern.0.clone()).collect()))
            .collect();
        Ok(Self {
            groups: Index::new(configs.iter().map(|binding| binding.groups.as_deref())),
            tenants: Index::new(tenants.iter().map(Option::as_deref)),
            issuers: Index::new(configs.iter().map(|binding| binding.issuers.as_deref())),
            subjects: Index::new(configs.iter().map(|binding| binding.subjects.as_deref())),
            roles: configs.into_iter().map(|binding| binding.roles).collect(),
            asks,
        })
    }

    /// What a holder must tell for the bindings to be right.
    pub(crate) fn asks(&self) -> Asks {
        self.asks
    }

    /// The roles that bindings give, some perhaps more than once.
    pub(crate) fn roles_of(&self, holder: Holder<'_>) -> impl Iterator<Item = &str> {
        let fitting = (!self.roles.is_empty()).then(|| self.fitting(holder));
        let numbers: Vec<usize> = fitting.iter().flat_map(Bits::numbers).collect();
        numbers.into_iter().flat_map(|binding| &self.roles[binding]).map(String::as_str)
    }

    fn fitting(&self, holder: Holder<'_>) -> Bits {
        let mut fitting = self.groups.fitting_any(holder.groups.iter().map(String::as_str));
        fitting.keep(&self.tenants.fitting(holder.tenant));
        fitting.keep(&self.issuers.fitting(holder.issuer));
        fitting.keep(&self.subjects.fitting(holder.id));
        fitting
    }
}

fn check(config: &BindingConfig, is_role: impl Fn(&str) -> bool) -> Result<(), String> {
    let BindingConfig { roles, groups, tenants, issuers, subjects } = config;
    if roles.is_empty() {
        return Err("roles: is empty, so it would give nothing".to_owned());
    }
    if let Some(unknown) = roles.iter().find(|role| !is_role(role)) {
        return Err(format!("roles: there is no role `{unknown}`"));
    }
    if groups.is_none() && tenants.is_none() && issuers.is_none() && subjects.is_none() {
        return Err("says of nobody; to mean everybody, write `tenants = [\"*\"]`".to_owned());
    }
    if subjects.is_some() && issuers.is_none() {
        return Err("subjects: an id means nothing without `issuers`, who vouch for it".to_owned());
    }
    let lists = [
        ("groups", groups.as_ref().map(Vec::len)),
        ("tenants", tenants.as_ref().map(Vec::len)),
        ("issuers", issuers.as_ref().map(Vec::len)),
        ("subjects", subjects.as_ref().map(Vec::len)),
    ];
    match lists.into_iter().find(|(_, length)| *length == Some(0)) {
        Some((key, _)) => Err(format!("{key}: is empty, so nobody could fit; leave it out to fit everybody")),
        None => Ok(()),
    }
}
