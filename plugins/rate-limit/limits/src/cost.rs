//! What a call costs: a number, what the tool's definition says, or what the reply turns out to be.

use cardea_sdk::prelude::{Deserialize, Glob, ItemKind, call, catalog};

/// The `cost` of a limit.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "`cost` is a number, or a table with `names`, `definition` or `result-bytes`")]
pub(crate) enum CostConfig {
    Fixed(u32),
    Table(Table),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Table {
    /// The first pattern that fits the tool's name as the server knows it decides.
    #[serde(default)]
    names: Vec<NameCost>,
    /// JSON pointer into the tool's definition, where a whole number stands.
    #[serde(default)]
    definition: Option<String>,
    /// So many bytes of a reply cost one.
    #[serde(default)]
    result_bytes: Option<u64>,
    /// What nothing else says the cost of.
    #[serde(default = "one")]
    default: u32,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct NameCost {
    name: Glob,
    cost: u32,
}

/// What a call costs.
#[derive(Debug)]
pub(crate) struct Cost {
    names: Vec<NameCost>,
    definition: Option<String>,
    result_bytes: Option<u64>,
    default: u32,
}

/// A server's own word on the cost of its tool counts up to here.
const MOST_BY_DEFINITION: u32 = 10_000;

impl Default for CostConfig {
    fn default() -> Self {
        Self::Fixed(1)
    }
}

impl CostConfig {
    pub(crate) fn into_cost(self) -> Result<Cost, String> {
        let cost = match self {
            Self::Fixed(default) => Cost { names: Vec::new(), definition: None, result_bytes: None, default },
            Self::Table(Table { names, definition, result_bytes, default }) => {
                Cost { names, definition, result_bytes, default }
            }
        };
        if cost.default == 0 || cost.names.iter().any(|name| name.cost == 0) {
            return Err("cost: must be at least 1; what costs nothing is left out by `methods` or `match`".to_owned());
        }
        if cost.result_bytes == Some(0) {
            return Err("cost.result-bytes: must be at least 1".to_owned());
        }
        if let Some(pointer) = cost.definition.as_ref().filter(|pointer| !pointer.starts_with('/')) {
            return Err(format!("cost.definition: `{pointer}` is no JSON pointer, such as `/_meta/cost`"));
        }
        Ok(cost)
    }
}

impl Cost {
    /// Whether every call costs one.
    pub(crate) fn is_one(&self) -> bool {
        self.default == 1 && self.names.is_empty() && self.definition.is_none() && self.result_bytes.is_none()
    }

    /// Whether the reply tells more of it.
    pub(crate) fn is_in_reply(&self) -> bool {
        self.result_bytes.is_some()
    }

    /// What the current call takes before its reply is known.
    pub(crate) fn before(&self) -> u32 {
        let name = call::native_name().filter(|_| !self.names.is_empty()).unwrap_or_default();
        let by_name = self.names.iter().find(|cost| cost.name.matches(&name)).map(|cost| cost.cost);
        by_name.or_else(|| self.by_definition()).unwrap_or(self.default)
    }

    /// What it turns out to take beyond that: so many bytes came back from a server.
    pub(crate) fn after(&self, before: u32, bytes: u64) -> i64 {
        let Some(each) = self.result_bytes else { return 0 };
        let units = i64::try_from(bytes.div_ceil(each)).unwrap_or(i64::MAX);
        units - i64::from(before)
    }

    fn by_definition(&self) -> Option<u32> {
        let pointer = self.definition.as_ref()?;
        let written = catalog::get(ItemKind::Tool, &call::name()?, pointer)?;
        written.parse().ok().filter(|cost| (1..=MOST_BY_DEFINITION).contains(cost))
    }
}

fn one() -> u32 {
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_back_is_settled_against_what_was_taken() {
        let table = Table { names: Vec::new(), definition: None, result_bytes: Some(1_000), default: 2 };
        let cost = CostConfig::Table(table).into_cost().unwrap();
        assert_eq!([0, 1, 1_000, 1_001, 9_500].map(|bytes| cost.after(2, bytes)), [-2, -1, -1, 0, 8]);
        assert_eq!(CostConfig::Fixed(5).into_cost().unwrap().after(5, 9_500), 0);
    }
}
