//! The limits: as they were written, checked, and as buckets.

use cardea_sdk::Glob;
use cardea_sdk::limiter::{Bucket, Period, Rate, Rule, Window};
use cardea_sdk::prelude::Deserialize;

use crate::cost::{Cost, CostConfig};
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
    #[serde(default)]
    capacity: Option<u32>,
    #[serde(default)]
    refill_per_second: Option<f64>,
    #[serde(default)]
    limit: Option<u64>,
    #[serde(default)]
    window: Option<WindowConfig>,
    #[serde(default)]
    utc_offset_minutes: Option<i32>,
    #[serde(default)]
    concurrent: Option<u32>,
    #[serde(default)]
    methods: Option<Vec<Glob>>,
    #[serde(default)]
    cost: CostConfig,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum WindowConfig {
    Minute,
    Hour,
    Day,
    Month,
}

/// One limit in force.
#[derive(Debug)]
pub(crate) struct Limit {
    pub(crate) name: String,
    pub(crate) rule: Rule,
    pub(crate) cost: Cost,
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
        let rule = config.rule()?;
        let LimitConfig { name, mut per, methods, cost, .. } = config;
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
            None => per.iter().map(Per::as_str).collect::<Vec<_>>().join("+"),
        };
        let cost = cost.into_cost()?;
        if matches!(rule, Rule::Concurrent(_)) && !cost.is_one() {
            return Err("cost: a call takes one place of those that may be taken at once; leave it out".to_owned());
        }
        Ok(Self { name, rule, cost, per, methods })
    }

    /// True if the limit counts calls of this method.
    pub(crate) fn is_for(&self, method: &str) -> bool {
        self.methods.as_ref().is_none_or(|methods| methods.iter().any(|pattern| pattern.matches(method)))
    }

    /// The bucket that the current call takes from, before its reply is known.
    pub(crate) fn bucket(&self, method: &str) -> Bucket {
        Bucket { key: key(&self.name, &self.per, method), rule: self.rule, cost: self.cost.before() }
    }
}

impl LimitConfig {
    /// One of three: a rate, a calendar window, a number under way.
    fn rule(&self) -> Result<Rule, String> {
        let &Self { capacity, refill_per_second, limit, window, utc_offset_minutes, concurrent, .. } = self;
        let has_window = limit.is_some() || window.is_some() || utc_offset_minutes.is_some();
        let has_rate = capacity.is_some() || refill_per_second.is_some();
        match (has_rate, has_window, concurrent) {
            (true, false, None) => rate(capacity, refill_per_second),
            (false, true, None) => calendar(limit, window, utc_offset_minutes.unwrap_or(0)),
            (false, false, Some(0)) => Err("concurrent: must be at least 1, or no call could ever pass".to_owned()),
            (false, false, Some(most)) => Ok(Rule::Concurrent(most)),
            _ => Err("rule: say one of `capacity` with `refill-per-second`, `limit` with `window`, or `concurrent`"
                .to_owned()),
        }
    }
}

fn rate(capacity: Option<u32>, refill_per_second: Option<f64>) -> Result<Rule, String> {
    let capacity = capacity.ok_or("capacity: is missing")?;
    let refill_per_second = refill_per_second.ok_or("refill-per-second: is missing")?;
    if capacity == 0 {
        return Err("capacity: must be at least 1, or no call could ever pass".to_owned());
    }
    if !refill_per_second.is_finite() || refill_per_second <= 0.0 {
        return Err("refill-per-second: must be above 0, or a used-up limit would never recover".to_owned());
    }
    Ok(Rule::Rate(Rate { capacity, refill_per_second }))
}

fn calendar(limit: Option<u64>, window: Option<WindowConfig>, utc_offset_minutes: i32) -> Result<Rule, String> {
    let limit = limit.ok_or("limit: is missing")?;
    let per = match window.ok_or("window: is missing")? {
        WindowConfig::Minute => Period::Minute,
        WindowConfig::Hour => Period::Hour,
        WindowConfig::Day => Period::Day,
        WindowConfig::Month => Period::Month,
    };
    if limit == 0 {
        return Err("limit: must be at least 1, or no call could ever pass".to_owned());
    }
    if utc_offset_minutes.abs() > 14 * 60 {
        return Err("utc-offset-minutes: no zone is further from UTC than 840 minutes".to_owned());
    }
    Ok(Rule::Window(Window { limit, per, utc_offset_minutes }))
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
