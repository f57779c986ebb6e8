//! The authenticator for gateways that need none: every caller is the one subject of the configuration.

use cardea_sdk::prelude::*;

/// The `config` table of the stage.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    #[serde(default = "default_id")]
    id: String,
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    tenant: String,
}

fn default_id() -> String {
    "anonymous".to_owned()
}

/// Everybody is this subject.
pub struct Anonymous {
    subject: Subject,
}

#[cardea_sdk::plugin]
impl Plugin for Anonymous {
    type Config = Config;

    fn new(config: Config) -> Result<Self, String> {
        if config.id.is_empty() {
            return Err("id: is empty; leave it out for `anonymous`".to_owned());
        }
        let subject =
            Subject { tenant: config.tenant, roles: config.roles, ..Subject::new("anonymous", config.id, "anonymous") };
        Ok(Self { subject })
    }

    fn on_authenticate(&self) -> Finding {
        self.subject.clone().into()
    }
}
