//! Rights by Rego, the language of the Open Policy Agent, over the input document of `cardea-sdk-policy`. Run by regorus;
//! there is no clock, no network and no chance in it.

use std::sync::Arc;

use cardea_sdk::prelude::*;
use cardea_sdk_policy::{Data, Decision, Denial, Engine, Input, Settings, judge, keep};
use regorus::{CompiledPolicy, Value};

/// The rule that decides, unless the configuration names another.
const QUERY: &str = "data.cardea.decision";

/// The policy in force.
pub struct Policy {
    settings: Settings,
    rule: Rule,
}

/// The `config` table of the stage.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    policy: String,
    #[serde(default)]
    data: Option<Data>,
    #[serde(default)]
    query: Option<String>,
    #[serde(default)]
    always: Settings,
}

#[cardea_sdk::plugin]
impl Plugin for Policy {
    type Config = Config;

    fn new(config: Config) -> Result<Self, String> {
        let Config { policy, data, query, always: settings } = config;
        let data = data.unwrap_or_else(|| Data(serde_json::json!({})));
        Ok(Self { settings, rule: Rule::new(policy, &data, query.as_deref().unwrap_or(QUERY))? })
    }

    fn on_list(&self, items: Vec<Item>) -> Vec<bool> {
        keep(&self.rule, &items)
    }

    fn on_call(&self) -> CallVerdict {
        judge(&self.rule, &self.settings)
    }
}

/// A compiled rule with its module and data.
pub struct Rule(CompiledPolicy);

impl Rule {
    /// Compiles; the error names the place.
    pub fn new(policy: String, data: &Data, query: &str) -> Result<Self, String> {
        let mut engine = regorus::Engine::new();
        engine.add_policy("policy".to_owned(), policy).map_err(|error| format!("policy: {error}"))?;
        engine.add_data_json(&data.0.to_string()).map_err(|error| format!("data: {error}"))?;
        let rule: Arc<str> = query.into();
        engine.compile_with_entrypoint(&rule).map(Self).map_err(|error| format!("query: {error}"))
    }
}

impl Engine for Rule {
    fn decide(&self, input: &Input) -> Result<Decision, String> {
        let input: Value = input.to_json().into();
        match self.0.eval_with_input(input).map_err(|error| error.to_string())? {
            Value::Bool(allowed) => Decision::from_json(allowed.into()),
            Value::Undefined => {
                Ok(Decision::Deny(Denial { reason: Some("the rule is undefined".to_owned()), ..Denial::default() }))
            }
            other => Decision::from_json(serde_json::to_value(&other).map_err(|error| error.to_string())?),
        }
    }
}
