//! Rights by Cedar policies. The input document of `cardea-sdk-policy` is the context; who calls, the method and what is
//! called are Cedar's principal, action and resource.

mod request;

use std::str::FromStr;

use cardea_sdk::prelude::*;
use cardea_sdk_policy::{Data, Decision, Denial, Engine, Input, Settings, judge, keep};
use cedar_policy::{Authorizer, Entities, PolicyId, PolicySet, Response};

/// The policies in force.
pub struct Policy {
    settings: Settings,
    policies: Policies,
}

/// The `config` table of the stage.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    policy: String,
    #[serde(default)]
    data: Option<Data>,
    #[serde(default)]
    always: Settings,
}

#[cardea_sdk::plugin]
impl Plugin for Policy {
    type Config = Config;

    fn new(config: Config) -> Result<Self, String> {
        let Config { policy, data, always: settings } = config;
        Ok(Self { settings, policies: Policies::new(&policy, data)? })
    }

    fn on_list(&self, items: Vec<Item>) -> Vec<bool> {
        keep(&self.policies, &items)
    }

    fn on_call(&self) -> CallVerdict {
        judge(&self.policies, &self.settings)
    }
}

/// Parsed policies and the entities that were configured.
pub struct Policies {
    authorizer: Authorizer,
    policies: PolicySet,
    entities: Entities,
}

impl Policies {
    /// Parses; the error names the place.
    pub fn new(policy: &str, data: Option<Data>) -> Result<Self, String> {
        let policies = PolicySet::from_str(policy).map_err(|error| format!("policy: {}", whole(&error)))?;
        let entities = match data {
            Some(Data(entities)) => {
                Entities::from_json_value(entities, None).map_err(|error| format!("data: {}", whole(&error)))?
            }
            None => Entities::empty(),
        };
        Ok(Self { authorizer: Authorizer::new(), policies, entities })
    }

    /// Why not: the annotations `@reason`, `@message` and `@scopes` of the first policy that forbids.
    fn denial(&self, response: &Response) -> Denial {
        let mut forbidding: Vec<&PolicyId> = response.diagnostics().reason().collect();
        forbidding.sort();
        let Some(id) = forbidding.first() else {
            return Denial { reason: Some("no policy permits it".to_owned()), ..Denial::default() };
        };
        let said = |key: &str| self.policies.annotation(id, key).map(str::to_owned);
        let named = said("id").unwrap_or_else(|| id.to_string());
        let scopes = said("scopes").unwrap_or_default();
        Denial {
            reason: said("reason").or_else(|| Some(format!("{named} forbids it"))),
            message: said("message"),
            scopes: scopes.split_whitespace().map(str::to_owned).collect(),
        }
    }
}

impl Engine for Policies {
    fn decide(&self, input: &Input) -> Result<Decision, String> {
        let (request, entities) = request::of(input, &self.entities)?;
        let response = self.authorizer.is_authorized(&request, &self.policies, &entities);
        // Cedar leaves out a policy that fails. One that forbids would then forbid no longer.
        if let Some(error) = response.diagnostics().errors().next() {
            return Err(error.to_string());
        }
        Ok(match response.decision() {
            cedar_policy::Decision::Allow => Decision::Allow,
            cedar_policy::Decision::Deny => Decision::Deny(self.denial(&response)),
        })
    }
}

/// An error with all that lies beneath it: Cedar says what was wrong at the top and where at the bottom.
fn whole(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut beneath = error.source();
    while let Some(source) = beneath {
        text.push_str(": ");
        text.push_str(&source.to_string());
        beneath = source.source();
    }
    text
}
