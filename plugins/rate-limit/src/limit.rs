//! The limits: as they were written, checked, and as buckets.

use cardea_sdk::Glob;
use cardea_sdk::limiter::{Bucket, Rate, Rule};
use cardea_sdk::prelude::Deserialize;

use crate::key::{Per, key};

/// The `config` table of the stage.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    limits: Vec<LimitConfig>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct LimitConfig {
    #[serde(default)]
    name: Option<String>,
    per: Vec<Per>,
    capacity: u32,
    refill_per_second: f64,
    #[serde(default)]
    methods: Option<Vec<Glob>>,
}

/// One limit in force.
#[derive(Debug)]
pub(crate) struct Limit {
    pub(crate) name: String,
    pub(crate) rate: Rate,
    /// In the order of `Per`, so that writing them in another order keeps the counters.
    per: Vec<Per>,
    methods: Option<Vec<Glob>>,
}

impl Config {
    /// The limits that were meant, or what is wrong with them.
    pub(crate) fn into_limits(self) -> Result<Vec<Limit>, String> {
        if self.limits.is_empty() {
            return Err("limits: is empty, so nothing would be limited; leave the stage out".to_owned());
        }
        let mut limits: Vec<Limit> = Vec::with_capacity(self.limits.len());
        for (at, config) in self.limits.into_iter().enumerate() {
            let limit = Limit::new(config).map_err(|error| format!("limits[{at}].{error}"))?;
            if let Some(other) = limits.iter().position(|other| other.name == limit.name) {
                let name = limit.name;
                return Err(format!(
                    "limits[{at}].name: limits[{other}] is called `{name}` too; give one of them another `name`"
                ));
            }
            limits.push(limit);
        }
        Ok(limits)
    }
}

impl Limit {
    fn new(config: LimitConfig) -> Result<Self, String> {
        let LimitConfig { name, mut per, capacity, refill_per_second, methods } = config;
        if capacity == 0 {
            return Err("capacity: must be at least 1, or no call could ever pass".to_owned());
        }
        if !refill_per_second.is_finite() || refill_per_second <= 0.0 {
            return Err("refill-per-second: must be above 0, or a used-up limit would never recover".to_owned());
        }
        if methods.as_ref().is_some_and(Vec::is_empty) {
            return Err("methods: is empty, so the limit is for no call; leave it out for all".to_owned());
        }
        per.sort_unstable();
        if per.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err("per: says the same thing twice".to_owned());
        }
        let name = match name {
            Some(name) => check_name(name)?,
            None if per.is_empty() => "all".to_owned(),
            None => per.iter().map(|per| per.as_str()).collect::<Vec<_>>().join("+"),
        };
        Ok(Self { name, rate: Rate { capacity, refill_per_second }, per, methods })
    }

    /// True if the limit counts calls of this method.
    pub(crate) fn is_for(&self, method: &str) -> bool {
        self.methods.as_ref().is_none_or(|methods| methods.iter().any(|pattern| pattern.matches(method)))
    }

    /// The bucket that the current call takes from.
    pub(crate) fn bucket(&self, method: &str) -> Bucket {
        Bucket { key: key(&self.name, &self.per, method), rule: Rule::Rate(self.rate), cost: 1 }
    }
}

/// Names go into header fields and counters, so they are kept plain.
fn check_name(name: String) -> Result<String, String> {
    let plain =
        |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || "+_-".contains(character);
    if (1..=64).contains(&name.len()) && name.chars().all(plain) {
        return Ok(name);
    }
    Err(format!("name: `{name}` must be 1 to 64 of a-z, 0-9, `+`, `_` and `-`"))
}
