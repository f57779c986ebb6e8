//! Rights by one CEL expression over the input document of `cardea-sdk-policy`.

mod value;

use std::sync::Arc;

use cardea_sdk::prelude::*;
use cardea_sdk_policy::{Data, Decision, Engine, Input, Settings, judge, keep};
use cel::{Context, Env, Program, Value};
use value::value;

/// The expression in force.
pub struct Policy {
    settings: Settings,
    expression: Expression,
}

/// The `config` table of the stage.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    policy: String,
    #[serde(default)]
    data: Data,
    #[serde(default)]
    always: Settings,
}

#[cardea_sdk::plugin]
impl Plugin for Policy {
    type Config = Config;

    fn new(config: Config) -> Result<Self, String> {
        let Config { policy, data, always: settings } = config;
        Ok(Self { settings, expression: Expression::new(&policy, &data)? })
    }

    fn on_list(&self, items: Vec<Item>) -> Vec<bool> {
        keep(&self.expression, &items)
    }

    fn on_call(&self) -> CallVerdict {
        judge(&self.expression, &self.settings)
    }
}

/// A compiled expression and its data.
pub struct Expression {
    environment: Arc<Env>,
    program: Program,
    data: Value,
}

impl Expression {
    /// Compiles; the error names the place.
    pub fn new(policy: &str, data: &Data) -> Result<Self, String> {
        let environment = Arc::new(Env::stdlib());
        let program = environment.compile(policy).map_err(|errors| format!("policy: {errors}"))?;
        Ok(Self { environment, program, data: value(data.0.clone()) })
    }
}

impl Engine for Expression {
    fn decide(&self, input: &Input) -> Result<Decision, String> {
        let mut context = Context::with_env(Arc::clone(&self.environment));
        context.add_variable_from_value("input", value(input.to_json()));
        context.add_variable_from_value("data", self.data.clone());
        match self.program.execute(&context).map_err(|error| error.to_string())? {
            Value::Bool(allowed) => Decision::from_json(allowed.into()),
            other => Decision::from_json(other.json().map_err(|error| error.to_string())?),
        }
    }
}
